internal import CSndFile

/// Why libsndfile could not do something.
enum SoundFileProblem {
    /// In plain words: of what a system call said it makes "System error : No such file or directory.".
    ///
    /// - Parameter file: `nil` for one that could not be opened.
    static func reason(_ file: OpaquePointer?) -> String {
        let text = String(cString: sf_strerror(file))
        let prefix = "System error : "
        guard text.hasPrefix(prefix) else { return text }
        return String(text.dropFirst(prefix.count).prefix { $0 != "." }).lowercased()
    }
}
