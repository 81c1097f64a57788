/// Protocol Buffers' wire format, as much of it as CRIU's service speaks (its images/rpc.proto): integers and what has a
/// length.
package struct ProtobufWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// A field of an integer or enumeration.
    package mutating func number(_ value: UInt64, _ field: Int) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    package mutating func flag(_ value: Bool, _ field: Int) { number(value ? 1 : 0, field) }

    package mutating func text(_ value: String, _ field: Int) { data(Array(value.utf8), field) }

    /// A message within the message.
    package mutating func message(_ value: ProtobufWriter, _ field: Int) { data(value.bytes, field) }

    mutating func data(_ value: [UInt8], _ field: Int) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    /// A field of 4 or 8 bytes.
    mutating func fixed(_ value: [UInt8], _ field: Int) {
        varint(UInt64(field) << 3 | (value.count == 8 ? 1 : 5))
        bytes += value
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// The fields of one message; of a field that comes twice the last counts.
package struct ProtobufFields {
    package private(set) var numbers: [Int: UInt64] = [:]
    package private(set) var data: [Int: ArraySlice<UInt8>] = [:]

    /// `nil` when the bytes are no message.
    package init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            guard let key = Self.varint(&rest), let field = Int(exactly: key >> 3), field > 0 else { return nil }
            switch key & 7 {
            case 0:
                guard let value = Self.varint(&rest) else { return nil }
                numbers[field] = value
            case 2:
                guard let count = Self.varint(&rest).flatMap({ Int(exactly: $0) }), count <= rest.count else {
                    return nil
                }
                data[field] = rest.prefix(count)
                rest = rest.dropFirst(count)
            default: return nil
            }
        }
    }

    func text(_ field: Int) -> String? { data[field].map { String(decoding: $0, as: UTF8.self) } }

    package func message(_ field: Int) -> ProtobufFields? { data[field].flatMap { ProtobufFields($0) } }

    static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            guard shift < 63 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
            if shift > 63 { return nil }
        }
        return nil
    }
}

/// What CRIU's service is asked: its `criu_req`.
struct CriuRequest {
    enum Kind: UInt64 {
        case dump = 1
        case restore = 2
        case notify = 6
        case version = 10
    }

    var kind: Kind
    /// `criu_opts`; a required field for whatever is no answer to a notification.
    var options = ProtobufWriter()

    var bytes: [UInt8] {
        var request = ProtobufWriter()
        request.number(kind.rawValue, 1)
        switch kind {
        case .notify: request.flag(true, 3)
        case .dump, .restore: request.message(options, 2)
        // Another request follows.
        case .version: request.flag(true, 4)
        }
        return request.bytes
    }
}

/// What CRIU's service says: its `criu_resp`.
package enum CriuAnswer {
    /// It stopped on its way and waits for an answer. `pid` is the pod's first process, where it is told.
    case notification(script: String, pid: Int32?)
    /// It is done. `pid` is that of a restored pod's first process.
    case done(pid: Int32?)
    case failed(String?)
    /// "4.2.1"
    case version(String)

    package init?(_ bytes: ArraySlice<UInt8>) {
        guard let fields = ProtobufFields(bytes), let kind = fields.numbers[1] else { return nil }
        if kind == CriuRequest.Kind.notify.rawValue {
            let notification = fields.message(5)
            self = .notification(script: notification?.text(1) ?? "", pid: Self.pid(notification?.numbers[2]))
        } else if fields.numbers[2] == 1, kind == CriuRequest.Kind.version.rawValue {
            guard let version = fields.message(10), let major = version.numbers[1], let minor = version.numbers[2]
            else {
                return nil
            }
            self = .version("\(major).\(minor)" + (version.numbers[4].map { ".\($0)" } ?? ""))
        } else if fields.numbers[2] == 1 {
            self = .done(pid: Self.pid(fields.message(4)?.numbers[1]))
        } else {
            self = .failed(fields.text(9))
        }
    }

    private static func pid(_ value: UInt64?) -> Int32? {
        value.flatMap { Int32(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }
}
