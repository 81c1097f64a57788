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
}
