public import LinuxSystem

/// The rule for a pod's name: it becomes a folder's name, a cgroup's and a host name, so it has to be harmless in all
/// of them, and in a shell.
public enum PodName {
    public static let longest = 64

    /// Throws with the reason when `name` cannot be a pod's.
    public static func validate(_ name: String) throws(Failure) {
        let subject = "the name \"\(name)\""
        if name.isEmpty { throw Failure(sentence: "a pod's name cannot be empty", remedy: rule) }
        if name.utf8.contains(UInt8(ascii: "/")) {
            throw Failure(sentence: "\(subject) has a slash in it", remedy: rule)
        }
        if name.utf8.count > longest {
            throw Failure(
                sentence: "the name \"\(name.prefix(16))…\" is longer than \(longest) characters", remedy: rule)
        }
        if name.hasPrefix(".") || name.hasPrefix("-") {
            throw Failure(sentence: "\(subject) begins with \"\(name.prefix(1))\"", remedy: rule)
        }
        if let wrong = name.first(where: { !isAllowed($0) }) {
            throw Failure(sentence: "\(subject) has \"\(wrong)\" in it", remedy: rule)
        }
    }

    private static let rule = "use letters, digits, \".\", \"_\" and \"-\", a letter or digit or \"_\" first"

    private static func isAllowed(_ character: Character) -> Bool {
        guard let ascii = character.asciiValue else { return false }
        return switch ascii {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
