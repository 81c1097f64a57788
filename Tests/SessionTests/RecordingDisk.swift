import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// A file system on a disk that writes down all that reaches it: see Programs/recording-disk.c.
final class RecordingDisk {
    enum Record: Sendable {
        /// Offset in bytes, and what was written there.
        case write(offset: Int, bytes: [UInt8])
        /// What was written before lasts from here on.
        case flush
    }

    private let folder: LabFolder
    private let server: ChildProcess
    /// The two numbers of `struct control`.
    private let control: UnsafeMutablePointer<UInt64>
    /// The disk's bytes before the first record.
    let blank: [UInt8]
    let mountPoint: FilePath

    /// - Parameter blank: what is on it; a new ext4 without.
    init(megabytes: Int = 32, holding blank: [UInt8]? = nil) throws {
        folder = try LabFolder("mediapod-recording", in: "/dev/shm")
        mountPoint = folder.appending("mounted")
        let image = folder.appending("image")
        if let blank {
            try Files.write(image, blank, permissions: .ownerReadWrite)
        } else {
            try CrashImage.format(image, megabytes: megabytes)
        }
        self.blank = try Files.read(image, limit: 1 << 30)
        let served = folder.appending("served")
        let controlFile = folder.appending("control")
        for place in [served, mountPoint] { try Files.makeFolder(place, permissions: .init(rawValue: 0o755)) }
        let null = try Files.openForReading("/dev/null")
        let log = try Files.openForWriting(folder.appending("log"))
        server = try ChildProcess(
            Command(
                try Self.program.get().string,
                [image, folder.appending("record"), controlFile, served].map(\.string)),
            input: null.number, output: log.number, error: log.number)
        let disk = served.appending("disk")
        guard Wait.until(milliseconds: 20_000, { Files.isRegularFile(disk) }) else {
            server.kill()
            throw Failure("the recording disk", "does not come: \((try? Files.text(folder.appending("log"))) ?? "")")
        }
        let file = open(controlFile.string, O_RDWR | O_CLOEXEC)
        defer { close(file) }
        let memory = mmap(nil, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let memory, memory != MAP_FAILED else { throw Errno(rawValue: errno) }
        control = memory.bindMemory(to: UInt64.self, capacity: 2)
        try CrashImage.mount(disk, at: mountPoint)
    }

    deinit {
        end()
        munmap(control, 16)
    }

    /// Takes it away, as it is: what was not written is lost.
    func end() {
        try? Mounts.detach(mountPoint)
        try? Mounts.detach(folder.appending("served"))
        server.kill()
        _ = server.wait()
    }

    private static let program: Result<FilePath, any Error> = Result {
        let program = LabBroker.repository.appending("build/lab/recording-disk")
        let source = LabBroker.repository.appending("Tests/SessionTests/Programs/recording-disk.c")
        try Files.makeFolders(program.removingLastComponent(), permissions: .init(rawValue: 0o755))
        let compile = "cc -O2 -D_GNU_SOURCE -o \"$1\" \"$2\" $(pkg-config --cflags --libs fuse3)"
        try Pipeline([Command("sh", ["-c", compile, "sh", program.string, source.string])]).run()
        return program
    }

    /// How many records there are.
    var count: Int { Int(control[0]) }

    /// With the next record but `more` it is gone.
    func vanish(afterRecords more: Int) { control[1] = control[0] + UInt64(more) }

    /// The disk's bytes now.
    func bytes() throws -> [UInt8] { try Files.read(folder.appending("image"), limit: 1 << 30) }

    func records() throws -> [Record] {
        let bytes = try Files.read(folder.appending("record"), limit: 1 << 30)
        var records: [Record] = []
        var place = 0
        func number(_ offset: Int, _ count: Int) -> Int {
            bytes[place + offset..<place + offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        // Of a disk that vanished the last one may be cut off.
        while place + 24 <= bytes.count {
            let (kind, offset, length) = (number(0, 4), number(8, 8), number(16, 8))
            place += 24
            if kind == 2 {
                records.append(.flush)
            } else if place + length <= bytes.count {
                records.append(.write(offset: offset, bytes: Array(bytes[place..<place + length])))
            }
            place += length
        }
        return records
    }
}

/// What a disk holds at some moment, to be mounted.
final class CrashImage {
    private let folder: LabFolder
    let mountPoint: FilePath

    /// Mounts it: the file system's journal is replayed, as by the next host.
    init(_ bytes: [UInt8]) throws {
        folder = try LabFolder("mediapod-crash", in: "/dev/shm")
        mountPoint = folder.appending("mounted")
        let image = folder.appending("image")
        try Files.write(image, bytes, permissions: .ownerReadWrite)
        try Files.makeFolder(mountPoint, permissions: .init(rawValue: 0o755))
        try Self.mount(image, at: mountPoint)
    }

    deinit { try? Mounts.detach(mountPoint) }

    /// Without ext4's own help for programs that forget to sync what they rename.
    static func mount(_ image: FilePath, at place: FilePath) throws {
        try Pipeline([Command("mount", ["-o", "loop,noauto_da_alloc", image.string, place.string])]).run()
    }

    /// Whole from the beginning: ext4 would go on formatting in the background.
    static func format(_ image: FilePath, megabytes: Int) throws {
        try Pipeline([Command("truncate", ["-s", "\(megabytes)M", image.string])]).run()
        let options = ["-q", "-m", "0", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"]
        try Pipeline([Command("mkfs.ext4", options + [image.string])]).run()
    }
}
