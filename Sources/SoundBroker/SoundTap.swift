internal import Glibc
internal import LinuxSystem
internal import SoundDSP
internal import SoundSinks
internal import SystemPackage

/// Somebody on the host who hears what the pod plays: all its streams mixed, as they are played, and silence in between.
///
/// Frames are taken when they are rendered and counted when they have been played, so what a sink gives back is not heard
/// twice. They are kept for a second and more before they are sent: a stream with long periods tells late.
final class SoundTap {
    /// Hz.
    let rate: UInt32
    let channelMap: ChannelMap
    private let channels: Int
    private let capacity: Int
    private let connection: ControlConnection
    private let start = MonotonicClock.nanoseconds
    private var timeline: [Float]
    /// Frames sent so far; `timeline` holds the next `capacity` ones, a ring.
    private var sent = 0
    private var timer: LoopTimer?

    /// Seconds that are kept: the longest period there can be, and that again for the streams that lag behind it.
    private static let keptSeconds = 4
    private static let heldBackSeconds = 2

    init(_ host: SinkCapabilities, to connection: ControlConnection, on loop: EventLoop) throws(Errno) {
        rate = host.rate
        channelMap = host.channelMap
        channels = host.channelMap.channels
        self.connection = connection
        capacity = Int(rate) * Self.keptSeconds
        timeline = [Float](repeating: 0, count: capacity * channels)
        timer = try LoopTimer(on: loop) { [weak self] in self?.send() }
        timer?.set(nanoseconds: 50_000_000, interval: 50_000_000)
    }

    /// Whether its frames are still those of the sink.
    func fits(_ host: SinkCapabilities) -> Bool { host.rate == rate && host.channelMap == channelMap }

    /// Its frames would be others from now on.
    func end() { connection.end() }

    private var now: Int { Int((MonotonicClock.nanoseconds - start) / 1000 * UInt64(rate) / 1_000_000) }

    /// Puts frames that have just been played where they belong. `place` is where the stream's last ones ended, or
    /// `nil`; where these end is returned. RT safe.
    func add(_ frames: UnsafeBufferPointer<Float>, after place: Int?) -> Int {
        let count = frames.count / channels
        let now = now
        var begin = place ?? now - count
        // A stream that stood still in between goes on now.
        if abs(begin + count - now) > Int(rate) / 2 { begin = now - count }
        begin = max(begin, sent)
        for frame in 0..<count where begin + frame < sent + capacity {
            let target = (begin + frame) % capacity * channels
            for channel in 0..<channels { timeline[target + channel] += frames[frame * channels + channel] }
        }
        return begin + count
    }

    private func send() {
        let ready = min(now - Int(rate) * Self.heldBackSeconds, sent + capacity) - sent
        guard ready > 0 else { return }
        var frames: [Float] = []
        frames.reserveCapacity(ready * channels)
        for frame in sent..<sent + ready {
            let place = frame % capacity * channels
            for sample in place..<place + channels {
                frames.append(timeline[sample])
                timeline[sample] = 0
            }
        }
        sent += ready
        frames.withUnsafeBytes { connection.send(raw: $0) }
    }
}
