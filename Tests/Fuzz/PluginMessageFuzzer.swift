internal import SoundControl
internal import SoundDSP

/// What libFuzzer calls with bytes of its own making, as a hostile pod might: whatever they are, they are refused or
/// understood, and what was understood keeps what its readers rely on.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPluginMessage(_ bytes: UnsafeRawPointer?, _ count: Int) -> CInt {
    guard let message = try? PluginMessage(UnsafeRawBufferPointer(start: bytes, count: count)) else { return 0 }
    switch message {
    case .hello(let id, let program, _):
        precondition(id.description.utf8.count == 32)
        precondition(program.utf8.count <= 64 && program.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    case .configure(let configuration, let format, let map, let ringFrames):
        precondition((1...8).contains(map.channels) && map.channels == Int(configuration.channels))
        precondition((8000...192_000).contains(configuration.rate))
        precondition(configuration.periodFrames >= 1 && configuration.periodFrames <= configuration.bufferFrames)
        precondition(configuration.bufferFrames <= ringFrames)
        // No product of sizes may overflow, whatever rate the host has.
        precondition(ringFrames * UInt64(map.channels * format.bytes) * 768_000 < UInt64.max / 2)
        foldEverywhere(map)
    case .channelMap(let map):
        foldEverywhere(map)
    case .mixer(let mixer, _):
        precondition((0...1).contains(mixer.playback) && (0...1).contains(mixer.capture))
    case .softwareParameters, .rewind, .trigger, .kick, .close:
        // Any number is one.
        break
    }
    return 0
}

private func foldEverywhere(_ map: ChannelMap) {
    for sink in ["FL FR", "MONO", "FL FR RL RR FC LFE"].compactMap(ChannelMap.init) {
        let matrix = ChannelMatrix(from: map, to: sink)
        let input = [Float](repeating: 1, count: map.channels)
        var output = [Float](repeating: 0, count: sink.channels)
        matrix.apply(input, &output, frames: 1)
    }
}
