internal import LinuxSystem
internal import SystemPackage

/// A JSON file on the device that says which version of its format it has.
protocol Document: Codable {
    /// The version this program writes, and the highest it reads.
    static var currentFormat: Int { get }
    var formatVersion: Int { get }
    /// What is wrong with the file that it was read from, in words that follow the file's name; `nil` when nothing is.
    func problem(in bytes: [UInt8]) -> String?
}

extension Document {
    func problem(in bytes: [UInt8]) -> String? { nil }
}

/// As much of a document as every version of it has.
private struct Version: Decodable {
    var formatVersion: Int

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
    }
}

enum DocumentFile {
    /// No record on a device is as long as this; what is has been damaged. Bytes.
    static let limit = 16 << 20

    /// - Parameter name: what the file is in a person's words: "session 3 of pod x".
    static func read<Value: Document>(_ type: Value.Type, _ path: FilePath, name: String) throws -> Value {
        let file = path.lastComponent?.string ?? path.string
        let bytes: [UInt8]
        let kind: Files.Kind?
        do throws(Errno) {
            // A link leads out of the device, and a FIFO would hold up whoever opens it.
            kind = try Files.kind(of: path)
            bytes = kind == nil || kind == .file ? try Files.read(path, limit: limit) : []
        } catch {
            let reason = error == .noSuchFileOrDirectory ? "is missing" : "is not readable: \(Failure.text(of: error))"
            throw Failure(name, "\(file) \(reason)", cause: error)
        }
        guard kind == .file else { throw Failure(name, "\(file) is no ordinary file") }
        do {
            // The version first: of a newer format nothing else may be assumed.
            let version = try JSONText.decode(Version.self, from: bytes).formatVersion
            guard version <= Value.currentFormat else {
                throw Failure(
                    name, "\(file) has format \(version), this program reads up to \(Value.currentFormat)",
                    remedy: "use a newer mediapod")
            }
            let value = try JSONText.decode(type, from: bytes)
            if let problem = value.problem(in: bytes) { throw Failure(name, "\(file) \(problem)") }
            return value
        } catch let error as DecodingError {
            throw Failure(name, "\(file) \(JSONText.explain(error))")
        }
    }

    static func replace(_ path: FilePath, with value: some Document, name: String) throws {
        let bytes = try JSONText.encode(value)
        try attempt("write", "\(path.lastComponent?.string ?? "the record") of \(name)") { () throws(Errno) in
            try Files.replace(path, with: bytes)
        }
    }
}
