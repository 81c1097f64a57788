import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// The finished program, as scripts see it.
@Suite("mediapod")
struct CommandTests {
    private struct Outcome {
        var code: Int32
        var output: String
        var error: String
    }

    private func mediapod(_ arguments: [String], runtime: FilePath) throws -> Outcome {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let program = FilePath(String(decoding: buffer[..<count], as: UTF8.self)).removingLastComponent()
            .appending("mediapod")
        let place = runtime.appending("io")
        try Files.makeFolders(place, permissions: .init(rawValue: 0o755))
        let output = try Files.openForWriting(place.appending("out"))
        let error = try Files.openForWriting(place.appending("err"))
        let input = try Files.openForReading("/dev/null")
        let process = try ChildProcess(
            Command(
                program.string, arguments,
                environment: ["MEDIAPOD_RUNTIME=\(runtime)", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]),
            input: input.number, output: output.number, error: error.number)
        guard case .exited(let code) = process.wait() else { throw Failure(sentence: "mediapod \(process.wait())") }
        func text(_ name: String) throws -> String {
            String(decoding: try Files.read(place.appending(name), limit: 1 << 20), as: UTF8.self)
        }
        return Outcome(code: code, output: try text("out"), error: try text("err"))
    }

    private func withHost(_ body: (_ device: FilePath, _ run: ([String]) throws -> Outcome) throws -> Void) throws {
        try withFolder { folder in
            try body(folder.appending("device")) { try mediapod($0, runtime: folder.appending("run")) }
        }
    }

    @Test("makes a device once, and says that it is there the second time")
    func deviceInit() throws {
        try withHost { device, run in
            let first = try run(["device", "init", device.string])
            let id = try Device.open(device).id
            #expect(first.code == 0 && first.output == "\(device) is now a device, id \(id)\n")
            let second = try run(["device", "init", device.string])
            #expect(second.code == 0 && second.output == "\(device) is already a device, id \(id)\n")
            #expect(try run(["list"]).output == "no pods on \(device) yet\n")
            #expect(try run(["list", "--format", "json"]).output == "[\n\n]\n")
        }
    }

    @Test("ends with 64 when it is used wrongly")
    func usage() throws {
        try withHost { _, run throws in
            for arguments in [
                ["bogus"], ["list", "--format", "yaml"], ["create"], ["create", "x", "--base", "a", "--rootfs", "b"],
                ["create", "x", "--base", "a", "--pulse"], ["list", "extra"],
            ] {
                #expect(try run(arguments).code == 64, "\(arguments)")
            }
            #expect(try run(["--help"]).code == 0)
        }
    }

    @Test("ends with 1 and one line for what cannot be done")
    func refusals() throws {
        try withHost { device, run in
            func expect(_ arguments: [String], _ text: String) throws {
                let outcome = try run(arguments)
                #expect(outcome.code == 1 && outcome.output == "" && outcome.error == "mediapod: \(text)\n")
            }
            try expect(
                ["list"],
                "the device: none is known on this host; name one with --device or MEDIAPOD_DEVICE, "
                    + "or make one with: mediapod device init DIR")
            _ = try makeDevice(at: device)
            let rule = "use letters, digits, \".\", \"_\" and \"-\", a letter or digit or \"_\" first"
            let named = ["--device", device.string]
            try expect(["create", ""] + named, "a pod's name cannot be empty; \(rule)")
            try expect(["create", "a/b"] + named, "the name \"a/b\" has a slash in it; \(rule)")
            try expect(["inspect", "x"] + named, "no pod named x; there are none yet")
            try expect(["rm", "x"] + named, "no pod named x; there are none yet")
            try expect(
                ["create", "x", "--base", "zz"] + named,
                "base \"zz\": the device has none of that digest, nor a pod of that name; there are: \(someBase)")
        }
    }

    @Test("makes a pod on a base of the device, lists, shows and removes it")
    func pod() throws {
        try withHost { device, run in
            _ = try makeDevice(at: device)
            let made = try run(["create", "x", "--base", someBase, "--device", device.string])
            #expect(made.code == 0 && made.output == "pod x created on \(device)\n")
            let list = try run(["list"])
            let heading = "NAME  STATE    BASE"
            #expect(list.code == 0 && list.output.hasPrefix(heading))
            let summaries = try JSONText.decode(
                [PodSummary].self, from: Array(try run(["list", "--format", "json"]).output.utf8))
            #expect(summaries.map(\.name) == ["x"] && summaries[0].state == .created && summaries[0].base == someBase)
            let inspection = try JSONText.decode(
                PodInspection.self, from: Array(try run(["inspect", "x", "--format", "json"]).output.utf8))
            #expect(inspection.configuration.name == "x" && inspection.device.path == device.string)
            #expect(try run(["inspect", "x"]).output.hasPrefix("name          x\n"))
            #expect(
                try run(["create", "x", "--base", someBase]).error.hasPrefix(
                    "mediapod: cannot create pod x: the name is in use"))
            #expect(try run(["rm", "x"]).output == "pod x removed\n")
            #expect(try Device.open(device).pods() == [])
        }
    }

    @Test("does not remove a pod that runs")
    func removeRunning() throws {
        try withHost { device, run in
            let pod = try makeDevice(at: device).createPod(PodConfiguration(name: "x", base: someBase))
            try pod.setOwner(try PodOwner(runtime: "/run/a", initPID: getpid()))
            let outcome = try run(["rm", "x", "--device", device.string])
            #expect(outcome.code == 1 && outcome.error.hasPrefix("mediapod: cannot remove pod x: pod x: runs on host "))
            #expect(try Device.open(device).pods() == [pod])
        }
    }
}
