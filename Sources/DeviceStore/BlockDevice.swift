internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A device on a file system of its own, named by its block device: `/dev/sdb1`.
struct BlockDevice {
    /// Absolute, without links.
    let path: FilePath

    /// `nil` for what is no block device.
    init?(_ path: FilePath) {
        var status = stat()
        guard stat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFBLK else { return nil }
        self.path = path
        number = status.st_rdev
    }

    private let number: dev_t

    /// What lies on it, by blkid(8): its TYPE (of a file system, or of something else) and PTTYPE (of partitions).
    private struct Content {
        var type: String?
        var usage: String?
        var partitions: String?
    }

    private func content() throws -> Content {
        var lines: [Substring] = []
        do {
            // Read from the device, not from what is remembered of it.
            let output = try Pipeline.output(of: Command("blkid", ["-p", "-o", "export", path.string]))
            lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
        } catch let failure as Failure where failure.reason.contains("exit code 2") {
            // Nothing that it knows.
        }
        func value(_ name: String) -> String? {
            lines.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        return Content(type: value("TYPE"), usage: value("USAGE"), partitions: value("PTTYPE"))
    }

    /// Mounts its file system on this host, unless it is.
    func mount(in runtime: FilePath) throws -> FilePath {
        try DeviceMounts.hold("block-\(number)", in: runtime) { place in
            let content = try content()
            guard content.type != nil, content.usage == "filesystem" else { throw unusable(content) }
            do {
                // mount(8) knows the file systems that are programs, too.
                _ = try Pipeline.output(of: Command("mount", ["-o", "nodev,noatime", path.string, place.string]))
            } catch let failure as Failure {
                throw failure.during("mount", path.string)
            }
        }
    }

    /// Makes an ext4 on one that has nothing on it.
    func format() throws {
        let content = try content()
        guard content.type == nil, content.partitions == nil else {
            throw Failure(
                "format", path.string,
                "there is something on it: \(content.type ?? "partitions (\(content.partitions ?? "?"))")",
                remedy: "erase that first with: wipefs --all \(path)")
        }
        _ = try Pipeline.output(
            of: Command("mkfs.ext4", ["-q", "-m", "0", "-L", "mediapod", path.string]))
    }

    private func unusable(_ content: Content) -> Failure {
        if let partitions = content.partitions {
            return Failure(
                sentence: "\(path) has partitions (\(partitions)), and no file system itself",
                remedy: "name one of them: \(path)1, say")
        }
        if let type = content.type {
            return Failure(sentence: "\(path) has no file system on it, but \(type)", remedy: "name another")
        }
        return Failure(
            sentence: "\(path) has nothing on it",
            remedy: "make a file system on it, and a device of that, with: mediapod device init --format \(path)")
    }
}
