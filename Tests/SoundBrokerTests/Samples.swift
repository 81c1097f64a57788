/// Noise of a fixed seed in any format and number of channels, never silent, as bytes; and what is in a recording of it.
struct Samples {
    let bytes: [UInt8]
    let frameBytes: Int

    /// `count` frames of `channels` samples of `sampleBytes` bytes; `isFloat` for 32-bit floating point within ±0.5.
    init(count: Int, channels: Int, sampleBytes: Int, isFloat: Bool = false, isolated: Int? = nil) {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * channels * sampleBytes)
        for _ in 0..<count {
            for channel in 0..<channels {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                // A quarter of full scale at most, so that mixes do not saturate; the lowest bit is set.
                var sample = UInt32(bitPattern: Int32(truncatingIfNeeded: state) >> 2)
                if let isolated, isolated != channel { sample = 0 }
                if isFloat {
                    // 23 bits, so that it is exact.
                    let value = Float(Int32(bitPattern: sample) >> 9) * 0x1p-22
                    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
                } else {
                    let shifted = sample >> UInt32(32 - 8 * sampleBytes) | (sample == 0 ? 0 : 1)
                    withUnsafeBytes(of: shifted) { bytes.append(contentsOf: $0.prefix(sampleBytes)) }
                }
            }
        }
        self.bytes = bytes
        frameBytes = channels * sampleBytes
    }

    /// Where all of this lies in `recording` in one piece, frames; `nil` when it does not.
    func place(in recording: [UInt8]) -> Int? {
        Samples.place(of: bytes, in: recording, frameBytes: frameBytes)
    }

    static func place(of bytes: [UInt8], in recording: [UInt8], frameBytes: Int) -> Int? {
        guard bytes.count <= recording.count else { return nil }
        let head = Array(bytes.prefix(64))
        for start in stride(from: 0, through: recording.count - bytes.count, by: frameBytes)
        where recording[start] == head[0] && recording[start..<start + head.count].elementsEqual(head) {
            if recording[start..<start + bytes.count].elementsEqual(bytes) { return start / frameBytes }
        }
        return nil
    }
}

extension Samples {
    init(signExtending24 samples: Samples) {
        var bytes = samples.bytes
        for index in stride(from: 0, to: bytes.count, by: 4) {
            bytes[index + 3] = bytes[index + 2] & 0x80 == 0 ? 0 : 0xFF
        }
        self.init(bytes: bytes, frameBytes: samples.frameBytes)
    }

    private init(bytes: [UInt8], frameBytes: Int) {
        self.bytes = bytes
        self.frameBytes = frameBytes
    }

    /// The frames that are not all zero.
    static func withoutSilence(_ bytes: [UInt8], frameBytes: Int) -> [UInt8] {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: frameBytes)
        where bytes[start..<start + frameBytes].contains(where: { $0 != 0 }) {
            result.append(contentsOf: bytes[start..<start + frameBytes])
        }
        return result
    }
}
