internal import LinuxSystem
public import SystemPackage

/// Where a pod's base file system comes from.
public enum BaseSource: Sendable {
    /// Debian packages and what they need, of a suite such as `bookworm`.
    case packages([String], suite: String)
    /// A tree that is there; it is copied, never changed.
    case tree(FilePath)

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
        case .tree(let path):
            guard Files.isFolder(path) else { throw Failure(sentence: "there is no folder \(path.string)") }
            guard Files.isFolder(path.appending("usr")) || Files.isFolder(path.appending("bin")) else {
                throw Failure(sentence: "\(path.string) is not a root file system: it has neither usr nor bin")
            }
        }
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
