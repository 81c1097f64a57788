import Glibc
import LinuxSystem
import SoundBroker
import SoundLab
import SystemPackage
import Testing

@Suite(.serialized) struct HostileClientTests {
    /// A message as the plugin would make it: magic, type, length, and a body.
    static func message(type: UInt16, body: [UInt8], declared: UInt16? = nil) -> [UInt8] {
        var bytes: [UInt8] = [0x50, 0x4D, 0x53, 0x50]
        let length = declared ?? UInt16(8 + body.count)
        bytes += [UInt8(type & 255), UInt8(type >> 8), UInt8(length & 255), UInt8(length >> 8)]
        return bytes + body
    }

    @Test func everyMutilationOfAMessageIsRefusedOrUnderstoodButNeverTraps() {
        var state: UInt64 = 42
        func random() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        let lengths = [0, 16, 24, 64, 88, 120]
        for _ in 0..<200_000 {
            let body = (0..<lengths[Int(random() % 6)]).map { _ in
                random() % 3 == 0 ? UInt8(truncatingIfNeeded: random()) : UInt8(random() % 4)
            }
            var bytes = Self.message(type: UInt16(random() % 12), body: body)
            if random() % 4 == 0, !bytes.isEmpty {
                bytes[Int(random() % UInt64(bytes.count))] ^= UInt8(random() & 255)
            }
            if random() % 8 == 0 { bytes.removeLast(Int(random() % UInt64(bytes.count))) }
            bytes.withUnsafeBytes { raw in _ = try? PluginMessage(raw) }
        }
    }

    @Test func whoTalksNonsenseIsClosedAndTheOthersPlayOn() throws {
        let host = try SoundHost()
        let music = Frames.noise(count: 44100 * 2, seed: 7)
        let player = try host.play(music)
        let socket = host.broker.socket
        for round in 0..<200 {
            let connection = try UnixSocket.connect(to: socket, kind: .sequentialPacket)
            let nonsense = [UInt8](repeating: UInt8(round), count: 1 + round)
            _ = send(connection.number, nonsense, nonsense.count, Int32(MSG_NOSIGNAL))
            var byte: UInt8 = 0
            // Reads the end: the broker has closed the connection. A refusal may come before it.
            var polled = pollfd(fd: connection.number, events: Int16(POLLIN), revents: 0)
            #expect(poll(&polled, 1, 10000) == 1)
            _ = recv(connection.number, &byte, 1, 0)
        }
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: music, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")
    }

    @Test func aThousandConnectionsDoNotStopAStream() throws {
        let host = try SoundHost()
        let music = Frames.noise(count: 44100 * 2, seed: 8)
        let player = try host.play(music)
        try host.waitUntilPlayed(4410)
        let socket = host.broker.socket
        var connections: [Int32] = []
        for _ in 0..<1000 {
            guard let connection = try? UnixSocket.connect(to: socket, kind: .sequentialPacket) else { break }
            connections.append(connection.release())
        }
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        for connection in connections { close(connection) }
        let heard = FrameComparison(reference: music, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")
    }
}
