import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("A session on a device")
struct SessionTests {
    private struct Broken: Error {}

    /// The pod as whoever opens a copy of its device finds it.
    private func copy(_ pod: PodStore, to place: FilePath) throws -> PodStore {
        try Pipeline([Command("cp", ["-a", pod.device.root.string, place.string])]).run()
        return try Device.open(place).pod(pod.name)
    }

    @Test("is the current one once it is committed, and the one before is gone when no more are kept")
    func commit() throws {
        try withPod { pod in
            let first = try pod.commitSession()
            #expect(try pod.currentSession() == first)
            #expect(try pod.state() == .suspended)
            let second = try pod.commitSession()
            #expect(try pod.sessions() == [1, 2])
            _ = try pod.tidy(keep: 1, isMounted: false)
            #expect(second.number == 2)
            #expect(try pod.currentSession() == second)
            #expect(try Files.list(pod.folder.appending("sessions")) == ["2"])
            #expect(try Files.read(pod.stateFile(ofSession: 2), limit: 10) == Array("state".utf8))
        }
    }

    @Test("stays as long as it is to be kept")
    func keep() throws {
        try withPod { pod in
            for _ in 1...4 { try pod.commitSession(keep: 3) }
            #expect(try pod.sessions() == [2, 3, 4])
            // The one that resumes is among them, however old it is.
            try pod.setCurrentSession(2)
            _ = try pod.tidy(keep: 1, isMounted: false)
            #expect(try pod.sessions() == [2, 4])
        }
    }

    @Test("stays as long as one that is kept requires it")
    func required() throws {
        try withPod { pod in
            for requires in [[], [1], [1], []] {
                let writer = try pod.beginSession()
                var manifest = writer.manifest()
                manifest.requires = requires
                try writer.commit(manifest)
                _ = try pod.tidy(keep: 1, isMounted: false)
                #expect(try pod.sessions() == requires + [manifest.number])
                #expect(try pod.currentSession() == manifest)
            }
        }
    }

    @Test("that is not committed leaves nothing", arguments: [true, false])
    func abandon(hasPrevious: Bool) throws {
        try withPod { pod in
            if hasPrevious { try pod.commitSession() }
            let before = try Files.list(pod.folder.appending("sessions"))
            do {
                let writer = try pod.beginSession()
                try Files.replace(writer.stateFile, with: [1])
            }
            #expect(try Files.list(pod.folder.appending("sessions")) == before)
        }
    }

    @Test("that a killed writer left half written goes with the next one")
    func leftover() throws {
        try withPod { pod in
            let partial = pod.folder.appending("sessions/.1.partial")
            try Files.makeFolder(partial, permissions: .init(rawValue: 0o700))
            try Files.replace(partial.appending("state"), with: [1])
            let session = try pod.commitSession(keep: 1)
            #expect(try Files.list(pod.folder.appending("sessions")) == ["\(session.number)"])
        }
    }

    @Test("is the old or the new one, whole, wherever a commit is cut off", arguments: [true, false])
    func cutOff(hasPrevious: Bool) throws {
        try withPod { pod in
            let old = hasPrevious ? try pod.commitSession() : nil
            let writer = try pod.beginSession()
            try Files.replace(writer.stateFile, with: Array("state".utf8))
            let new = writer.manifest()
            var copies: [(SessionWriter.Step, PodStore)] = []
            try writer.commit(new) { step in
                let place = pod.device.root.removingLastComponent().appending("copy-\(step)")
                copies.append((step, try copy(pod, to: place)))
            }
            #expect(copies.map(\.0) == SessionWriter.Step.allCases)
            for (step, copy) in copies {
                #expect(try copy.currentSession() == (step == .currentReplaced ? new : old), "after \(step)")
                if let number = try copy.currentSessionNumber() {
                    #expect(try Files.read(copy.stateFile(ofSession: number), limit: 10) == Array("state".utf8))
                }
                // And it can go on from there.
                let next = try copy.commitSession(keep: 1)
                #expect(try copy.currentSession() == next)
                #expect(try Files.list(copy.folder.appending("sessions")) == ["\(next.number)"])
            }
        }
    }

    @Test("stays the old one when any step of a commit fails", arguments: SessionWriter.Step.allCases, [true, false])
    func failing(step: SessionWriter.Step, hasPrevious: Bool) throws {
        try withPod { pod in
            let old = hasPrevious ? try pod.commitSession() : nil
            let writer = try pod.beginSession()
            #expect(throws: Broken.self) {
                try writer.commit(writer.manifest()) { if $0 == step { throw Broken() } }
            }
            #expect(try pod.currentSession() == old)
            #expect(try Files.list(pod.folder.appending("sessions")) == (hasPrevious ? ["1"] : []))
        }
    }

    @Test("no longer resumes after a clean end, and stays among those that are kept")
    func end() throws {
        try withPod { pod in
            _ = try pod.newLayer()
            try pod.commitSession()
            try pod.commitSession()
            try pod.endSession()
            #expect(try pod.currentSession() == nil && pod.sessions() == [1, 2])
            #expect(try pod.state() == .stopped)
            try pod.endSession()
            try pod.setCurrentSession(1)
            #expect(try pod.currentSessionNumber() == 1 && pod.state() == .suspended)
            #expect(message { try pod.setCurrentSession(7) } == "pod x has no session 7; there are: 1, 2")
        }
    }

    @Test("that is damaged or of a newer format is refused, saying what is wrong")
    func damaged() throws {
        try withPod { pod in
            let session = try pod.commitSession()
            let file = pod.sessionFolder(1).appending("manifest.json")
            let text = String(decoding: try Files.read(file, limit: 1 << 20), as: UTF8.self)
            func expect(_ content: String?, _ problem: String) throws {
                if let content { try Files.replace(file, with: Array(content.utf8)) } else { try Files.remove(file) }
                #expect(message { _ = try pod.currentSession() } == "session 1 of pod x: \(problem)")
            }
            try expect(
                text.replacing("\"format_version\" : 3", with: "\"format_version\" : 4"),
                "manifest.json has format 4, this program reads up to 3; use a newer mediapod")
            try expect(String(text.dropLast(20)), "manifest.json is not JSON")
            try expect(text.replacing("\"base\"", with: "\"bass\""), "manifest.json has no \"base\"")
            let damaged = "manifest.json is damaged: its SHA-256 is not its checksum"
            try expect(text.replacing("\"number\" : 1", with: "\"number\" : 7"), damaged)
            try expect(text.replacing("\"host-a\"", with: "\"host-b\""), damaged)
            try expect(
                text.replacing("\"checksum\" : \"", with: "\"checksum\" : \"x"), "manifest.json has no \"checksum\"")
            try Files.replace(file, with: Array(text.utf8))
            try Files.move(pod.sessionFolder(1), to: pod.sessionFolder(2))
            #expect(
                message { _ = try pod.manifest(ofSession: 2) }
                    == "session 2 of pod x: manifest.json is that of session 1")
            try Files.move(pod.sessionFolder(2), to: pod.sessionFolder(1))
            try expect(nil, "manifest.json is missing")
            try Files.removeTree(pod.sessionFolder(1))
            #expect(message { _ = try pod.currentSession() } == "session 1 of pod x: its folder is missing")
            try Files.replace(pod.folder.appending("current"), with: Array("../../y".utf8))
            #expect(
                message { _ = try pod.currentSession() }
                    == "pod x: its file \"current\" is damaged: it names no session")
            _ = session
        }
    }

    @Test("of a full device is refused with what to do, the old one untouched")
    func full() throws {
        try withMount("tmpfs", options: "size=512k") { folder in
            let device = try makeDevice(at: folder)
            let pod = try device.createPod(PodConfiguration(name: "x", base: someBase))
            let old = try pod.commitSession()
            let writer = try pod.beginSession()
            // Every last page.
            try Pipeline([
                Command("sh", ["-c", "cat /dev/zero > \(folder)/rest 2>/dev/null || true"])
            ]).run()
            #expect(
                message { try writer.commit(writer.manifest()) }
                    == "cannot write session 2 of pod x: the device is full; free some space on \(folder)")
            #expect(try pod.currentSession() == old)
            #expect(try Files.list(pod.folder.appending("sessions")) == ["1"])
        }
    }
}
