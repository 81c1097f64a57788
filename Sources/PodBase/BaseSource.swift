internal import LinuxSystem
public import SystemPackage

/// Where a pod's base file system comes from.
public enum BaseSource: Sendable {
    /// Debian packages and what they need, of a suite such as `bookworm`.
    case packages([String], suite: String)
    /// A tree that is there; it is copied, never changed.
    case tree(FilePath)
    /// A container image in a file or folder, as containers-transports(5) names it.
    case image(OCIImage)

    /// Throws for what cannot be a package's or a suite's name: they become a program's arguments.
    func validate() throws(Failure) {
        switch self {
        case .packages(let packages, let suite):
            guard Self.isName(suite, allowed: "-") else {
                throw Failure(sentence: "\"\(suite)\" is not the name of a Debian suite", remedy: "use bookworm")
            }
            for package in packages where !Self.isName(package, allowed: "+-.") {
                throw Failure(sentence: "\"\(package)\" is not a package's name", remedy: "check the name")
            }
        case .image: break
        case .tree(let path):
            guard Files.isFolder(path) else { throw Failure(sentence: "there is no folder \(path.string)") }
            guard Files.isFolder(path.appending("usr")) || Files.isFolder(path.appending("bin")) else {
                throw Failure(sentence: "\(path.string) is not a root file system: it has neither usr nor bin")
            }
        }
    }

    /// Bytes that the device needs, about, while a base of it is made: the tree, and what it is compressed to.
    func room(with desktop: Desktop) -> UInt64 {
        let tree: UInt64 =
            switch self {
            // Without what nobody can guess.
            case .packages: 700 << 20 + desktop.installedBytes
            case .tree(let path): (try? Files.treeBytes(path).allocated) ?? 0
            // Compressed there, and here once more as it is.
            case .image(let image): image.fileBytes * 4
            }
        return min(tree, 1 << 42) / 2 * 3 + (32 << 20)
    }

    /// Debian policy 5.6.1: lower-case letters, digits, `+ - .`; at least two, a letter or digit first.
    private static func isName(_ text: String, allowed: String) -> Bool {
        guard text.utf8.count >= 2, let first = text.utf8.first, isAlphanumeric(first) else { return false }
        return text.utf8.allSatisfy { isAlphanumeric($0) || allowed.utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
