internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A pod's POSIX message queues. CRIU knows nothing of them: it refuses a pod that has any, and cannot tell which queue a
/// descriptor is. So it is told that the descriptors are not its business, and afterwards the images say that each is of
/// the file /dev/mqueue/NAME, which is as good (mq_overview(7)). Queues and messages go along in a file of their own
/// (`PosixQueues.Record`), and are there again before the pod's processes are.
struct PosixQueues {
    /// Where every pod has them as files.
    static let place: FilePath = "/dev/mqueue"

    private struct Found {
        var name: String
        var inode: UInt64
        var queue: csys_queue
    }

    private let process: ProcessIdentity
    private let uidBase: UInt32
    private let uidCount: UInt32
    private let found: [Found]
    /// The mounts through which processes have queues open, as their fdinfo calls them.
    private let mounts: Set<Int>
    /// Of the pod's file system at `place`, in the pod's mount namespace.
    private let mount: Int

    var isEmpty: Bool { found.isEmpty }

    /// Throws what of them cannot be moved.
    init(of pod: Criu.DumpedPod) throws {
        process = pod.initProcess
        uidBase = pod.uidBase
        uidCount = pod.uidCount
        let table = (try? Files.text(FilePath("/proc/\(process.pid)/mountinfo"), limit: 1 << 20)) ?? ""
        mount = Self.mount(in: table) ?? -1
        guard mount >= 0, let folder = try Self.folder(of: process), let device = Self.device(of: folder) else {
            found = []
            mounts = []
            return
        }
        let ipc = try Self.namespace(of: process.pid)
        found = try Files.list(FilePath("/proc/self/fd/\(folder.number)")).sorted().map { name in
            var status = stat()
            var queue = csys_queue()
            try attempt("look at", "message queue /\(name) of the pod") { () throws(Errno) in
                try retrying { fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) }
                try check(csys_queue_look(ipc.number, name, &queue))
            }
            if let notified = Self.notified(by: name, in: folder) {
                throw Obstacle(
                    pod.processes.first { $0.hostPID == notified },
                    "waits to be told of messages in queue /\(name) (mq_notify)")
            }
            return Found(name: name, inode: UInt64(status.st_ino), queue: queue)
        }
        let inodes = Set(found.map(\.inode))
        mounts = found.isEmpty ? [] : try Self.mounts(of: device, inodes, pod)
    }

    /// For CRIU's `--external`.
    var external: [String] {
        guard !found.isEmpty else { return [] }
        let descriptors = mounts.flatMap { mount in found.map { Self.key(mount, $0.inode) } }
        return descriptors + ["mnt[\(Self.place.string)]:\(Self.place.string)"]
    }

    private static func key(_ mount: Int, _ inode: UInt64) -> String {
        "file[\(String(mount, radix: 16)):\(String(inode, radix: 16))]"
    }

    /// "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS"
    private static func mount(in table: String) -> Int? {
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 5, fields[4] == place.string, fields.contains("mqueue") { return Int(fields[0]) }
        }
        return nil
    }

    private static func folder(of process: ProcessIdentity) throws -> OwnedDescriptor? {
        let root = try attempt("open", "the pod's files") { () throws(Errno) in
            try RootedFolder(FilePath("/proc/\(process.pid)/root"))
        }
        guard let folder = try? root.open(place, flags: O_RDONLY | O_DIRECTORY, links: .refused),
            csys_is_queue_folder(folder.number) == 1
        else { return nil }
        return folder
    }

    private static func device(of folder: borrowing OwnedDescriptor) -> dev_t? {
        var status = stat()
        return fstat(folder.number, &status) == 0 ? status.st_dev : nil
    }

    /// The process that one queue is to tell of its next message; by the host's number, since a process of the host asks.
    private static func notified(by name: String, in folder: borrowing OwnedDescriptor) -> Int32? {
        let number = openat(folder.number, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return nil }
        let file = OwnedDescriptor(adopting: number)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 1)
        defer { buffer.deallocate() }
        guard let count = try? Files.read(file, into: buffer) else { return nil }
        // "QSIZE:129 NOTIFY:2 SIGNO:0 NOTIFY_PID:8260"
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        return text.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("NOTIFY_PID:") }
            .flatMap { Int32($0.dropFirst("NOTIFY_PID:".count)) }.flatMap { $0 == 0 ? nil : $0 }
    }

    /// What mq_open(3) gives is of a mount that nobody sees, the kernel's own.
    private static func mounts(of device: dev_t, _ inodes: Set<UInt64>, _ pod: Criu.DumpedPod) throws -> Set<Int> {
        var mounts: Set<Int> = []
        for process in pod.cgroup.processes {
            let folder = FilePath("/proc/\(process)/fd")
            for number in (try? Files.list(folder)) ?? [] {
                var status = stat()
                guard stat(folder.appending(number).string, &status) == 0, status.st_dev == device else { continue }
                // The folder itself.
                if status.st_mode & S_IFMT == S_IFDIR { continue }
                guard inodes.contains(UInt64(status.st_ino)) else {
                    throw Obstacle(
                        pod.processes.first { $0.hostPID == process },
                        "has a message queue open whose name is gone (mq_unlink)")
                }
                let text = (try? Files.text(FilePath("/proc/\(process)/fdinfo/\(number)"), limit: 1 << 16)) ?? ""
                let line = text.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
                guard let mount = line?.split(separator: "\t").last.flatMap({ Int($0) }) else { continue }
                mounts.insert(mount)
            }
        }
        return mounts
    }

    static func namespace(of pid: Int32) throws -> OwnedDescriptor {
        let path = FilePath("/proc/\(pid)/ns/ipc")
        return try attempt("open", path.string) { () throws(Errno) in try Files.openForReading(path) }
    }

    /// Has the images say of each descriptor which file it is of, and of the mount that it is an ordinary one.
    func mend(_ images: CriuImages) throws {
        guard !found.isEmpty else { return }
        let names = Dictionary(
            mounts.flatMap { mount in found.map { (Self.key(mount, $0.inode), $0.name) } }, uniquingKeysWith: { $1 })
        let (name, mountID, isExternal) = (6, 7, 9)
        if var image = try images.read(CriuImages.files) {
            for index in image.entries.indices {
                guard var file = image.entries[index].message(CriuImages.FileEntry.regular),
                    let queue = file.text(name).flatMap({ names[$0] })
                else { continue }
                file.set("\(Self.place.string)/\(queue)", name)
                // A signed number in zigzag form; this one is not negative.
                file.set(UInt64(mount) << 1, mountID)
                file.remove(isExternal)
                image.entries[index].set(file, CriuImages.FileEntry.regular)
            }
            try images.write(image, CriuImages.files)
        }
        let (mountPoint, isExternalMount, externalKey) = (7, 13, 18)
        for name in try images.names(beginningWith: "mountpoints-") {
            guard var image = try images.read(name) else { continue }
            for index in image.entries.indices
            where image.entries[index].text(mountPoint)?.hasSuffix(Self.place.string) == true {
                image.entries[index].remove(isExternalMount)
                image.entries[index].remove(externalKey)
            }
            try images.write(image, name)
        }
    }
}

extension PosixQueues {
    /// What a session's images have of queues: `mediapod-queues.json`.
    struct Record: Codable {
        struct Message: Codable {
            var priority: UInt32
            /// As text, base64.
            var bytes: String
        }

        var name: String
        /// Permission bits.
        var mode: UInt32
        /// In the pod.
        var uid: UInt32
        var gid: UInt32
        var mostMessages: Int64
        var largestMessage: Int64
        /// In the order in which they would be received.
        var messages: [Message]

        enum CodingKeys: String, CodingKey {
            case mostMessages = "most_messages"
            case largestMessage = "largest_message"
            case name, mode, uid, gid, messages
        }
    }

    static let recordName: FilePath.Component = "mediapod-queues.json"

    /// Takes the messages out of the queues, whose processes do not need them any more, and writes all down beside the
    /// images. Nothing can look at a message without taking it. `giveBack` undoes it.
    ///
    /// - Parameter journals: where what is taken is kept until then, whenever this process is killed.
    func take(_ folders: Criu.Folders) throws {
        guard !found.isEmpty else { return }
        let ipc = try Self.namespace(of: process.pid)
        let records = try found.enumerated().map { index, found in
            let journal = try MessageJournal(
                folders.work, index, found.name, capacity: Int(found.queue.count), largest: Int(found.queue.largest))
            let messages = try journal.take(from: ipc)
            guard let uid = inPod(found.queue.uid), let gid = inPod(found.queue.gid) else {
                throw Obstacle("message queue /\(found.name) belongs to nobody of the pod")
            }
            return Record(
                name: found.name, mode: found.queue.mode, uid: uid, gid: gid, mostMessages: found.queue.most,
                largestMessage: found.queue.largest, messages: messages)
        }
        let bytes = try JSONText.encode(records)
        try attempt("write", Self.recordName.string) { () throws(Errno) in
            try Files.swap(folders.images.appending(Self.recordName), with: bytes, mode: 0o600)
        }
    }

    private func inPod(_ id: UInt32) -> UInt32? {
        id >= uidBase && id - uidBase < uidCount ? id - uidBase : nil
    }

    /// Puts back what was taken by anyone, whatever became of him.
    static func giveBack(_ folders: Criu.Folders, to process: ProcessIdentity) throws {
        let journals = try MessageJournal.all(in: folders.work)
        guard !journals.isEmpty, process.isAlive else { return }
        let ipc = try namespace(of: process.pid)
        for journal in journals { try journal.give(to: ipc) }
    }

    /// Makes a restored pod's queues, in the namespace of its first process, before there is another.
    static func make(from images: FilePath, in pid: Int32, uidBase: UInt32, uidCount: UInt32) throws {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try Files.read(images.appending(recordName), limit: 1 << 30)
        } catch .noSuchFileOrDirectory {
            return
        } catch {
            throw Failure("read", recordName.string, error)
        }
        guard let records = try? JSONText.decode([Record].self, from: bytes) else {
            throw Failure("the session's message queues", "\(recordName.string) makes no sense")
        }
        let ipc = try namespace(of: pid)
        for record in records { try record.make(in: ipc, uidBase: uidBase, uidCount: uidCount) }
    }
}
