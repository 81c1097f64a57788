internal import Glibc
public import SystemPackage

/// What is mounted where, as this process sees it (`/proc/self/mountinfo`, proc(5)).
public enum MountTable {
    /// What is mounted at a place, the topmost; `nil` when it is no mount point. `/dev/sdb1`, say.
    public static func source(at place: FilePath) -> FilePath? {
        entries.last { $0.place == place }?.source
    }

    /// The mount points below a folder.
    public static func places(below folder: FilePath) -> [FilePath] {
        entries.map(\.place).filter { $0.starts(with: folder) && $0 != folder }
    }

    private static var entries: [(place: FilePath, source: FilePath)] {
        let text = (try? Files.text("/proc/self/mountinfo", limit: 1 << 24)) ?? ""
        // "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS"
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash > 4, fields.count > dash + 2 else { return nil }
            return (FilePath(unescaped(fields[4])), FilePath(unescaped(fields[dash + 2])))
        }
    }

    /// Blanks and backslashes are written as three octal digits.
    package static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            let value = digits.reduce(0) { $0 * 8 + Int($1) - Int(UInt8(ascii: "0")) }
            let isOctal =
                digits.count == 3 && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
            if byte == UInt8(ascii: "\\"), isOctal, let whole = UInt8(exactly: value) {
                bytes.append(whole)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
