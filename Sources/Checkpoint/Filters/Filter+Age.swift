internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// age (https://age-encryption.org): to recipients, whose identities open it, or with a passphrase.
extension Filter {
    public static let age = {
        var filter = Filter(name: "age", encode: encryption, decode: decryption)
        filter.encrypts = true
        // Of a passphrase it makes a key in about a second, on purpose.
        filter.beginsSlowly = { $0 == nil }
        return filter
    }()

    private static func encryption(_ argument: String?, _ keys: Keys) throws -> Command {
        guard let argument else {
            var command = Command("age", ["--encrypt", "--passphrase"], name: label("age"))
            command.passphrase = try keys.newPassphrase()
            return command
        }
        let recipients = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard recipients.allSatisfy({ !$0.isEmpty && !$0.hasPrefix("-") }) else {
            throw Failure(
                label("age"), "there is no recipient after its colon",
                remedy: "name one with age:RECIPIENT (age-keygen makes one), or take a passphrase with age")
        }
        return Command("age", ["--encrypt"] + recipients.flatMap { ["--recipient", $0] }, name: label("age"))
    }

    private static func decryption(_ keys: Keys) throws -> Command {
        var command = Command("age", ["--decrypt"], name: label("age"))
        if let identity = keys.identity {
            // Whatever the file is, a pipe perhaps: it was read once.
            command.arguments += ["--identity", "/dev/fd/3"]
            command.file = identity.file
            if identity.isEncrypted { command.passphrase = try keys.passphrase("the identity") }
        } else {
            command.passphrase = try keys.passphrase("the session")
        }
        return command
    }

    /// What opens a file of age's: its first lines say so, to everybody.
    enum AgeLock: Sendable {
        case passphrase, identity

        /// `nil` when these are not a file of age's.
        init?(header: [UInt8]) {
            let lines = String(decoding: header, as: UTF8.self).split(separator: "\n", maxSplits: 2)
            guard lines.count >= 2, lines[0].hasPrefix("age-encryption.org/"), lines[1].hasPrefix("-> ") else {
                return nil
            }
            self = lines[1].hasPrefix("-> scrypt ") ? .passphrase : .identity
        }
    }

    /// Throws when what was given cannot open a file of age's: before it is opened, and before anybody is asked for what
    /// would not help.
    static func requireKey(to file: FilePath, _ keys: Keys) throws(Failure) {
        guard let start = try? Files.head(of: file, count: 4096), let lock = AgeLock(header: start) else { return }
        switch lock {
        case .passphrase where keys.identity != nil:
            throw Failure(
                sentence: "it was encrypted with a passphrase", remedy: "leave out --identity", cause: .noKey)
        case .identity where keys.identity == nil:
            throw Failure(
                sentence: "it was encrypted for a recipient", remedy: "give the identity with --identity FILE",
                cause: .noKey)
        case .passphrase, .identity: return
        }
    }

    /// age's words for what a person can put right, in ours; any other failure as it is.
    static func explain(_ failure: Failure) -> Failure {
        let reason = failure.reason
        guard reason.contains(label("age")) else { return failure }
        if reason.contains("incorrect passphrase") {
            return Failure(sentence: "the passphrase is wrong", cause: .noKey)
        }
        if reason.contains("no identity matched") {
            return Failure(
                sentence: "it was not encrypted for this identity", remedy: "give another with --identity FILE",
                cause: .noKey)
        }
        if reason.contains("failed to decrypt and authenticate") {
            return Failure(sentence: "what is encrypted has been altered or is cut short")
        }
        return failure
    }
}

extension Errno {
    /// Of a session that only another key opens.
    static let noKey = Errno(rawValue: ENOKEY)
}
