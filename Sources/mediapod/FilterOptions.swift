internal import ArgumentParser
internal import CLI
internal import Checkpoint
internal import LinuxSystem
internal import SystemPackage

/// `--filter`
struct FilterOptions: ParsableArguments {
    @Option(
        name: .customLong("filter"),
        help: ArgumentHelp(
            """
            A program that the stream goes through, in this order: zstd[:LEVEL], lz4[:LEVEL], age:RECIPIENT, age (a \
            passphrase), one of this host's own, or none. Without it, those that the session came with, or zstd.
            """, valueName: "filter"))
    var filters: [String] = []

    /// `nil` when none were named.
    func choices() throws -> [FilterChoice]? {
        if filters.isEmpty { return nil }
        if filters == ["none"] { return [] }
        guard !filters.contains("none") else { throw ValidationError("--filter none goes with no other filter") }
        return try filters.map { text throws(Failure) in try FilterChoice(text) }
    }
}

/// `--passphrase-file`
struct PassphraseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Where the passphrase is, in the first line; /dev/fd/N for an open descriptor. Without it, it is asked for \
            at the terminal.
            """, valueName: "file"))
    var passphraseFile: String?

    func keys(identity: Identity? = nil) -> Keys {
        let file = passphraseFile.map { FilePath($0) }
        return Keys(identity: identity) { purpose in
            if let file { return try Self.read(file) }
            return switch purpose {
            case .locking: try Terminal.askPassphrase("passphrase for the session", confirming: true)
            case .opening(let what): try Terminal.askPassphrase("passphrase of \(what)", confirming: false)
            }
        }
    }

    private static func read(_ file: FilePath) throws(Failure) -> Secret {
        let bytes = try attempt("read", "the passphrase in \(file.string)") { () throws(Errno) in
            try Files.read(file, limit: 1 << 16)
        }
        return try Terminal.secret(bytes.prefix { $0 != UInt8(ascii: "\n") }, "the first line of \(file.string)")
    }
}

/// `--identity`, `--passphrase-file`: what opens an encrypted session.
struct KeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The identity that an encrypted session is opened with (as age-keygen writes it).", valueName: "file"))
    var identity: String?

    @OptionGroup var passphrase: PassphraseOptions

    func keys() throws -> Keys {
        passphrase.keys(identity: try identity.map { path throws(Failure) in try Identity(FilePath(path)) })
    }
}
