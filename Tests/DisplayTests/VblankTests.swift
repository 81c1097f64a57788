import DisplayABI
import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct VblankTests {
        /// Ticks of Present's clock, and when they were, µs.
        private func ticks(_ count: Int, on server: XServer) throws -> [(msc: Int, ust: Int)] {
            let program = try XProgram(["present", "\(count)"], on: server)
            var result: [(Int, Int)] = []
            while true {
                let words = try program.line().split(separator: " ")
                guard words.count == 2, let msc = Int(words[0]), let ust = Int(words[1]) else { break }
                result.append((msc, ust))
            }
            return result
        }

        /// Late wake-ups skip ticks, but where the ticks lie does not depend on the machine.
        private func expectPeriod(_ ticks: [(msc: Int, ust: Int)], milliHertz: Int) {
            for (before, after) in zip(ticks, ticks.dropFirst()) {
                let expected = (after.msc - before.msc) * 1_000_000_000 / milliHertz
                #expect(after.msc > before.msc)
                #expect(abs(after.ust - before.ust - expected) <= 1 + expected / 1_000_000, "\(before) \(after)")
            }
        }

        @Test func itRunsAtSixtyHertzWithoutAViewer() throws {
            let server = try XServer()
            let seen = try ticks(60, on: server)
            #expect(seen.count == 70, "ticks, and then pictures")
            expectPeriod(seen, milliHertz: 60000)
        }

        @Test(arguments: [59940, 50000, 144000, 75025]) func itRunsAtTheRateOfTheViewersDisplay(milliHertz: Int) throws
        {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            try peer.attach(refreshMilliHertz: UInt32(milliHertz))
            let program = try XProgram(["present", "40"], on: server)
            var seen: [(msc: Int, ust: Int)] = []
            while true {
                peer.beat()
                let words = try program.line().split(separator: " ")
                guard words.count == 2, let msc = Int(words[0]), let ust = Int(words[1]) else { break }
                seen.append((msc, ust))
            }
            expectPeriod(seen, milliHertz: milliHertz)
            #expect(seen.count == 50)
        }

        @Test func theFastestViewerCountsAndRatesThatCannotBeAreIgnored() throws {
            let server = try XServer()
            let peers = try [30000, 120_000, UInt32.max].map { rate in
                let peer = try DisplayPeer(server)
                try peer.attach(refreshMilliHertz: rate)
                return peer
            }
            let program = try XProgram(["present", "20"], on: server)
            var seen: [(msc: Int, ust: Int)] = []
            while true {
                for peer in peers { peer.beat() }
                let words = try program.line().split(separator: " ")
                guard words.count == 2, let msc = Int(words[0]), let ust = Int(words[1]) else { break }
                seen.append((msc, ust))
            }
            expectPeriod(seen, milliHertz: 120_000)
        }
    }
}
