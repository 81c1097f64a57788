internal import CLinux
internal import Glibc
public import SystemPackage

/// Mounts that belong together, unmounted in reverse order when this value goes, unless it is told to keep them.
///
/// What a running pod stands on outlives the program that mounted it; what a failed start leaves must not.
public struct MountStack: ~Copyable {
    private var mountPoints: [FilePath] = []

    public init() {}

    /// Takes responsibility for a mount.
    public mutating func add(_ mountPoint: FilePath) { mountPoints.append(mountPoint) }

    /// From here on they stay.
    public consuming func keep() { mountPoints = [] }

    deinit {
        for mountPoint in mountPoints.reversed() { try? Mounts.detach(mountPoint) }
    }
}

/// The mount calls that a pod needs, each with the stage that failed in its error.
public enum Mounts {
    /// Which call failed. `message` is the kernel's own where it gave one.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        public var stage: String
        public var error: Errno
        public var message: String

        public var description: String { "\(stage): \(error)" + (message.isEmpty ? "" : " (\(message))") }
    }

    /// Whether the kernel has a file system of that type, or can load it.
    public static func knows(_ type: String) -> Bool {
        let result = csys_fs_open(type)
        if result >= 0 { close(result) }
        return result != -ENODEV
    }

    /// Mounts the squashfs file `image` at `mountPoint`, read-only, its owners shifted by `map`.
    public static func squashfs(image: FilePath, at mountPoint: FilePath, map: borrowing OwnedDescriptor)
        throws(Problem)
    {
        let file = OwnedDescriptor(adopting: try stage("open \(image)") { csys_open(image.string, O_RDONLY, 0) })
        var number: Int32 = -1
        let attached = csys_loop_attach(file.number, 1, &number)
        let loop = OwnedDescriptor(adopting: try stage("loop device for \(image)") { attached })
        let flags = UInt(MS_RDONLY | MS_NODEV)
        // The device frees itself with its last user: `loop` until the mount has it.
        try stage("mount \(image)") {
            csys_mount("/dev/loop\(number)", mountPoint.string, "squashfs", flags, nil)
        }
        _ = loop.number
        do throws(Problem) {
            // Only a mount that nobody sees yet can be given a map: a copy of it takes its place.
            let copy = OwnedDescriptor(
                adopting: try stage("open_tree \(mountPoint)") { csys_clone_mount(mountPoint.string) })
            try stage("idmap \(mountPoint)") { csys_mount_idmap(copy.number, map.number, 1) }
            try stage("umount \(mountPoint)") { csys_umount(mountPoint.string, 0) }
            try stage("move_mount \(mountPoint)") { csys_attach_mount(copy.number, mountPoint.string) }
        } catch {
            _ = csys_umount(mountPoint.string, Int32(MNT_DETACH))
            throw error
        }
    }

    /// Mounts an ext4 on a block device at `mountPoint`, to be written to; what is removed from it is given back to what the
    /// device lies on, where that is possible.
    public static func ext4(_ device: FilePath, at mountPoint: FilePath) throws(Problem) {
        try stage("mount \(device)") {
            csys_mount(
                device.string, mountPoint.string, "ext4", UInt(MS_NODEV | MS_NOATIME), "errors=remount-ro,discard")
        }
    }

    /// Takes the mount away if nobody uses it; false when somebody does.
    public static func release(_ mountPoint: FilePath) throws(Problem) -> Bool {
        let result = csys_umount(mountPoint.string, Int32(UMOUNT_NOFOLLOW))
        if result == -EBUSY { return false }
        if result == -EINVAL || result == -ENOENT { return true }
        try stage("umount \(mountPoint)") { result }
        return true
    }

    /// Kernels differ in their defaults, and a layer is written by one and read by the next: plain files and folders,
    /// whiteouts and opaque folders only. A file has one device and inode number, of whatever layer it is and whoever asks:
    /// CRIU and inotify(7) compare them.
    private static let overlayOptions: KeyValuePairs = [
        "redirect_dir": "off", "metacopy": "off", "index": "off", "xino": "on",
    ]

    /// Stacks `lower` (highest first) under the writable `upper` at `mountPoint`.
    public static func overlay(lower: [FilePath], upper: FilePath?, work: FilePath?, at mountPoint: FilePath)
        throws(Problem)
    {
        // Names longer than fsconfig(2)'s 255 bytes, or with overlayfs's own separators, are no matter behind a descriptor.
        var folders: [Int32] = []
        defer { for folder in folders { close(folder) } }
        func place(_ path: FilePath) throws(Problem) -> String {
            let folder = try stage("open \(path)") { csys_open_folder(path.string) }
            folders.append(folder)
            return "/proc/self/fd/\(folder)"
        }
        let lowerPlaces = try lower.map { path throws(Problem) in try place(path) }
        let upperPlace = try upper.map { path throws(Problem) in try place(path) }
        let workPlace = try work.map { path throws(Problem) in try place(path) }

        let system = csys_fs_open("overlay")
        if system >= 0 {
            let context = OwnedDescriptor(adopting: system)
            if try configure(context, lowerPlaces, upperPlace, workPlace, mountPoint) { return }
        }
        // Kernels before 6.7 know no `lowerdir+`.
        var data = "lowerdir=" + lowerPlaces.joined(separator: ":")
        data += overlayOptions.map { ",\($0.key)=\($0.value)" }.joined()
        if let upperPlace, let workPlace { data += ",upperdir=\(upperPlace),workdir=\(workPlace)" }
        try stage("mount overlay at \(mountPoint)") {
            csys_mount("overlay", mountPoint.string, "overlay", UInt(MS_NODEV), data)
        }
    }

    /// False when the kernel does not know `lowerdir+`.
    private static func configure(
        _ context: borrowing OwnedDescriptor, _ lower: [String], _ upper: String?, _ work: String?,
        _ mountPoint: FilePath
    ) throws(Problem) -> Bool {
        let number = context.number
        for (index, place) in lower.enumerated() {
            let result = csys_fs_set_string(number, "lowerdir+", place)
            if result == -EINVAL && index == 0 { return false }
            try stage("overlay lowerdir", context: number) { result }
        }
        for (key, value) in overlayOptions {
            try stage("overlay \(key)", context: number) { csys_fs_set_string(number, key, value) }
        }
        if let upper, let work {
            try stage("overlay upperdir", context: number) { csys_fs_set_string(number, "upperdir", upper) }
            try stage("overlay workdir", context: number) { csys_fs_set_string(number, "workdir", work) }
        }
        _ = csys_fs_set_string(number, "source", "mediapod")
        let mount = OwnedDescriptor(
            adopting: try stage("mount overlay at \(mountPoint)", context: number) {
                csys_fs_mount(number, csys_mount_nodev)
            })
        try stage("move_mount \(mountPoint)") { csys_attach_mount(mount.number, mountPoint.string) }
        return true
    }

    /// An empty tmpfs; `options` are tmpfs(5)'s.
    public static func tmpfs(at mountPoint: FilePath, options: String) throws(Problem) {
        try stage("mount tmpfs at \(mountPoint)") {
            csys_mount("mediapod", mountPoint.string, "tmpfs", UInt(MS_NOSUID | MS_NODEV), options)
        }
    }

    /// Takes the mount away, at once or when its last user goes. What is no mount point, or not there, is fine.
    ///
    /// The corresponding C function is `umount2` with `MNT_DETACH`.
    public static func detach(_ mountPoint: FilePath) throws(Problem) {
        while true {
            let result = csys_umount(mountPoint.string, Int32(MNT_DETACH) | Int32(UMOUNT_NOFOLLOW))
            if result == -EINVAL || result == -ENOENT { return }
            // A mount may lie on another.
            try stage("umount \(mountPoint)") { result }
        }
    }

    @discardableResult
    private static func stage(_ name: String, context: Int32? = nil, _ call: () -> Int32) throws(Problem) -> Int32 {
        do throws(Errno) {
            return try check(call())
        } catch {
            var message = [CChar](repeating: 0, count: 256)
            if let context { _ = csys_fs_message(context, &message, message.count) }
            let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw Problem(stage: name, error: error, message: text.filter { !$0.isNewline })
        }
    }
}
