internal import Glibc
public import SystemPackage

/// This program's own file; the others of MediaPod lie beside it.
public enum Executable {
    public static let path: FilePath = {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        return FilePath(String(decoding: buffer[..<max(count, 0)], as: UTF8.self))
    }()

    public static var folder: FilePath { path.removingLastComponent() }

    /// Where a part of MediaPod that is no program may be: beside this one, or in the tree that it was built in.
    ///
    /// - Parameter built: its path below the tree's `build`; installed it has the last name of that.
    public static func places(of built: FilePath) -> [FilePath] {
        // SwiftPM's `release` is a link to `<platform>/release`: what the kernel names lies one folder deeper.
        let tree = folder.removingLastComponent().removingLastComponent()
        let beside = built.lastComponent.map { [folder.appending($0)] } ?? []
        return beside
            + [tree, tree.removingLastComponent()].map { $0.appending("build").pushing(built) }
    }
}
