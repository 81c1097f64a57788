internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The messages that are being taken out of one queue: a file that is mapped while it is done, so that each message is in
/// the queue or in the file whenever the process is killed that does it.
final class MessageJournal {
    private let name: String
    private let stride: Int
    private let capacity: Int
    private let base: UnsafeMutableRawPointer
    private let size: Int

    /// At the file's beginning: the queue's name, and how its messages lie behind it.
    private struct Header {
        static let size = 512
        static let stride = 256
        static let capacity = 264
    }

    private static let prefix = "queue-"
    private static let sizeLimit = 1 << 31

    /// A new one.
    init(_ folder: FilePath, _ number: Int, _ name: String, capacity: Int, largest: Int) throws {
        guard name.utf8.count < 256, (0...(1 << 20)).contains(capacity), (0...(1 << 28)).contains(largest) else {
            throw Failure("message queue /\(name) of the pod", "it is too large")
        }
        self.name = name
        self.capacity = capacity
        stride = MemoryLayout<csys_message>.size + (largest + 7) / 8 * 8
        size = Header.size + capacity * stride
        guard size <= Self.sizeLimit else { throw Failure("message queue /\(name) of the pod", "it is too large") }
        let path = folder.appending("\(Self.prefix)\(number)")
        let size = size
        base = try attempt("write", path.string) { () throws(Errno) in
            let file = OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDWR | O_CREAT | O_EXCL, 0o600)))
            try retrying { ftruncate(file.number, off_t(size)) }
            return try Self.map(file, size)
        }
        for (index, byte) in name.utf8.enumerated() { base.storeBytes(of: byte, toByteOffset: index, as: UInt8.self) }
        base.storeBytes(of: UInt64(capacity), toByteOffset: Header.capacity, as: UInt64.self)
        base.storeBytes(of: UInt64(stride), toByteOffset: Header.stride, as: UInt64.self)
    }

    /// One that somebody has begun; `nil` when he was killed before there was anything in it.
    private init?(_ path: FilePath) throws(Errno) {
        let file = OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDWR, 0)))
        var status = stat()
        try retrying { fstat(file.number, &status) }
        guard status.st_size >= Header.size, status.st_size <= Self.sizeLimit else { return nil }
        size = Int(status.st_size)
        base = try Self.map(file, size)
        stride = Int(clamping: base.load(fromByteOffset: Header.stride, as: UInt64.self))
        capacity = Int(clamping: base.load(fromByteOffset: Header.capacity, as: UInt64.self))
        let bytes = UnsafeRawBufferPointer(start: base, count: 256)
        name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        let room = size - Header.size
        guard stride >= MemoryLayout<csys_message>.size, capacity <= room / stride, !name.isEmpty else { return nil }
    }

    deinit { munmap(base, size) }

    private static func map(_ file: borrowing OwnedDescriptor, _ size: Int) throws(Errno) -> UnsafeMutableRawPointer {
        guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0), base != MAP_FAILED else {
            throw Errno(rawValue: errno)
        }
        return base
    }

    static func all(in folder: FilePath) throws -> [MessageJournal] {
        guard let names = try? Files.list(folder) else { return [] }
        return try names.filter { $0.hasPrefix(prefix) }.sorted().compactMap { name in
            try attempt("read", folder.appending(name).string) { () throws(Errno) in
                try MessageJournal(folder.appending(name))
            }
        }
    }

    private var slots: UnsafeMutableRawPointer { base + Header.size }

    func take(from ipc: borrowing OwnedDescriptor) throws -> [PosixQueues.Record.Message] {
        let count = try attempt("read", "message queue /\(name) of the pod") { () throws(Errno) in
            try check(csys_queue_take(ipc.number, name, slots, stride, capacity))
        }
        return (0..<Int(count)).map { index in
            let slot = slots + index * stride
            let message = slot.load(as: csys_message.self)
            let bytes = UnsafeRawBufferPointer(
                start: slot + MemoryLayout<csys_message>.size, count: Int(message.length))
            return PosixQueues.Record.Message(
                priority: message.priority, bytes: Data(bytes).base64EncodedString())
        }
    }

    func give(to ipc: borrowing OwnedDescriptor) throws {
        _ = try attempt("write", "message queue /\(name) of the pod") { () throws(Errno) in
            try check(csys_queue_give(ipc.number, name, slots, stride, capacity))
        }
    }
}

extension PosixQueues.Record {
    /// Makes the queue and sends its messages again.
    func make(in ipc: borrowing OwnedDescriptor, uidBase: UInt32, uidCount: UInt32) throws {
        let subject = "message queue /\(name) of the pod"
        guard uid < uidCount, gid < uidCount, name.utf8.count < 256, !name.isEmpty,
            !name.utf8.contains(UInt8(ascii: "/"))
        else { throw Failure("make", subject, "the session's record of it makes no sense") }
        var queue = csys_queue(
            most: mostMessages, largest: largestMessage, count: 0, mode: mode & 0o7777, uid: uidBase + uid,
            gid: uidBase + gid)
        let contents = try messages.map { message in
            guard let bytes = Data(base64Encoded: message.bytes) else {
                throw Failure("make", subject, "the session's record of it makes no sense")
            }
            return (Array(bytes), message.priority)
        }
        try attempt("make", subject) { () throws(Errno) in
            try check(csys_queue_make(ipc.number, name, &queue))
            for (bytes, priority) in contents {
                try check(csys_queue_send(ipc.number, name, bytes, bytes.count, priority))
            }
        }
    }
}
