internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What a pod's programs watch by inotify(7). The kernel tells the device and number of each file and folder, no name; CRIU
/// wants one, looks for it only where daemons of servers watch, and fails when it is elsewhere. So it is told beforehand, in
/// its own cache of such names.
extension InodeNames {
    /// What the inotify descriptors of the processes watch.
    package static func watched(by processes: [Int32]) -> Set<Inode> {
        var found: Set<Inode> = []
        for process in processes {
            for number in ProcessDescriptors.numbers(of: process, linkedTo: "anon_inode:inotify") {
                let text = try? Files.text(FilePath("/proc/\(process)/fdinfo/\(number)"), limit: 1 << 22)
                found.formUnion(watched(in: text ?? ""))
            }
        }
        return found
    }

    /// "inotify wd:1 ino:2a sdev:1f mask:…", numbers in hexadecimal.
    package static func watched(in fdinfo: String) -> [Inode] {
        fdinfo.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.first == "inotify" else { return nil }
            func value(_ name: String) -> UInt64? {
                words.first { $0.hasPrefix(name) }.flatMap { UInt64($0.dropFirst(name.count), radix: 16) }
            }
            guard let inode = value("ino:"), let device = value("sdev:").flatMap({ UInt32(exactly: $0) }) else {
                return nil
            }
            return Inode(device: device, number: inode)
        }
    }

    /// `irmap_cache_entry` of CRIU's images/fsnotify.proto.
    package var cache: CriuImage {
        let entries = found.sorted { $0.value < $1.value }.map { inode, path in
            var entry = ProtobufMessage()
            entry.set(UInt64(inode.device), 1)
            entry.set(inode.number, 2)
            entry.set(path, 3)
            return entry
        }
        return CriuImage(service: Self.magic, entries: entries)
    }

    private static let magic: UInt32 = 0x5700_4059
    package static let cacheName = "irmap-cache"
}
