public import SystemPackage

extension Files {
    /// Removes a tree; nothing there is no error. What is mounted inside is left alone, and is an error.
    ///
    /// By `rm`: a pod may have made trees deeper than any path is long, which rm walks by descriptors.
    public static func removeTree(_ path: FilePath) throws(Failure) {
        let subject = path.string
        guard try attempt("remove", subject, { () throws(Errno) in try kind(of: path) }) != nil else { return }
        let rm = Command("rm", ["-rf", "--one-file-system", "--", subject])
        do {
            try Pipeline([rm]).run()
        } catch let failure as Failure {
            throw failure.during("remove", subject)
        } catch {
            throw Failure("remove", subject, "\(error)")
        }
    }
}
