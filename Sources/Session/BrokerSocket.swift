internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// The listening socket at which a pod's programs reach their broker, `/run/mediapod/sound` in the pod.
///
/// Not a broker's own: the supervisor holds it as long as the pod runs, and every broker listens at a copy. So a program
/// whose broker died is connected again at once, with the next one, whenever that comes, and need not look for it.
enum BrokerSocket {
    /// The broker's descriptor of it.
    static let brokerNumber: Int32 = 5
    /// How many connections may wait for a broker: as many as one takes.
    private static let backlog: Int32 = 256

    /// Makes it, in place of one that nobody holds any more, and the folders that it and the broker's files lie in.
    static func make(in folder: PodFolder, for choice: SoundChoice, uidBase: UInt32) throws -> OwnedDescriptor {
        try attempt("make", folder.guestSound.string) { () throws(Errno) in
            // The desktop user's broker makes its control socket here; the pod's root, as whom CRIU looks for what it
            // mounts, gets through; nobody else of this host's users does.
            try Files.ensureFolder(folder.host, mode: 0o170, owner: uidBase, group: choice.groupID)
            try Files.ensureFolder(folder.guest, mode: 0o755, owner: choice.userID, group: choice.groupID)
            // Whoever is in the pod may play.
            return try UnixSocket.listen(
                at: folder.guestSound, kind: .sequentialPacket,
                permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite], backlog: backlog)
        }
    }

    /// The one that a running pod has, for a new supervisor; another one when nobody holds it any more.
    static func find(of state: RuntimeState, in folder: PodFolder) throws -> OwnedDescriptor {
        if let socket = state.broker?.copyOfDescriptor(brokerNumber) { return socket }
        return try make(in: folder, for: state.sound, uidBase: state.uidBase)
    }

    /// Closes the connections that wait for a broker. There is none, and the pod is frozen: none is added.
    static func dropWaiting(of state: RuntimeState) throws(Errno) {
        // Without a supervisor nobody holds it.
        guard let socket = state.supervisor?.copyOfDescriptor(SupervisorProcess.soundNumber) else { return }
        while let connection = try UnixSocket.accept(from: socket) { _ = consume connection }
    }
}
