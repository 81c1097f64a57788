import SoundDSP
import Testing

@Suite struct ChannelMapTests {
    @Test func standardMapsAreAlsas() {
        let expected = [
            "MONO", "FL FR", "FL FR LFE", "FL FR RL RR", "FL FR RL RR FC", "FL FR RL RR FC LFE",
            "FL FR RL RR FC LFE RC", "FL FR RL RR FC LFE SL SR",
        ]
        #expect((1...8).map { ChannelMap.standard(channels: $0)?.description } == expected)
        for channels in [Int.min, -1, 0, 9, Int.max] { #expect(ChannelMap.standard(channels: channels) == nil) }
    }

    @Test func whatIsPrintedIsReadBack() {
        for channels in 1...8 {
            let map = ChannelMap.standard(channels: channels)
            #expect(map.flatMap { ChannelMap($0.description) } == map)
        }
        #expect(ChannelMap(" fl  Fr ")?.description == "FL FR")
        #expect(ChannelMap("UNKNOWN UNKNOWN NA NA")?.channels == 4)
    }

    @Test(arguments: ["", " ", "FL,FR", "FL FL", "XX", "FL FR RL RR FC LFE SL SR RC", "ＦＬ"])
    func whatIsNoMapIsRefused(text: String) {
        #expect(ChannelMap(text) == nil)
    }

    @Test func positionsHaveAlsasNumbersAndNames() {
        #expect(ChannelPosition.allCases.map(\.rawValue) == Array(0...36))
        let names = ["UNKNOWN", "NA", "MONO", "FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR", "RC", "FLC", "FRC"]
        #expect(ChannelPosition.allCases.prefix(14).map(\.name) == names)
        #expect(ChannelPosition.allCases.last?.name == "BRC")
        for position in ChannelPosition.allCases { #expect(ChannelPosition(name: position.name) == position) }
    }
}

@Suite struct ChannelMatrixTests {
    private static let root = Float(0.5).squareRoot()

    private static func map(_ text: String) throws -> ChannelMap { try #require(ChannelMap(text)) }

    /// The gains of each output channel, by the names of both maps.
    private static func expectGains(
        from source: String, to sink: String, _ expected: [String: [String: Float]],
        location: SourceLocation = #_sourceLocation
    ) throws {
        let (source, sink) = (try map(source), try map(sink))
        let matrix = ChannelMatrix(from: source, to: sink)
        for (channel, position) in source.positions.enumerated() {
            // One channel at a time: what comes out must be what the table says, to the bit.
            var input = [Float](repeating: 0, count: source.channels * 3)
            input[source.channels + channel] = 0.25
            var output = [Float](repeating: 9, count: sink.channels * 3)
            matrix.apply(input, &output, frames: 3)
            for (number, target) in sink.positions.enumerated() {
                let gain = expected[target.name]?[position.name] ?? 0
                #expect(
                    output[sink.channels + number] == 0.25 * gain, "\(position.name) to \(target.name)",
                    sourceLocation: location)
                #expect(matrix.gain(from: channel, to: number) == gain, sourceLocation: location)
                #expect(output[number] == 0 && output[2 * sink.channels + number] == 0, sourceLocation: location)
            }
        }
    }

    @Test func surroundBecomesStereoByTheTableOfBS775() throws {
        for surround in ["RL RR", "SL SR"] {
            let names = surround.split(separator: " ").map(String.init)
            try Self.expectGains(
                from: "FL FR \(surround) FC LFE", to: "FL FR",
                [
                    "FL": ["FL": 1, "FC": Self.root, names[0]: Self.root],
                    "FR": ["FR": 1, "FC": Self.root, names[1]: Self.root],
                ])
        }
    }

    @Test func bothPairsOfSevenOneAreSurround() throws {
        try Self.expectGains(
            from: "FL FR RL RR FC LFE SL SR", to: "FL FR",
            [
                "FL": ["FL": 1, "FC": Self.root, "RL": Self.root, "SL": Self.root],
                "FR": ["FR": 1, "FC": Self.root, "RR": Self.root, "SR": Self.root],
            ])
        try Self.expectGains(
            from: "FL FR RL RR FC LFE SL SR", to: "FL FR RL RR FC LFE",
            [
                "FL": ["FL": 1], "FR": ["FR": 1], "RL": ["RL": 1, "SL": 1], "RR": ["RR": 1, "SR": 1],
                "FC": ["FC": 1], "LFE": ["LFE": 1],
            ])
    }

    @Test func surroundBecomesMonoByTheTableOfBS775() throws {
        try Self.expectGains(
            from: "FL FR RL RR FC LFE", to: "MONO",
            ["MONO": ["FL": Self.root, "FR": Self.root, "FC": 1, "RL": 0.5, "RR": 0.5]])
        try Self.expectGains(from: "FL FR", to: "MONO", ["MONO": ["FL": Self.root, "FR": Self.root]])
    }

    @Test func fewerChannelsThanFiveFollowTheTableToo() throws {
        try Self.expectGains(
            from: "FL FR RL RR FC", to: "FL FR FC",
            [
                "FL": ["FL": 1, "RL": Self.root], "FR": ["FR": 1, "RR": Self.root], "FC": ["FC": 1],
            ])
        try Self.expectGains(
            from: "FL FR RL RR FC", to: "FL FR FC RC",
            ["FL": ["FL": 1], "FR": ["FR": 1], "FC": ["FC": 1], "RC": ["RL": Self.root, "RR": Self.root]])
        try Self.expectGains(
            from: "FL FR RL RR FC", to: "FL FR RL RR",
            [
                "FL": ["FL": 1, "FC": Self.root], "FR": ["FR": 1, "FC": Self.root], "RL": ["RL": 1],
                "RR": ["RR": 1],
            ])
        try Self.expectGains(
            from: "FL FR RL RR FC LFE RC", to: "FL FR",
            [
                "FL": ["FL": 1, "FC": Self.root, "RL": Self.root, "RC": 0.5],
                "FR": ["FR": 1, "FC": Self.root, "RR": Self.root, "RC": 0.5],
            ])
    }

    @Test func whatTheSourceLacksStaysSilent() throws {
        try Self.expectGains(from: "FL FR", to: "FL FR RL RR FC LFE", ["FL": ["FL": 1], "FR": ["FR": 1]])
        try Self.expectGains(from: "MONO", to: "FL FR", ["FL": ["MONO": 1], "FR": ["MONO": 1]])
        try Self.expectGains(from: "MONO", to: "FL FR RL RR FC LFE", ["FL": ["MONO": 1], "FR": ["MONO": 1]])
        try Self.expectGains(
            from: "FL FR RL RR FC LFE", to: "FL FR RL RR FC LFE SL SR",
            [
                "FL": ["FL": 1], "FR": ["FR": 1], "RL": ["RL": 1], "RR": ["RR": 1], "FC": ["FC": 1],
                "LFE": ["LFE": 1],
            ])
    }

    @Test func theSameLoudspeakersInAnotherOrderKeepTheirBits() throws {
        let source = try Self.map("FL FR FC LFE SL SR RL RR")
        let sink = try Self.map("FL FR RL RR FC LFE SL SR")
        let there = ChannelMatrix(from: source, to: sink)
        let back = ChannelMatrix(from: sink, to: source)
        #expect(!there.isIdentity)
        let input: [Float] = [-0.0, 1, .nan, .infinity, -.infinity, 1e38, .leastNonzeroMagnitude, 0.1]
        var moved = [Float](repeating: 0, count: 8)
        var output = [Float](repeating: 0, count: 8)
        there.apply(input, &moved, frames: 1)
        #expect(moved[4].isNaN && moved[2] == .leastNonzeroMagnitude)
        back.apply(moved, &output, frames: 1)
        #expect(output.map(\.bitPattern) == input.map(\.bitPattern))
    }

    @Test func theSameMapIsIdentityAlsoWhereNothingIsKnownOfIt() throws {
        let map = try Self.map("UNKNOWN UNKNOWN NA")
        let matrix = ChannelMatrix(from: map, to: map)
        #expect(matrix.isIdentity)
        var output = [Float](repeating: 0, count: 3)
        matrix.apply([1, 2, 3], &output, frames: 1)
        #expect(output == [1, 2, 3])
    }

    @Test func everyPositionButTheSubwooferIsHeardInStereo() throws {
        let stereo = try Self.map("FL FR")
        let silent: Set<ChannelPosition> = [
            .unknown, .notAvailable, .lowFrequency, .leftLowFrequency, .rightLowFrequency,
        ]
        for position in ChannelPosition.allCases {
            let matrix = ChannelMatrix(from: try #require(ChannelMap([position])), to: stereo)
            let gain = matrix.gain(from: 0, to: 0) + matrix.gain(from: 0, to: 1)
            #expect((gain > 0) != silent.contains(position), "\(position)")
        }
    }
}
