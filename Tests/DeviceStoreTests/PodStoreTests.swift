import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@Suite("A pod on a device")
struct PodStoreTests {
    @Test(
        "has a name that is harmless everywhere",
        arguments: [
            ("", "a pod's name cannot be empty"), ("a/b", "the name \"a/b\" has a slash in it"),
            ("/", "the name \"/\" has a slash in it"), ("..", "the name \"..\" begins with \".\""),
            (".x", "the name \".x\" begins with \".\""), ("-x", "the name \"-x\" begins with \"-\""),
            ("a b", "the name \"a b\" has \" \" in it"), ("a\n", "the name \"a \" has \" \" in it"),
            ("é", "the name \"é\" has \"é\" in it"),
            (
                String(repeating: "n", count: 65),
                "the name \"\(String(repeating: "n", count: 16))…\" is longer than 64 characters"
            ),
        ])
    func names(name: String, problem: String) throws {
        let rule = "; use letters, digits, \".\", \"_\" and \"-\", a letter or digit or \"_\" first"
        #expect(message { try PodName.validate(name) } == problem + rule)
        try withPod { pod throws in
            #expect(message { _ = try pod.device.pod(name) } == problem + rule)
            #expect(
                message { _ = try pod.device.createPod(PodConfiguration(name: name, base: someBase)) } == problem + rule
            )
            #expect(try pod.device.pods().map(\.name) == ["x"])
        }
    }

    @Test("is there whole, with what it was made of")
    func create() throws {
        try withFolder { folder in
            let device = try makeDevice(at: folder)
            let configuration = PodConfiguration(name: "music", base: someBase, environment: ["A=b"])
            let pod = try device.createPod(configuration)
            #expect(try device.pod("music") == pod)
            #expect(try pod.configuration() == configuration)
            #expect(try pod.fileStack() == [] && pod.layers() == [] && pod.sessions() == [])
            #expect(try pod.currentSession() == nil)
            #expect(try pod.state() == .created)
        }
    }

    @Test("is refused under a name in use, on a base that is not there, and unknown names list the known")
    func refusals() throws {
        try withPod { pod in
            let device = pod.device
            #expect(
                message { _ = try device.createPod(PodConfiguration(name: "x", base: someBase)) }
                    == "cannot create pod x: the name is in use; choose another, or remove it with: mediapod rm x")
            #expect(
                message { _ = try device.createPod(PodConfiguration(name: "y", base: "00")) }
                    == "cannot create pod y: the device has no base 00")
            #expect(message { _ = try device.pod("y") } == "no pod named y; there are: x")
            try pod.remove()
            #expect(message { _ = try device.pod("y") } == "no pod named y; there are none yet")
        }
    }

    @Test("that is damaged is shown as such, beside the others")
    func damaged() throws {
        try withPod { pod in
            try Files.replace(pod.folder.appending("pod.json"), with: Array("{}".utf8))
            let summary = pod.summary()
            #expect(summary.state == .damaged)
            #expect(summary.problem == "pod x: pod.json has no \"format_version\"")
        }
    }

    @Test("gets layers that its root owns, and no number twice")
    func layers() throws {
        try withPod { pod in
            #expect(try pod.newLayer() == 1)
            #expect(try pod.newLayer() == 2)
            var state = stat()
            #expect(lstat(pod.layerFolder(2).appending("upper").string, &state) == 0)
            #expect(state.st_uid == 100_000 && state.st_gid == 100_000 && state.st_mode & 0o7777 == 0o755)
            try pod.setFileStack([1])
            #expect(message { try pod.removeLayer(1) } == "cannot remove layer 1 of pod x: the pod's files lie in it")
            try pod.removeLayer(2)
            #expect(try pod.layers() == [1])
            #expect(try pod.newLayer() == 3)
            #expect(try pod.fileStack() == [1])
            try pod.setFileStack([])
            try pod.commitSession()
            #expect(message { try pod.removeLayer(1) } == "cannot remove layer 1 of pod x: session 1 needs it")
        }
    }

    @Test("is removed with everything, also when an earlier removal was cut short")
    func remove() throws {
        try withPod { pod in
            _ = try pod.newLayer()
            try Files.makeFolder(
                pod.device.root.appending("pods/.x.removed.partial"), permissions: .init(rawValue: 0o700))
            try pod.remove()
            #expect(try Files.list(pod.device.root.appending("pods")) == [])
        }
    }

    @Test("is owned by one living runtime at a time")
    func owner() throws {
        try withPod { pod in
            let mine = try PodOwner(runtime: "/run/a", initPID: getpid())
            try pod.setOwner(mine)
            #expect(try pod.owner() == mine)
            #expect(try pod.state() == .running)
            // Its own runtime may claim it again: after a crash of the engine the pod runs on.
            try pod.setOwner(mine)
            let text = message { try pod.setOwner(PodOwner(runtime: "/run/b", initPID: getpid())) }
            #expect(text.hasPrefix("pod x: runs on host \(mine.hostname), runtime /run/a, process \(getpid()), since "))
            #expect(text.hasSuffix("; suspend or stop it there"))
            try pod.clearOwner()
            #expect(try pod.owner() == nil)
        }
    }

    @Test("is free again when its owner is dead, by process, by process id's new holder, or by reboot")
    func deadOwner() throws {
        try withPod { pod in
            for change: (inout PodOwner) -> Void in [
                { $0.initPID = 999_999_999 }, { $0.initStart += 1 },
                {
                    $0.bootID = "another"
                    $0.hostname = "elsewhere"
                },
            ] {
                var owner = try PodOwner(runtime: "/run/a", initPID: getpid())
                change(&owner)
                try pod.clearOwner()
                try pod.setOwner(owner)
                #expect(owner.life(on: pod.device) == .dead)
                try pod.requireUnowned(besides: "/run/b")
                #expect(try pod.state() == .created)
            }
        }
    }
}
