internal import CLI
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What the demo found out, as it is printed and written down.
struct DemoReport: Encodable {
    let result: MusicMove.Report

    enum CodingKeys: String, CodingKey {
        case frames, lost, repeated, altered, silent, moves
        case heardOnA = "heard_on_a"
        case heardOnB = "heard_on_b"
    }

    private var heardOnA: Int { result.parts[0].frames.count + result.parts[2].frames.count }
    private var heardOnB: Int { result.parts[1].frames.count }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(result.frames, forKey: .frames)
        try container.encode(heardOnA, forKey: .heardOnA)
        try container.encode(heardOnB, forKey: .heardOnB)
        try container.encode(result.comparison.lost, forKey: .lost)
        try container.encode(result.comparison.repeated, forKey: .repeated)
        try container.encode(result.comparison.altered, forKey: .altered)
        try container.encode(result.comparison.silent, forKey: .silent)
        try container.encode(result.moves, forKey: .moves)
    }

    func printTable() {
        func count(_ value: Int) -> TableCell { .number(String(value)) }
        func ms(_ value: Double) -> TableCell { .number(String(Int(value.rounded()))) }
        let frames = Table(
            columns: ["frames", "heard on A", "heard on B", "lost", "repeated", "altered", "silence within"],
            rows: [
                [
                    count(result.frames), count(heardOnA), count(heardOnB), count(result.comparison.lost),
                    count(result.comparison.repeated), count(result.comparison.altered),
                    count(result.comparison.silent),
                ]
            ])
        let moves = Table(
            columns: ["move", "suspend ms", "silence ms", "resume ms", "image bytes"],
            rows: zip(["A to B", "B to A"], result.moves).map { name, move in
                [
                    .text(name), ms(move.suspendMilliseconds), ms(move.silenceMilliseconds),
                    ms(move.resumeMilliseconds), .number(String(move.imageBytes)),
                ]
            })
        print(frames.text(emphasized: Terminal.hasColour))
        print()
        print(moves.text(emphasized: Terminal.hasColour))
    }

    func write(to file: FilePath) throws {
        let json = try JSONText.encode(self)
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, Array(json), permissions: .init(rawValue: 0o644))
        }
    }
}
