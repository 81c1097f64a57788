import Testing

extension SessionTests {
    /// Processes of every kind come back: see Programs/kinds and docs/processes.md.
    @Suite(WithMovedKinds()) struct ProcessKindTests {
        @Test(arguments: KindTree.kinds) func comesBack(_ kind: String) {
            for problem in MovedKinds.problems(in: MovedKinds.moved.said[kind] ?? []) {
                Issue.record("\(kind): \(problem)")
            }
        }

        @Test(arguments: KindTree.kinds) func aFreshStartDoesNotPassForAResume(_ kind: String) throws {
            let moved = MovedKinds.moved
            let ready = try #require(moved.said[kind]?.first)
            let anew = try #require(moved.saidAnew[kind])
            // Told by nothing but the number that was in its memory.
            let another = "it did not say, with the number"
            #expect(!MovedKinds.problems(in: anew).contains { $0.hasPrefix(another) && kind != "clocks" }, "\(anew)")
            #expect(MovedKinds.problems(in: [ready] + anew.dropFirst()).contains { $0.hasPrefix(another) })
        }

        /// So each program is known to be able to fail.
        @Test(arguments: KindTree.kinds) func whateverIsLostIsNoticed(_ kind: String) throws {
            let losses = try #require(MovedKinds.moved.losses[kind])
            #expect(losses.contains("0 0 nothing"))
            #expect(losses.count > 1)
            for loss in losses where !loss.hasPrefix("0 ") {
                #expect(loss.split(separator: " ").dropFirst().first == "1", "\(kind): \(loss)")
            }
        }
    }
}
