public import SystemPackage

/// A private sound server that speaks PulseAudio's protocol and has one sink, whose monitor is exactly what it played.
public protocol LabSoundServer: AnyObject {
    /// Holds its socket and its state.
    var folder: FilePath { get }
    /// The sink's, Hz.
    var rate: Int { get }
    /// For `--sound pulse:…` and PULSE_SERVER.
    var address: String { get }
    var sinkName: String { get }
}
