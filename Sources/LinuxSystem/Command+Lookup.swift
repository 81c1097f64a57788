internal import Glibc

extension Command {
    /// Throws, with what to do, unless all of `programs` are in PATH.
    public static func require(_ programs: [String], to purpose: String) throws(Failure) {
        let folders = getenv("PATH").map { String(cString: $0) }?.split(separator: ":") ?? []
        let missing = programs.filter { program in
            !folders.contains { access("\($0)/\(program)", X_OK) == 0 }
        }
        guard missing.isEmpty else {
            throw Failure(
                "\(missing.joined(separator: ", "))", "missing on this host, needed to \(purpose)",
                remedy: "install it with: make setup")
        }
    }
}
