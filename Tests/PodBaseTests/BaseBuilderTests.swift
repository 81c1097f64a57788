import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import PodBase
import SystemPackage
import Testing

/// Each with a tree of a few files: what packages add is seen by the real path.
@Suite("A base", .serialized)
final class BaseBuilderTests {
    /// Stands for what is laid over every base. Gone again after each test, as is its name in the environment, which
    /// other suites' programs must not inherit.
    private let guest = FilePath("/tmp/mediapod-test-guest-\(getpid())")

    init() throws {
        let folder = guest.appending("usr/lib/mediapod")
        try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        try Files.replace(folder.appending("pod-init"), with: Array("init".utf8), permissions: .init(rawValue: 0o755))
        setenv("MEDIAPOD_GUEST", guest.string, 1)
    }

    deinit {
        unsetenv("MEDIAPOD_GUEST")
        try? Files.removeTree(guest)
    }

    private func withTree(_ body: (Device, FilePath, _ out: FilePath) throws -> Void) throws {
        try withFolder { folder in
            let tree = folder.appending("tree")
            for name in ["usr/bin", "etc", "proc", "dev"] {
                try Files.makeFolders(tree.appending(name), permissions: .init(rawValue: 0o755))
            }
            try Files.replace(tree.appending("usr/bin/hello"), with: [1, 2, 3])
            try Files.replace(tree.appending("dev/junk"), with: [1])
            try Files.replace(tree.appending("etc/passwd"), with: Array("root:x:0:0:root:/root:/bin/sh\n".utf8))
            try Files.replace(tree.appending("etc/group"), with: Array("root:x:0:\naudio:x:29:pulse\n".utf8))
            try Files.replace(
                tree.appending("etc/shadow"), with: Array("root:*:1:0:99999:7:::\n".utf8),
                permissions: .init(rawValue: 0o640))
            try body(try Device.initialize(at: folder.appending("device")), tree, folder.appending("out"))
        }
    }

    func unpack(_ device: Device, _ digest: String, to place: FilePath) throws {
        let image = device.basePath(digest).string
        try Pipeline([Command("unsquashfs", ["-q", "-n", "-d", place.string, image])]).run()
    }

    func text(_ path: FilePath) throws -> String {
        String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
    }

    @Test("has the tree, the parts, the user, and the places to mount on; the tree stays as it was")
    func tree() throws {
        try withTree { device, tree, out in
            let before = try Pipeline.output(of: Command("ls", ["-lR", "--full-time", tree.string]))
            var stages: [String] = []
            let base = try BaseBuilder.build(.tree(tree), on: device, pod: "x") {
                if let stage = $0 { stages.append(stage) }
            }
            #expect(try Pipeline.output(of: Command("ls", ["-lR", "--full-time", tree.string])) == before)
            #expect(stages == ["copying the tree", "adding the parts of MediaPod", "compressing"])
            #expect(!base.isOld)
            #expect(try device.bases() == [base.digest])
            let sum = try Pipeline.output(of: Command("sha256sum", [device.basePath(base.digest).string]))
            #expect(String(decoding: sum, as: UTF8.self).hasPrefix(base.digest))

            try unpack(device, base.digest, to: out)
            #expect(try Files.list(out) == ["dev", "etc", "home", "proc", "run", "sys", "tmp", "usr"])
            #expect(try Files.read(out.appending("usr/bin/hello"), limit: 9) == [1, 2, 3])
            #expect(try text(out.appending("usr/lib/mediapod/pod-init")) == "init")
            #expect(
                try text(out.appending("etc/passwd")).hasSuffix(
                    "\nuser:x:1000:1000:MediaPod user:/home/user:/bin/bash\n"))
            #expect(try text(out.appending("etc/group")) == "root:x:0:\naudio:x:29:pulse,user\nuser:x:1000:\n")
            #expect(try text(out.appending("etc/shadow")).hasSuffix("\nuser:!:19000:0:99999:7:::\n"))
            #expect(try Files.list(out.appending("dev")) == [])
            var state = stat()
            #expect(lstat(out.appending("home/user").string, &state) == 0 && state.st_uid == 1000)
            #expect(lstat(out.appending("etc/shadow").string, &state) == 0 && state.st_mode & 0o777 == 0o640)
            #expect(lstat(out.appending("tmp").string, &state) == 0 && state.st_mode & 0o7777 == 0o1777)
        }
    }

    @Test("of the same files is stored once")
    func once() throws {
        try withTree { device, tree, _ in
            let first = try BaseBuilder.build(.tree(tree), on: device, pod: "x") { _ in }
            let second = try BaseBuilder.build(.tree(tree), on: device, pod: "y") { _ in }
            #expect(second.digest == first.digest && second.isOld)
            #expect(try Files.list(device.root.appending("bases")) == ["\(first.digest).squashfs"])
        }
    }

    @Test("never follows a tree's links to the host's own files")
    func links() throws {
        try withTree { device, tree, _ in
            let host = tree.removingLastComponent().appending("host")
            try Files.replace(host, with: Array("root:x:0:0\n".utf8))
            try Files.remove(tree.appending("etc/passwd"))
            try Pipeline([Command("ln", ["-s", host.string, tree.appending("etc/passwd").string])]).run()
            #expect(
                message { _ = try BaseBuilder.build(.tree(tree), on: device, pod: "x") { _ in } }
                    == "cannot build the base of pod x: the tree: its /etc/passwd is not an ordinary file")
            #expect(try text(host) == "root:x:0:0\n")
            #expect(try Files.list(device.root.appending("bases")) == [])
        }
    }

    @Test("is refused for what cannot become one")
    func refusals() throws {
        try withTree { device, tree, _ throws in
            func text(_ source: BaseSource) -> String {
                message { _ = try BaseBuilder.build(source, on: device, pod: "x") { _ in } }
            }
            let beginning = "cannot build the base of pod x: "
            #expect(text(.tree("/nowhere")) == beginning + "there is no folder /nowhere")
            #expect(
                text(.tree(tree.appending("etc")))
                    == beginning + "\(tree)/etc is not a root file system: it has neither usr nor bin")
            #expect(
                text(.packages(["a;b"], suite: "bookworm"))
                    == beginning + "\"a;b\" is not a package's name; check the name")
            #expect(
                text(.packages(["bash"], suite: "--mode=x"))
                    == beginning + "\"--mode=x\" is not the name of a Debian suite; use bookworm")
            setenv("MEDIAPOD_GUEST", "/nowhere", 1)
            #expect(
                text(.tree(tree))
                    == beginning
                    + "MediaPod's parts for the inside of a pod are missing (looked for usr/lib/mediapod/pod-init "
                    + "in /nowhere); make them with: make build, or name their folder with MEDIAPOD_GUEST")
            #expect(try Files.list(device.root.appending("bases")) == [])
        }
    }

    @Test("with a PulseAudio has its configuration beside Debian's own, and nothing that starts it for ALSA's programs")
    func pulse() throws {
        try withTree { device, tree, out in
            #expect(
                message { _ = try BaseBuilder.build(.tree(tree), on: device, pod: "x", hasPulse: true) { _ in } }
                    == "cannot build the base of pod x: the tree: it has no /usr/bin/pulseaudio; "
                    + "install pulseaudio there, or leave out --pulse")
            #expect(try device.bases() == [])

            try Files.replace(tree.appending("usr/bin/pulseaudio"), with: [1])
            let hooks = tree.pushing("etc/alsa/conf.d")
            try Files.makeFolders(hooks, permissions: .init(rawValue: 0o755))
            try Pipeline([Command("ln", ["-s", "/nowhere", hooks.appending("99-pulse.conf").string])]).run()
            let base = try BaseBuilder.build(.tree(tree), on: device, pod: "x", hasPulse: true) { _ in }
            try unpack(device, base.digest, to: out)
            #expect(try Files.list(out.pushing("etc/alsa/conf.d")) == ["50-mediapod-pulse.conf"])
            #expect(try Files.list(out.pushing("etc/pulse")) == ["client.conf.d", "daemon.conf.d", "mediapod.pa"])
            #expect(
                try text(out.pushing("etc/mediapod/servers")).hasSuffix(
                    "\n/run/pulse/native 1000 /usr/bin/pulseaudio --daemonize=no\n"))
        }
    }

    @Test("with a PulseAudio follows no links to the host's own folders either")
    func pulseLinks() throws {
        try withTree { device, tree, _ in
            try Files.replace(tree.appending("usr/bin/pulseaudio"), with: [1])
            let host = tree.removingLastComponent().appending("host")
            try Files.makeFolders(host, permissions: .init(rawValue: 0o755))
            try Files.replace(host.appending("99-pulse.conf"), with: [1])
            for name in ["etc/pulse", "etc/alsa/conf.d"] {
                let place = tree.pushing(FilePath(name))
                try Files.makeFolders(place.removingLastComponent(), permissions: .init(rawValue: 0o755))
                try Pipeline([Command("ln", ["-s", host.string, place.string])]).run()
                #expect(
                    message { _ = try BaseBuilder.build(.tree(tree), on: device, pod: "x", hasPulse: true) { _ in } }
                        == "cannot build the base of pod x: the tree: its /\(name) is not a folder")
                try Files.remove(place)
            }
            #expect(try Files.list(host) == ["99-pulse.conf"])
        }
    }

    @Test("with a desktop starts it with the pod, and a PulseAudio when somebody plays", arguments: ["icewm", "xfce"])
    func desktop(name: String) throws {
        try withTree { device, tree, out in
            let desktop = try #require(Desktop(rawValue: name))
            func build() throws -> BaseBuilder.Result {
                try BaseBuilder.build(.tree(tree), on: device, pod: "x", hasPulse: true, desktop: desktop) { _ in }
            }
            #expect(
                message { _ = try build() }
                    == "cannot build the base of pod x: the tree: it has no /usr/bin/Xorg, which --desktop \(name) needs; "
                    + "install it there, or leave out --desktop")
            for program in ["Xorg", "xinit", "xset", "dbus-daemon", "setpriv", "pulseaudio"] {
                try Files.replace(tree.pushing("usr/bin").appending(program), with: [1])
            }
            let session = desktop == .icewm ? "icewm-session" : "xfce4-session"
            #expect(message { _ = try build() }.contains("it has no /usr/bin/\(session), which"))
            try Files.replace(tree.pushing("usr/bin").appending(session), with: [1])
            try unpack(device, try build().digest, to: out)
            #expect(
                try text(out.pushing("etc/mediapod/servers")).split(separator: "\n").dropFirst() == [
                    "- 0 /usr/lib/mediapod/desktop/start \(name)",
                    "/run/pulse/native 1000 /usr/bin/pulseaudio --daemonize=no",
                ])
        }
    }

    @Test("that does not fit says so, and leaves the space free")
    func full() throws {
        try withTree { _, tree, _ in
            try Files.replace(tree.appending("usr/big"), with: sampleBytes(6_000_000))
            try withMount("tmpfs", options: "size=4m") { mount in
                let device = try Device.initialize(at: mount)
                let text = message { _ = try BaseBuilder.build(.tree(tree), on: device, pod: "x") { _ in } }
                #expect(text.hasPrefix("cannot build the base of pod x: the device \(mount) is full ("))
                #expect(text.hasSuffix(" free); free some space on it"))
                #expect(try Files.list(device.root.appending("bases")) == [])
            }
        }
    }
}
