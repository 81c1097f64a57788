public import SoundDSP

/// A place where sound is heard, and perhaps recorded. Sinks, their streams and their clients all live on one thread,
/// the loop's.
public protocol SoundSink: AnyObject {
    var state: SinkState { get }
    /// How frames of this kind, at the sink's rate, should be given to it, so that it need not convert them or that we
    /// do it better. Only while `state` is `.ready`.
    func layout(for format: SampleFormat, _ channelMap: ChannelMap) -> SampleLayout
    /// A stream that is stopped and empty. Only while `state` is `.ready`, and with what `layout` said.
    func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient) -> any SinkStream
    /// A recording that is stopped. Only while `state` is `.ready` and names a source.
    func makeCapture(_ configuration: SinkStreamConfiguration, client: any CaptureStreamClient) -> any CaptureStream
    /// Ends the sink and its streams without a word to their clients.
    func close()
}

/// How one frame looks.
public struct SampleLayout: Sendable, Equatable {
    public var format: SampleFormat
    public var channelMap: ChannelMap

    public init(format: SampleFormat, channelMap: ChannelMap) {
        self.format = format
        self.channelMap = channelMap
    }

    public var channels: Int { channelMap.channels }
    public var frameBytes: Int { format.bytes * channels }
}

public enum SinkState: Sendable, Equatable {
    case connecting
    case ready(SinkCapabilities)
    /// No sound now, and why. A sink that can come back tries by itself.
    case failed(String)
}

/// What a host has.
public struct SinkCapabilities: Sendable, Equatable {
    public var name: String
    /// Hz: what streams should be rendered at, so that the sink need not convert.
    public var rate: UInt32
    public var channelMap: ChannelMap
    /// Where sound can be recorded; `nil` where nothing can.
    public var source: SourceCapabilities?

    public init(name: String, rate: UInt32, channelMap: ChannelMap, source: SourceCapabilities? = nil) {
        self.name = name
        self.rate = rate
        self.channelMap = channelMap
        self.source = source
    }
}

public struct SourceCapabilities: Sendable, Equatable {
    public var name: String
    /// Hz.
    public var rate: UInt32
    public var channelMap: ChannelMap

    public init(name: String, rate: UInt32, channelMap: ChannelMap) {
        self.name = name
        self.rate = rate
        self.channelMap = channelMap
    }
}

/// Told when `state` changed: every stream that was made before is dead.
public protocol SinkObserver: AnyObject {
    func sinkStateChanged(_ sink: any SoundSink)
}

public struct SinkStreamConfiguration: Sendable, Equatable {
    /// What the user may see in a mixer.
    public var name: String
    public var layout: SampleLayout
    /// Hz.
    public var rate: UInt32
    /// The most the sink keeps ahead, or a source keeps back, frames.
    public var bufferFrames: Int
    /// How much it asks for, or delivers, at a time, frames.
    public var periodFrames: Int

    public init(name: String, layout: SampleLayout, rate: UInt32, bufferFrames: Int, periodFrames: Int) {
        self.name = name
        self.layout = layout
        self.rate = rate
        self.bufferFrames = bufferFrames
        self.periodFrames = periodFrames
    }
}

/// One stream at a sink. Frames count from its making, at its own rate.
public protocol SinkStream: AnyObject {
    /// Plays, or holds where it is with all that it has.
    func setRunning(_ running: Bool)
    /// Linear; 1 leaves samples as they are.
    func setGain(_ gain: Float)
    /// The client has frames again, after it rendered fewer than it was asked for.
    func framesAvailable()
    /// The last `frames` that were rendered are void, and what comes next takes their place as far as they have not been
    /// heard. False when the sink cannot take back what it was given.
    func rewind(_ frames: UInt64) -> Bool
    /// Whether void frames of a rewind are still there and would be heard, if nothing took their place.
    var hasVoidFrames: Bool { get }
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
    /// The sink has lost the stream, of which it last said how far it was, and will make another.
    func lost()
}

/// One recording.
public protocol CaptureStream: AnyObject {
    func setRunning(_ running: Bool)
    /// Stops at once; what had been recorded until then has been delivered when this is done.
    func stop(_ completion: @escaping () -> Void)
    func close()
}

public protocol CaptureStreamClient: AnyObject {
    /// Interleaved frames; the last one was in the air `delayNanoseconds` ago. RT safe.
    func captured(_ frames: UnsafeRawPointer, count: Int, delayNanoseconds: UInt64)
    /// The source has lost the recording, and will make another.
    func lost()
}
