internal import Glibc
internal import LinuxSystem
public import SystemPackage
public import Viewer

/// A display that is not a pod's: for tests, and for looking at a server by itself.
public enum ObjectFile {
    public static func open(_ path: FilePath) throws -> DisplayObject {
        let file = try attempt("open", path.string) { () throws(Errno) in
            OwnedDescriptor(
                adopting: try retrying { Glibc.open(path.string, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) })
        }
        return try DisplayObject(file, of: path.string)
    }
}
