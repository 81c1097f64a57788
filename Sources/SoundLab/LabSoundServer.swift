public import SystemPackage

/// A private sound server that speaks PulseAudio's protocol, with a sink `PulseServer.sinkName` whose monitor is exactly
/// what it played.
public protocol LabSoundServer: AnyObject {
    /// Holds its socket and its state.
    var folder: FilePath { get }
    /// The sink's, Hz.
    var rate: Int { get }
    /// The sink's channels and sample format, by PulseAudio's names.
    var channelMap: [String] { get }
    var format: String { get }
    /// For `--sound pulse:…` and PULSE_SERVER.
    var address: String { get }
    /// Its processes.
    var pids: [Int32] { get }
    /// Its end, as when a host's sound server crashes.
    func kill()
}
