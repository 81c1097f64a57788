public import FoundationEssentials

/// JSON as this project writes it everywhere: sorted keys, ISO-8601 dates in whole seconds, one final line end.
public enum JSONText {
    /// `pretty` for what a person may read; otherwise one line.
    public static func encode(_ value: some Encodable, pretty: Bool = true) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
    }

    /// Throws `DecodingError`; `explain` says it in words.
    public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: Data(bytes))
    }

    /// What is wrong with a document, for a sentence like "pod.json: has no \"base\"".
    public static func explain(_ error: any Error) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            let outer = place(context)
            return "has no \"\(outer.isEmpty ? "" : outer + ".")\(key.stringValue)\""
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            return "\"\(place(context))\" is not what it should be"
        case DecodingError.dataCorrupted(let context):
            return context.codingPath.isEmpty ? "is not JSON" : "\"\(place(context))\" is not what it should be"
        default:
            return "is not readable"
        }
    }

    /// A date without the part of a second that JSON text here does not keep, so that it reads back equal.
    public static func wholeSeconds(_ date: Date) -> Date {
        Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down))
    }
}
