internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Viewer

/// `podview host`: what a window of this host's would have.
struct HostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "Show what this host's X server has for pods' screens, without showing any.",
        discussion: """
            Where no window can be shown it says why, and what else there is; that is an answer, too, so the exit code is 0.
            """)

    @OptionGroup var output: OutputOptions

    /// `mediapod check` reads it.
    private struct Answer: Encodable {
        /// The newest version of a pod's display that this viewer knows.
        var version = HostScreen.newestVersion
        var problem: String?
        var remedy: String?
        var display: String?
        /// Pixels.
        var width: Int?
        var height: Int?
        /// Hz.
        var refresh: Double?
        var hasSharedMemory: Bool?
        var video: [String]?

        enum CodingKeys: String, CodingKey {
            case hasSharedMemory = "shared_memory"
            case refresh = "refresh_hz"
            case version, problem, remedy, display, width, height, video
        }

        init(_ screen: HostScreen) {
            display = screen.name
            (width, height) = (screen.width, screen.height)
            refresh = screen.refreshMilliHertz.map { Double($0) / 1000 }
            hasSharedMemory = screen.hasSharedMemory
            video = screen.videoFormats
        }

        init(_ failure: Failure) { (problem, remedy) = (failure.statement, failure.remedy) }
    }

    func run() throws {
        let answer: Answer
        do {
            answer = Answer(try HostScreen())
        } catch let failure as Failure {
            answer = Answer(failure)
        }
        try output.show(answer) {
            guard let display = answer.display, let width = answer.width, let height = answer.height else {
                return [("no window", answer.problem ?? ""), ("instead", answer.remedy ?? "")]
            }
            let video = answer.video ?? []
            return [
                ("display", display), ("size", "\(width)x\(height)"),
                ("refresh", answer.refresh.map { "\($0) Hz" } ?? "not said"),
                ("pictures", answer.hasSharedMemory == true ? "read where they lie (MIT-SHM)" : "through its socket"),
                ("video", video.isEmpty ? "as pictures" : "XVideo: \(video.joined(separator: " "))"),
            ]
        }
    }
}
