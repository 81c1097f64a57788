internal import ArgumentParser
internal import CLI

@main
enum Main {
    static func main() {
        Entry.run(Lab.self)
    }
}

struct Lab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mediapod-lab",
        abstract: "MediaPod's demo and benchmarks: real pods between two hosts with sound servers of their own.",
        subcommands: [
            Demo.self, BenchMove.self, BenchSound.self, BenchEngine.self, BenchDisplay.self, MeasureConverters.self,
        ])
}
