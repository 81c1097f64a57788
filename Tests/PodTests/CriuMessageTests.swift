import Testing

import Pod

@Suite struct CriuMessageTests {
    /// Examples of the Protocol Buffers encoding guide: 150 is 96 01, "testing" is 12 07 74 65 ….
    @Test func fieldsAreEncodedAsTheGuideHasThem() {
        var writer = ProtobufWriter()
        writer.number(150, 1)
        writer.text("testing", 2)
        #expect(writer.bytes == [0x08, 0x96, 0x01, 0x12, 0x07] + Array("testing".utf8))
    }

    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, UInt64(UInt32.max), .max])
    func numbersComeBack(_ value: UInt64) throws {
        var writer = ProtobufWriter()
        writer.number(value, 64)
        let fields = try #require(ProtobufFields(writer.bytes[...]))
        #expect(fields.numbers[64] == value)
    }

    @Test func answersAreTold() {
        // criu_resp { type: NOTIFY success: true notify { script: "setup-namespaces" pid: 4711 } }
        var notification = ProtobufWriter()
        notification.text("setup-namespaces", 1)
        notification.number(4711, 2)
        var answer = ProtobufWriter()
        answer.number(6, 1)
        answer.flag(true, 2)
        answer.message(notification, 5)
        guard case .notification(script: "setup-namespaces", pid: 4711) = CriuAnswer(answer.bytes[...]) else {
            Issue.record("no notification")
            return
        }

        // criu_resp { type: RESTORE success: true restore { pid: 42 } }
        guard case .done(pid: 42) = CriuAnswer([0x08, 2, 0x10, 1, 0x22, 2, 0x08, 42]) else {
            Issue.record("no restore")
            return
        }

        // criu_resp { type: VERSION success: true version { major_number: 4 minor_number: 2 sublevel: 1 } }
        guard case .version("4.2.1") = CriuAnswer([0x08, 10, 0x10, 1, 0x52, 6, 0x08, 4, 0x10, 2, 0x20, 1]) else {
            Issue.record("no version")
            return
        }

        // criu_resp { type: DUMP success: false cr_errmsg: "no" }
        guard case .failed("no") = CriuAnswer([0x08, 1, 0x10, 0, 0x4a, 2] + Array("no".utf8)) else {
            Issue.record("no failure")
            return
        }
    }

    /// Cut off, with a length beyond the end, with a number of more than 64 bits, of an unknown wire type, without a type.
    @Test(
        arguments: [
            [0x08], [0x08, 0x96], [0x12, 0x07, 0x74],
            [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], [0x0d, 0, 0, 0, 0], [0x00, 0x01], [],
        ] as [[UInt8]])
    func nonsenseIsNoAnswer(_ bytes: [UInt8]) {
        #expect(CriuAnswer(bytes[...]) == nil)
    }
}
