import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// One row of the matrix: how an unmodified program is told to play a clip to the PCM `mediapod`.
struct SoundProgram: Sendable, CustomTestStringConvertible {
    let name: String
    let clip: @Sendable (Clips) -> Clips.Clip
    /// False for what plays until it is told to end.
    let endsByItself: Bool
    private let starter: @Sendable (Stage, String) throws -> ChildProcess

    /// `start` gets the path of the clip, and returns the process that ends when all was played.
    init(
        _ name: String, _ clip: @escaping @Sendable (Clips) -> Clips.Clip, endsByItself: Bool = true,
        start: @escaping @Sendable (Stage, String) throws -> ChildProcess
    ) {
        self.name = name
        self.clip = clip
        self.endsByItself = endsByItself
        starter = start
    }

    var testDescription: String { name }

    func start(_ stage: Stage) throws -> ChildProcess { try starter(stage, clip(stage.clips).file.string) }
}
