internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A filter of the host's own, `NAME.json`:
///
///     {"encode": ["xz", "-c"], "decode": ["xz", "-d", "-c"]}
struct FilterDefinition: Decodable {
    var encode: [String]
    var decode: [String]

    private static let limit = 1 << 16

    /// `nil` when there is none of that name.
    static func read(_ name: String, in folder: FilePath) throws(Failure) -> Filter? {
        let path = folder.appending("\(name).json")
        let subject = Filter.label(name)
        guard try attempt("read", path.string, { () throws(Errno) in try Files.kind(of: path) }) != nil else {
            return nil
        }
        // What it names runs as who runs the engine.
        for place in [folder, path] {
            guard isSafe(place) else {
                throw Failure(
                    subject, "\(place.string) could be written by others than root",
                    remedy: "correct it with: chown root \(place.string) && chmod go-w \(place.string)")
            }
        }
        let bytes = try attempt("read", path.string) { () throws(Errno) in try Files.read(path, limit: limit) }
        let definition: FilterDefinition
        do {
            definition = try JSONText.decode(FilterDefinition.self, from: bytes)
        } catch {
            throw Failure(subject, "\(path.string) \(JSONText.explain(error))")
        }
        guard let encoder = definition.encode.first, let decoder = definition.decode.first,
            !encoder.isEmpty, !decoder.isEmpty
        else { throw Failure(subject, "\(path.string) names no program") }
        return Filter(
            name: name, encode: (encoder, Array(definition.encode.dropFirst())),
            decode: (decoder, Array(definition.decode.dropFirst())))
    }

    private static func isSafe(_ path: FilePath) -> Bool {
        var status = stat()
        guard stat(path.string, &status) == 0 else { return false }
        return (status.st_uid == 0 || status.st_uid == geteuid()) && status.st_mode & 0o022 == 0
    }
}
