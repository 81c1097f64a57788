internal import CSndFile
internal import Glibc
public import LinuxSystem
internal import SoundDSP
public import SystemPackage

/// A WAV file of 16 bits. One that is there already is continued with its own rate and channels, so that neither a
/// restart of the broker nor a second visit to this host loses what was recorded.
final class WaveFile: ClockedOutput {
    private let path: FilePath
    private var file: OpaquePointer?
    private var integers: [Int16] = []
    let rate: UInt32
    let channelMap: ChannelMap

    init(path: FilePath, rate: UInt32) throws(SinkFailure) {
        self.path = path
        var info = SF_INFO()
        var status = stat()
        let exists = lstat(path.string, &status) == 0 && status.st_size > 0
        if !exists {
            info.samplerate = Int32(rate)
            info.channels = 2
            info.format = Int32(SF_FORMAT_WAV | SF_FORMAT_PCM_16)
        }
        guard let file = sf_open(path.string, Int32(exists ? SFM_RDWR : SFM_WRITE), &info) else {
            throw SinkFailure(
                reason: "cannot write \(path): \(SoundFileProblem.reason(nil)); name another file")
        }
        let container = info.format & Int32(SF_FORMAT_TYPEMASK)
        guard container == Int32(SF_FORMAT_WAV) || container == Int32(SF_FORMAT_WAVEX),
            info.format & Int32(SF_FORMAT_SUBMASK) == Int32(SF_FORMAT_PCM_16), info.samplerate > 0,
            let map = ChannelMap.standard(channels: Int(info.channels))
        else {
            sf_close(file)
            throw SinkFailure(
                reason: "cannot continue \(path): it is not a 16-bit WAV file of at most 8 channels; name another file")
        }
        self.rate = UInt32(info.samplerate)
        channelMap = map
        self.file = file
        if exists { sf_seek(file, 0, SEEK_END) }
        // What is in the file is in its header at any time: the broker may be killed.
        sf_command(file, Int32(SFC_SET_UPDATE_HEADER_AUTO), nil, Int32(SF_TRUE))
    }

    func write(_ frames: UnsafePointer<Float>, count: Int) throws(ClockedSink.WriteFailure) {
        let samples = count * channelMap.channels
        if integers.count < samples { integers = [Int16](repeating: 0, count: samples) }
        let written = integers.withUnsafeMutableBufferPointer { integers -> Int in
            guard let base = integers.baseAddress else { return 0 }
            SampleConversion.floatToS16(frames, base, count: samples)
            return Int(sf_writef_short(file, base, sf_count_t(count)))
        }
        if written != count {
            throw ClockedSink.WriteFailure(reason: "cannot write \(path): \(SoundFileProblem.reason(file))")
        }
    }

    func close() {
        if let file { sf_close(file) }
        file = nil
    }
}

/// Why a sink cannot be had, in one line.
public struct SinkFailure: Error, CustomStringConvertible {
    public let reason: String
    public var description: String { reason }

    public init(reason: String) { self.reason = reason }
}

extension ClockedSink {
    /// Plays into a WAV file at `path`; `rate` in Hz for a new one.
    public convenience init(
        file path: FilePath, rate: UInt32 = 48000, on loop: EventLoop, observer: any SinkObserver
    )
        throws
    {
        try self.init(name: path.string, output: try WaveFile(path: path, rate: rate), on: loop, observer: observer)
    }
}
