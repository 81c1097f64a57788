import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@Suite("A pod's kept sessions and layers")
struct HistoryTests {
    /// Layers with a file each, sessions on the stacks given.
    private func withSessions(_ stacks: [[Int]], _ body: (PodStore) throws -> Void) throws {
        try withPod { pod in
            for number in 1...(stacks.joined().max() ?? 1) {
                #expect(try pod.newLayer(on: Array(1..<number)) == number)
                try write("\(number)", to: "file-\(number)", layer: number, of: pod)
            }
            for stack in stacks { try pod.commitSession(layers: stack) }
            try body(pod)
        }
    }

    private func write(_ text: String, to name: String, layer: Int, of pod: PodStore) throws {
        try Files.replace(pod.layerFolder(layer).appending("upper").pushing(FilePath(name)), with: Array(text.utf8))
    }

    private func files(of layer: Int, _ pod: PodStore) throws -> [String] {
        try Files.list(pod.layerFolder(layer).appending("upper"))
    }

    @Test("merge what is only used together, and nothing else")
    func merges() throws {
        // Two ways on from session 2, and what lies below is shared by all.
        try withSessions([[1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 5, 6]]) { pod in
            let report = try pod.tidy(keep: 3, isMounted: false)
            #expect(report.sessions == [1, 2, 3] && report.merged == [2, 3])
            #expect(try pod.layers() == [1, 4, 5, 6])
            #expect(try files(of: 1, pod) == ["file-1", "file-2", "file-3"])
            #expect(try pod.presentLayers(of: [1, 2, 3, 4]) == [1, 4])
            #expect(try pod.presentLayers(of: [1, 2, 3, 5, 6]) == [1, 5, 6])
            // One way less: session 5 has 5 without 6, and nobody has 1 without 5.
            let second = try pod.tidy(keep: 2, isMounted: false)
            #expect(second.layers == [4] && second.merged == [5])
            #expect(try pod.tidy(keep: 1, isMounted: false).merged == [6])
            #expect(try pod.layers() == [1])
            #expect(try files(of: 1, pod) == ["file-1", "file-2", "file-3", "file-5", "file-6"])
            #expect(try pod.presentLayers(of: [1, 2, 3, 5, 6]) == [1])
            // Merged numbers are not given out again: stacks name them.
            #expect(try pod.newLayer() == 7)
        }
    }

    @Test("do not merge under a pod that runs, nor a layer that is written to")
    func mounted() throws {
        try withSessions([[1], [1, 2]]) { pod in
            _ = try pod.newLayer(on: [1, 2], resuming: 2)
            try pod.setOwner(try PodOwner(runtime: "/run/a", initPID: getpid(), layer: 3))
            try pod.setFileStack([1, 2])
            let report = try pod.tidy(keep: 1, isMounted: true)
            #expect(report.sessions == [1] && report.merged == [])
            try pod.clearOwner()
            try pod.endSession()
            try pod.setFileStack([1, 2, 3])
            try write("x", to: "x", layer: 3, of: pod)
            #expect(try pod.tidy(keep: 1, isMounted: false).merged == [2])
            #expect(try pod.layers() == [1, 3] && pod.presentLayers(of: [1, 2, 3]) == [1, 3])
            #expect(try pod.isTopLayerOpen())
            try pod.setFileStack([1, 2])
            #expect(try !pod.isTopLayerOpen(), "a session was suspended with it")
        }
    }

    @Test("are whole wherever a tidying is ended, and the next one does the rest")
    func interrupted() throws {
        for steps in 0..<40 {
            try withSessions([[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]) { pod in
                var left = steps
                let report = try pod.tidy(keep: 1, isMounted: false) {
                    if left == 0 { throw PodStore.Enough() }
                    left -= 1
                }
                let stack = try pod.presentLayers(of: [1, 2, 3, 4])
                try pod.requireLayers(stack)
                let names = Set(try stack.flatMap { try files(of: $0, pod) })
                #expect(names == ["file-1", "file-2", "file-3", "file-4"], "after \(steps) steps: \(report)")
                _ = try pod.tidy(keep: 1, isMounted: false)
                #expect(try pod.layers() == [1] && pod.sessions() == [4])
                #expect(try Files.list(pod.layerFolder(1).removingLastComponent()) == ["1"])
            }
        }
    }

    @Test("keep what a kept session's memory is told by")
    func requires() throws {
        try withSessions([[1], [1, 2], [1, 2], [1, 2], [1, 2, 3]]) { pod in
            for (session, required) in [(4, 2), (2, 1), (5, 4)] {
                var manifest = try pod.manifest(ofSession: session)
                manifest.requires = [required]
                try Files.replace(
                    pod.sessionFolder(session).appending("manifest.json"), with: try manifest.encoded())
            }
            #expect(try pod.requiredSessions(of: 4) == [2])
            #expect(
                message { try pod.removeSession(4) }
                    == "cannot remove session 4 of pod x: session 5 requires it")
            #expect(try pod.tidy(keep: 1, isMounted: false).sessions == [3])
            #expect(try pod.sessions() == [1, 2, 4, 5])
        }
    }

    @Test("stay, all of them, while one cannot be read")
    func damaged() throws {
        try withSessions([[1], [1, 2], [1, 2, 3]]) { pod in
            try Files.replace(pod.sessionFolder(2).appending("manifest.json"), with: Array("{".utf8))
            #expect(
                message { _ = try pod.tidy(keep: 1, isMounted: false) }
                    == "session 2 of pod x: manifest.json is not JSON")
            #expect(try pod.sessions() == [1, 2, 3] && pod.layers() == [1, 2, 3])
            try pod.removeSession(2)
            #expect(try pod.tidy(keep: 1, isMounted: false).sessions == [1])
            #expect(try pod.layers() == [1])
        }
    }

    @Test("are told from what was written and never suspended, which nothing removes but a person")
    func recoverable() throws {
        try withSessions([[1], [1, 2], [1, 2, 3]]) { pod in
            let crashed = try pod.newLayer(on: [1, 2, 3], resuming: 3)
            try write("unsaved", to: "unsaved", layer: crashed, of: pod)
            let empty = try pod.newLayer(on: [1, 2, 3], resuming: 3)
            for keep in [3, 1] { _ = try pod.tidy(keep: keep, isMounted: false) }
            #expect(try pod.layers() == [1, crashed], "\(empty) had nothing in it")
            let layers = try pod.recoverableLayers()
            #expect(layers.map(\.number) == [crashed] && layers[0].session == 3 && layers[0].below == [1])
            // Not while it is being written to.
            try pod.setOwner(try PodOwner(runtime: "/run/a", initPID: getpid(), layer: crashed))
            #expect(try pod.recoverableLayers() == [])
            try pod.clearOwner()
            try pod.removeLayer(crashed)
            #expect(try pod.recoverableLayers() == [] && pod.newLayer() == empty + 1)
        }
    }

    @Test("of a session that expired after a going back go with it")
    func expired() throws {
        try withSessions([[1], [1, 2], [1, 2, 3]]) { pod in
            _ = try pod.tidy(keep: 3, isMounted: false)
            try pod.setCurrentSession(1)
            _ = try pod.newLayer(on: [1], resuming: 1)
            try write("4", to: "file-4", layer: 4, of: pod)
            try pod.commitSession(layers: [1, 4])
            let report = try pod.tidy(keep: 1, isMounted: false)
            #expect(report.sessions == [1, 2, 3] && report.layers == [2, 3])
            #expect(try files(of: 1, pod) == ["file-1", "file-4"])
            #expect(try pod.recoverableLayers() == [])
        }
    }

    @Test("are counted on: no number of a session is given out twice")
    func numbers() throws {
        try withSessions([[1], [1], [1]]) { pod in
            try pod.endSession()
            try pod.removeSession(3)
            #expect(try pod.commitSession().number == 4)
        }
    }

    @Test("have a lock that makes room when it is wanted")
    func lock() throws {
        try withPod { pod in
            let lock = try pod.lock(to: "tidy", runtime: "/run/a", withinMilliseconds: 0)
            #expect(!pod.isLockWanted())
            let script = "exec 9>\"$1\"; flock 9; echo locked; sleep 1000"
            let null = try Files.openForReading("/dev/null")
            let output = try Files.openForWriting(pod.device.root.removingLastComponent().appending("output"))
            let waiting = try ChildProcess(
                Command("sh", ["-c", script, "sh", pod.folder.appending("wanted").string]), input: null.number,
                output: output.number, error: output.number)
            defer {
                waiting.kill()
                _ = waiting.wait()
            }
            #expect(Wait.until(milliseconds: 10_000) { pod.isLockWanted() })
            #expect(
                message { _ = try pod.lock(to: "resume", runtime: "/run/b", withinMilliseconds: 0) }.hasPrefix(
                    "cannot resume pod x: another mediapod is at work on it: tidy, on host "))
            _ = consume lock
        }
    }

    @Test("become another pod's without becoming less")
    func branch() throws {
        try withSessions([[1], [1, 2], [1, 2, 3]]) { pod in
            let new = try pod.branch(session: 2, named: "y")
            #expect(try new.currentSessionNumber() == 2 && new.sessions() == [2] && new.layers() == [1, 2])
            #expect(try new.configuration().name == "y" && new.configuration().hostname == "x")
            #expect(try new.configuration().id != pod.configuration().id)
            #expect(try files(of: 2, new) == ["file-2"] && new.fileStack() == [1, 2])
            #expect(try !new.isTopLayerOpen() && new.newLayer() == 3)
            #expect(message { _ = try pod.branch(session: 2, named: "y") }.contains("the name is in use"))
            #expect(message { _ = try pod.branch(session: 9, named: "z") }.contains("no session 9"))
            try pod.setFileStack([1, 2])
            try pod.endSession()
            #expect(try !pod.isTopLayerOpen(), "its files are another's too")
            try pod.remove()
            #expect(try files(of: 1, new) == ["file-1"] && pod.device.pods().map(\.name) == ["y"])
            #expect(try pod.device.pruneBases().isEmpty)
            try new.remove()
            #expect(try pod.device.pruneBases().map(\.digest) == [someBase])
        }
    }
}
