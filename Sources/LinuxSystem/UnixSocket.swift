internal import CLinux
internal import Glibc
public import SystemPackage

/// A unix socket, stream or seqpacket. Names that are longer than `sun_path` (107 bytes) are reached through an
/// open folder, so a runtime folder may lie as deep as it likes.
public enum UnixSocket {
    public enum Kind: Sendable {
        case stream, sequentialPacket

        var type: Int32 {
            switch self {
            case .stream: Int32(SOCK_STREAM.rawValue)
            case .sequentialPacket: Int32(SOCK_SEQPACKET.rawValue)
            }
        }
    }

    /// A non-blocking listening socket at `path`, whose `permissions` are set before anyone can connect. A socket that
    /// a dead process left there is replaced.
    public static func listen(at path: FilePath, kind: Kind, permissions: FilePermissions, backlog: Int32 = 64)
        throws(Errno) -> OwnedDescriptor
    {
        let folder = try openFolder(of: path)
        let name = try FilePath("/proc/self/fd/\(folder.number)").appending(last(of: path)).string
        let socket = OwnedDescriptor(adopting: try check(csys_unix_socket(kind.type)))
        unlink(name)
        try check(csys_unix_bind(socket.number, name))
        try retrying { chmod(name, permissions.rawValue) }
        try retrying { Glibc.listen(socket.number, backlog) }
        try socket.setNonBlocking(true)
        return socket
    }

    /// Connects, waiting only as long as the listener's backlog is full.
    public static func connect(to path: FilePath, kind: Kind) throws(Errno) -> OwnedDescriptor {
        let folder = try openFolder(of: path)
        let socket = OwnedDescriptor(adopting: try check(csys_unix_socket(kind.type)))
        let name = try FilePath("/proc/self/fd/\(folder.number)").appending(last(of: path)).string
        try check(csys_unix_connect(socket.number, name))
        return socket
    }

    /// Takes the next connection of a non-blocking listener, itself non-blocking; `nil` when there is none.
    public static func accept(from listener: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor? {
        let number = csys_accept(listener.number)
        return number == -EAGAIN ? nil : OwnedDescriptor(adopting: try check(number))
    }

    /// Two sockets that are connected to each other.
    public static func pair(kind: Kind) throws(Errno) -> SocketPair {
        var numbers: [Int32] = [-1, -1]
        try check(csys_socket_pair(kind.type, &numbers))
        return SocketPair(first: OwnedDescriptor(adopting: numbers[0]), second: OwnedDescriptor(adopting: numbers[1]))
    }

    private static func openFolder(of path: FilePath) throws(Errno) -> OwnedDescriptor {
        let folder = path.removingLastComponent().string
        return OwnedDescriptor(adopting: try check(csys_open_folder(folder.isEmpty ? "." : folder)))
    }

    private static func last(of path: FilePath) throws(Errno) -> FilePath.Component {
        guard let name = path.lastComponent else { throw .invalidArgument }
        return name
    }
}

/// Both ends of a connection, close-on-exec.
public struct SocketPair: ~Copyable {
    public let first: OwnedDescriptor
    public let second: OwnedDescriptor

    /// The other is closed.
    public consuming func keepingFirst() -> OwnedDescriptor { first }
}
