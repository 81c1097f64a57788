internal import Glibc
internal import LinuxSystem
internal import Synchronization
public import SystemPackage

/// The files that a pod's programs have mapped: programs, libraries, tables. A restore opens every one of them, and what
/// it restores needs their pages next; on a host that has just mounted the pod's files none of it is in memory.
public enum MappedFiles {
    /// How many are remembered at most.
    public static let limit = 1000

    /// Their paths in the pod, sorted. What the names say is the pod's word, good for nothing but reading ahead.
    public static func list(in cgroup: Cgroup) -> [String] {
        var found: Set<ArraySlice<UInt8>> = []
        for process in cgroup.processes {
            guard let maps = try? Files.read(FilePath("/proc/\(process)/maps"), limit: 4 << 20) else { continue }
            collect(from: maps, into: &found)
            if found.count >= limit { break }
        }
        return Array(found.map { String(decoding: $0, as: UTF8.self) }.sorted().prefix(limit))
    }

    /// The files in a `/proc/PID/maps` (proc(5): "address perms offset dev inode pathname"). As bytes: of a hundred
    /// processes there are thousands of lines, most of them of files that are known already.
    package static func collect(from maps: [UInt8], into found: inout Set<ArraySlice<UInt8>>) {
        let space = UInt8(ascii: " ")
        let deleted = Array(" (deleted)".utf8)
        for line in maps.split(separator: UInt8(ascii: "\n")) {
            // Shared memory and what was removed is gone with the host; "\" begins what the kernel could not print.
            // The path keeps the spaces before it.
            var rest = line
            var inode = rest.prefix(0)
            for _ in 0..<5 {
                rest = rest.drop { $0 == space }
                inode = rest.prefix { $0 != space }
                rest = rest[inode.endIndex...]
            }
            let path = rest.drop { $0 == space }
            guard !inode.elementsEqual([UInt8(ascii: "0")]), path.first == UInt8(ascii: "/"), path.count <= 4096,
                !path.suffix(deleted.count).elementsEqual(deleted), !path.contains(UInt8(ascii: "\\"))
            else { continue }
            found.insert(path)
        }
    }

    /// Has the kernel read files into its page cache, on a thread of its own, until this value goes.
    public final class ReadAhead: Sendable {
        private let thread = DoneSignal()
        private let end = End()

        /// Not in this object itself, whose last reference may be going while the thread still looks.
        private final class End: Sendable { let isCome = Atomic(false) }

        /// Bytes of one file, and of all. The programs of a large desktop go on before all of it is read.
        private static let fileLimit = 16 << 20
        private static let totalLimit = 256 << 20

        /// - Parameters:
        ///   - paths: in the pod; one that is not there, or leads out of it, or is no ordinary file, is passed over.
        ///   - root: where the pod's files are mounted.
        public init(_ paths: [String], in root: FilePath) {
            thread.run { [end] in
                guard let root = try? RootedFolder(root) else { return }
                var left = Self.totalLimit
                for path in paths.prefix(MappedFiles.limit) where left > 0 {
                    guard !end.isCome.load(ordering: .relaxed) else { return }
                    left -= Self.read(FilePath(path), in: root)
                }
            }
        }

        deinit {
            end.isCome.store(true, ordering: .relaxed)
            thread.wait()
        }

        /// Bytes that the kernel was asked for.
        private static func read(_ path: FilePath, in root: borrowing RootedFolder) -> Int {
            var status = stat()
            guard let file = try? root.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY),
                fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { return 0 }
            let bytes = min(Int(status.st_size), fileLimit)
            posix_fadvise(file.number, 0, bytes, POSIX_FADV_WILLNEED)
            return bytes
        }
    }
}
