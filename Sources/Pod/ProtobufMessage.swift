/// A message of Protocol Buffers' wire format that is read, changed, and written again: what is not understood of it stays
/// as it was, in its place.
package struct ProtobufMessage: Equatable {
    private enum Value: Equatable {
        case number(UInt64)
        case bytes([UInt8])
        /// 4 or 8 bytes, which nobody here has a use for.
        case fixed([UInt8])
    }

    private struct Field: Equatable {
        var number: Int
        var value: Value
    }

    private var fields: [Field] = []

    package init() {}

    /// `nil` when the bytes are no message.
    package init?(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            guard let key = ProtobufFields.varint(&rest), let number = Int(exactly: key >> 3), number > 0 else {
                return nil
            }
            let value: Value
            switch key & 7 {
            case 0:
                guard let read = ProtobufFields.varint(&rest) else { return nil }
                value = .number(read)
            case 1, 5:
                let count = key & 7 == 1 ? 8 : 4
                guard rest.count >= count else { return nil }
                value = .fixed(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            case 2:
                guard let count = ProtobufFields.varint(&rest).flatMap({ Int(exactly: $0) }), count <= rest.count else {
                    return nil
                }
                value = .bytes(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            default: return nil
            }
            fields.append(Field(number: number, value: value))
        }
    }

    package var bytes: [UInt8] {
        var writer = ProtobufWriter()
        for field in fields {
            switch field.value {
            case .number(let value): writer.number(value, field.number)
            case .bytes(let value): writer.data(value, field.number)
            case .fixed(let value): writer.fixed(value, field.number)
            }
        }
        return writer.bytes
    }

    /// An integer; `nil` when it is not there. Of several the last counts.
    package func number(_ field: Int) -> UInt64? {
        for entry in fields.reversed() where entry.number == field {
            if case .number(let value) = entry.value { return value }
        }
        return nil
    }

    /// The integers of a repeated field.
    package func numbers(_ field: Int) -> [UInt64] {
        fields.compactMap { entry in
            if entry.number == field, case .number(let value) = entry.value { value } else { nil }
        }
    }

    package func data(_ field: Int) -> [UInt8]? {
        for entry in fields.reversed() where entry.number == field {
            if case .bytes(let value) = entry.value { return value }
        }
        return nil
    }

    package func text(_ field: Int) -> String? { data(field).map { String(decoding: $0, as: UTF8.self) } }

    package func message(_ field: Int) -> ProtobufMessage? { data(field).flatMap { ProtobufMessage($0) } }

    package mutating func set(_ value: UInt64, _ field: Int) { set(.number(value), field) }

    package mutating func set(_ value: ProtobufMessage, _ field: Int) { set(.bytes(value.bytes), field) }

    package mutating func set(_ value: String, _ field: Int) { set(.bytes(Array(value.utf8)), field) }

    package mutating func remove(_ field: Int) { fields.removeAll { $0.number == field } }

    private mutating func set(_ value: Value, _ field: Int) {
        if let index = fields.lastIndex(where: { $0.number == field }) {
            fields[index].value = value
        } else {
            fields.append(Field(number: field, value: value))
        }
    }

    /// Changes every one of the messages that a repeated field holds; false when there was nothing to change.
    package mutating func change(
        each field: Int, _ body: (inout ProtobufMessage) throws -> Bool
    ) rethrows -> Bool {
        var isChanged = false
        for index in fields.indices where fields[index].number == field {
            guard case .bytes(let bytes) = fields[index].value, var message = ProtobufMessage(bytes) else { continue }
            if try body(&message) {
                fields[index].value = .bytes(message.bytes)
                isChanged = true
            }
        }
        return isChanged
    }
}
