internal import Glibc

/// This machine, as a manifest names it.
enum Host {
    static var name: String { field(\.nodename) }
    static var kernel: String { field(\.release) }

    private static func field<Value>(_ path: KeyPath<utsname, Value>) -> String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: names[keyPath: path]) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
