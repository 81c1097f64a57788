public import SoundDSP

/// A place where sound is heard. Sinks, their streams and their clients all live on one thread, the loop's.
public protocol SoundSink: AnyObject {
    var state: SinkState { get }
    /// A stream that is stopped and empty. Only while `state` is `.ready`.
    func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient) -> any SinkStream
    /// Ends the sink and its streams without a word to their clients.
    func close()
}

public enum SinkState: Sendable, Equatable {
    case connecting
    /// `rate` in Hz: what streams should be rendered at, so that the sink need not convert.
    case ready(name: String, rate: UInt32, channels: UInt32)
    /// No sound now, and why. A sink that can come back tries by itself.
    case failed(String)
}

/// Told when `state` changed, and with it perhaps the rate: every stream that was made before is dead.
public protocol SinkObserver: AnyObject {
    func sinkStateChanged()
}

public struct SinkStreamConfiguration: Sendable, Equatable {
    /// What the user may see in a mixer.
    public var name: String
    public var format: SampleFormat
    /// Hz.
    public var rate: UInt32
    public var channels: Int
    /// The most the sink keeps ahead, frames.
    public var bufferFrames: Int
    /// How much it asks for at a time, frames.
    public var periodFrames: Int

    public init(
        name: String, format: SampleFormat, rate: UInt32, channels: Int, bufferFrames: Int, periodFrames: Int
    ) {
        self.name = name
        self.format = format
        self.rate = rate
        self.channels = channels
        self.bufferFrames = bufferFrames
        self.periodFrames = periodFrames
    }

    public var frameBytes: Int { format.bytes * channels }
}

/// One stream at a sink. Frames count from its making, at its own rate.
public protocol SinkStream: AnyObject {
    /// Plays, or holds where it is with all that it has.
    func setRunning(_ running: Bool)
    /// The client has frames again, after it rendered fewer than it was asked for.
    func framesAvailable()
    /// The client has rendered its last frame: `drained()` is called when that was heard.
    func drain()
    /// Stops at once and says how many frames have been played, exactly; the rest is given back. The stream
    /// takes nothing more afterwards, but what the device holds already still sounds until `close`.
    func stop(_ completion: @escaping (_ playedFrames: UInt64) -> Void)
    func close()
}

public protocol SinkStreamClient: AnyObject {
    /// Writes up to `frames` interleaved frames, returns how many. RT safe.
    func render(into target: UnsafeMutableRawPointer, frames: Int) -> Int
    /// `frames` of what was rendered have left the sink's buffer; the next one is heard after
    /// `delayNanoseconds`. Never goes back. RT safe.
    func played(_ frames: UInt64, delayNanoseconds: UInt64)
    /// All that was rendered before `drain()` has been heard.
    func drained()
}
