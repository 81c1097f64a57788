import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("A device")
struct DeviceTests {
    @Test("is made in a new folder or an empty one, and keeps its id")
    func make() throws {
        try withFolder { folder in
            let device = try Device.initialize(at: folder.appending("a/b"))
            #expect(try Device.initialize(at: folder.appending("a/b")) == device)
            #expect(try Device.open(folder.appending("a/../a/b")) == device)
            #expect(try Files.list(device.root) == ["bases", "mediapod.json", "pods"])
        }
    }

    @Test("is made again where its making was cut short")
    func interrupted() throws {
        try withFolder { folder in
            try Files.makeFolder(folder.appending("bases"), permissions: .init(rawValue: 0o755))
            try Files.replace(folder.appending(".mediapod.json.123.new"), with: [])
            _ = try Device.initialize(at: folder)
            _ = try Device.open(folder)
        }
    }

    @Test("is not made of a folder with something in it")
    func foreign() throws {
        try withFolder { folder in
            try Files.replace(folder.appending("thesis.odt"), with: [1])
            #expect(
                message { _ = try Device.initialize(at: folder) }
                    == "cannot make device \(folder): the folder is not empty (it has \"thesis.odt\"); "
                    + "name an empty or a new folder")
            #expect(try Files.list(folder) == ["thesis.odt"])
        }
    }

    @Test("is not made where a pod's files could not lie")
    func fileSystems() throws {
        try withMount("ramfs", options: "rw") { folder throws in
            #expect(
                message { _ = try Device.initialize(at: folder, .init(runtime: folder.appending("run"))) }.contains(
                    "cannot hold extended attributes, and an image cannot be made there: there is room for 0 B"))
            #expect(try Files.list(folder) == [])
        }
        try withMount("tmpfs", options: "ro") { folder in
            #expect(
                message { _ = try Device.initialize(at: folder) }
                    == "cannot make a device of \(folder): it is read-only; mount it writable")
        }
        try withFolder { folder in
            for name in ["lower", "upper", "work"] {
                try Files.makeFolder(folder.appending(name), permissions: .init(rawValue: 0o755))
            }
            let options = "lowerdir=\(folder)/lower,upperdir=\(folder)/upper,workdir=\(folder)/work"
            try withMount("overlay", options: options) { overlay in
                #expect(
                    message { _ = try Device.initialize(at: overlay) }
                        == "cannot make a device of \(overlay): it lies on an overlay, which cannot carry another; "
                        + "put it on ext4, xfs or btrfs")
            }
        }
    }

    @Test("is told from a folder that is none, and from a damaged one")
    func none() throws {
        try withFolder { folder in
            let missing = folder.appending("missing")
            #expect(
                message { _ = try Device.open(missing) }
                    == "there is no device \(missing); name another, or make it with: mediapod device init")
            #expect(
                message { _ = try Device.open(folder) }
                    == "\(folder) is not a MediaPod device: it has no mediapod.json; "
                    + "name another, or make it one with: mediapod device init \(folder)")
            let label = folder.appending("mediapod.json")
            for (text, problem) in [
                ("hello", "mediapod.json is not JSON"), ("", "mediapod.json is not JSON"),
                (
                    "{\"format_version\": 1, \"created_at\": \"2026-01-01T00:00:00Z\"}", "mediapod.json has no \"id\""
                ),
                ("{\"format_version\": \"one\"}", "mediapod.json \"format_version\" is not what it should be"),
                (
                    "{\"format_version\": 9, \"shape\": \"unknown\"}",
                    "mediapod.json has format 9, this program reads up to 1; use a newer mediapod"
                ),
            ] {
                try Files.replace(label, with: Array(text.utf8))
                #expect(message { _ = try Device.open(folder) } == "device \(folder): \(problem)")
            }
            #expect(message { _ = try Device.open(label) } == "\(label) is not a folder, so no device")
        }
    }

    @Test("that a command means is the named one, else the environment's, else the only one known")
    func resolution() throws {
        try withFolder { folder in
            let known = KnownDevices(runtime: folder.appending("run"))
            #expect(
                message { _ = try known.resolve(named: nil, environment: nil) }
                    == "the device: none is known on this host; name one with --device or MEDIAPOD_DEVICE, "
                    + "or make one with: mediapod device init DIR")
            let a = try Device.initialize(at: folder.appending("a"))
            let b = try Device.initialize(at: folder.appending("b"))
            #expect(try known.resolve(named: a.root.string, environment: b.root.string) == a)
            #expect(try known.resolve(named: nil, environment: nil) == a)
            #expect(try known.resolve(named: nil, environment: b.root.string) == b)
            #expect(
                message { _ = try known.resolve(named: nil, environment: nil) }
                    == "the device: this host knows 2: \(a.root), \(b.root); choose one with --device or MEDIAPOD_DEVICE"
            )
            try Files.removeTree(a.root)
            #expect(try known.resolve(named: nil, environment: nil) == b)
        }
    }

    @Test("has bases that are found by digest, by its first digits and by a pod that has them")
    func bases() throws {
        try withPod { pod throws in
            let device = pod.device
            #expect(try device.bases() == [someBase])
            for name in [someBase, "ababab", "x"] { #expect(try device.base(named: name) == someBase) }
            #expect(
                message { _ = try device.base(named: "aba") }
                    == "base \"aba\": the device has none of that digest, nor a pod of that name; there are: \(someBase)"
            )
        }
    }

    @Test("loses what a killed builder left, and not what a living one works in")
    func staging() throws {
        try withPod { pod in
            let device = pod.device
            let dead = device.root.appending("bases/.staging-dead")
            try Files.makeFolders(dead.appending("tree"), permissions: .init(rawValue: 0o755))
            let living = try device.baseStaging()
            let second = try device.baseStaging()
            #expect(try Files.kind(of: dead) == nil)
            #expect(Files.isFolder(living.folder) && Files.isFolder(second.folder))
        }
    }
}
