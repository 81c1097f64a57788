internal import Synchronization
public import LinuxSystem
public import SystemPackage

/// What an encrypted stream is opened or locked with. Asked for only when a stream needs it, and once.
public final class Keys: Sendable {
    /// What a passphrase is for.
    public enum Purpose: Sendable, Equatable {
        /// It locks a new session: a person types it twice.
        case locking
        /// It opens what is there: `the session`, `the identity`.
        case opening(String)
    }

    /// Gives the passphrase; `nil` when there is nobody to ask.
    public typealias Ask = @Sendable (Purpose) throws -> Secret?

    let identity: Identity?
    private let ask: Ask
    private let known = Mutex<Secret?>(nil)

    public init(identity: Identity? = nil, ask: @escaping Ask = { _ in nil }) {
        self.identity = identity
        self.ask = ask
    }

    func newPassphrase() throws -> Secret { try secret(.locking) }

    func passphrase(_ what: String) throws -> Secret { try secret(.opening(what)) }

    private func secret(_ purpose: Purpose) throws -> Secret {
        try known.withLock { known in
            if let known { return known }
            guard let secret = try ask(purpose) else {
                throw Failure(
                    Filter.label("age"), "there is no terminal to ask for the passphrase at",
                    remedy: "give it with --passphrase-file FILE", cause: .noKey)
            }
            known = secret
            return secret
        }
    }
}

/// A file of identities, as `age-keygen` writes it, or a private key of SSH's.
public struct Identity: Sendable {
    /// Held in memory.
    let file: SharedDescriptor
    /// With a passphrase, by age.
    let isEncrypted: Bool

    private static let limit = 1 << 20

    /// Reads it whole; a pipe will do.
    public init(_ path: FilePath) throws(Failure) {
        let bytes = try attempt("read", "the identity \(path.string)") { () throws(Errno) in
            try Files.read(path, limit: Self.limit)
        }
        let text = String(decoding: bytes.prefix(64), as: UTF8.self)
        isEncrypted = text.hasPrefix("age-encryption.org/") || text.hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----")
        file = try attempt("keep", "the identity \(path.string)") { () throws(Errno) in
            let memory = try Files.memory("identity")
            let written = bytes.withUnsafeBytes { buffer in
                Result { () throws(Errno) in try Files.writeAll(memory, buffer) }
            }
            try written.get()
            return SharedDescriptor(memory)
        }
    }
}
