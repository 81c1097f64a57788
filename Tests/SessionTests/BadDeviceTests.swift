import DeviceStore
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    /// Devices that are not what they should be: one clear line, and nothing changed.
    @Suite struct BadDeviceTests {
        /// What is on a device, but for the locks that whoever looks at it takes: a line for each name.
        private func listing(_ device: FilePath) throws -> [String] {
            let script = """
                cd "$1" && find . -path './pods/*/lock' -o -path './pods/*/wanted' -o -path './pods/*/readers' \\
                    -o -type f -exec sha256sum {} + -o -printf '%p %y %m %U %l\\n' | sort
                """
            let output = try Pipeline.output(of: Command("sh", ["-c", script, "sh", device.string]))
            return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
        }

        private func copy(_ device: FilePath, to place: FilePath) throws {
            try? Files.removeTree(place)
            try Pipeline([Command("cp", ["-a", device.string, place.string])]).run()
        }

        /// A host that says one line, and leaves the device as it is, when it cannot do something; or can do it.
        private func tryToResume(_ hosts: TestHosts, _ device: FilePath, nonce: Substring, _ what: String) throws
            -> Bool
        {
            let runtime = try LabFolder("mediapod-bad")
            let host = TestHost(runtime: runtime.appending("C"), device: device)
            let before = try listing(device)
            let said = try host.run(["resume", "p", "--detach", "--sound", "null"])
            if said.code == 0 {
                defer { _ = try? host.run(["stop", "--time", "0", "p"]) }
                #expect(try host.count().nonce == nonce, "\(what)")
                return true
            }
            #expect(said.code == 1 && said.line != nil, "\(what): \(said.error)")
            #expect(try listing(device) == before, "\(what): \(said.error)")
            #expect(host.leftovers().filter { !$0.hasSuffix(".log") } == [], "\(what)")
            return false
        }

        @Test func aDeviceOfWhichAnyFileIsMissingOrCutOffIsRefusedOrResumes() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            try hosts.a.resume()
            try hosts.a.suspend()
            let files = try Pipeline.output(
                of: Command("sh", ["-c", "cd \"$1\" && find . -type f ! -path '*/upper/*'", "sh", hosts.device.string]))
            let names = String(decoding: files, as: UTF8.self).split(separator: "\n").map { String($0.dropFirst(2)) }
            #expect(names.count >= 10)
            let place = hosts.folder.appending("half")
            var refused = 0
            for name in names.sorted() {
                for change in ["rm \"$1\"", "truncate -s $(($(stat -c %s \"$1\") / 2)) \"$1\"", ": > \"$1\""] {
                    try copy(hosts.device, to: place)
                    let file = place.pushing(FilePath(name)).string
                    try Pipeline([Command("sh", ["-c", change, "sh", file])]).run()
                    if try !tryToResume(hosts, place, nonce: nonce, "\(name), \(change)") { refused += 1 }
                }
            }
            // Label, base, pod, current session: nothing goes without them.
            #expect(refused >= 12, "only \(refused) refused")
        }

        @Test func whatLeadsOutOfADeviceIsRefused() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let place = hosts.folder.appending("climbing")
            for change in [
                "mv pods/p pods/q; ln -s q pods/p", "rm -r pods/p/layers; ln -s / pods/p/layers",
                "rm -r pods/p/layers/1/upper; ln -s / pods/p/layers/1/upper",
                "mv pods/p/layers/1 x; ln -s ../../../x pods/p/layers/1",
                "mv pods/p/sessions x; ln -s ../../x pods/p/sessions",
                "mv pods/p/sessions/1 x; ln -s ../../../x pods/p/sessions/1",
                "cd pods/p/sessions/1; mv manifest.json x; ln -s x manifest.json",
                "cd pods/p/sessions/1; rm state; ln -s /dev/zero state", "cd pods/p/sessions/1; rm state; mkfifo state",
                "cd pods/p; rm pod.json; mkfifo pod.json", "cd pods/p; mv current x; ln -s x current",
                "cd pods/p; rm current; mkfifo current", "echo ../../x > pods/p/current", "echo -1 > pods/p/current",
                "cd bases; mv *.squashfs x; for i in x; do "
                    + "ln -s x $(sed -n 's/.*\"base\" : \"\\(.*\\)\".*/\\1/p' ../pods/p/pod.json).squashfs; done",
                "sed -i 's/\"base\" : \".*\"/\"base\" : \"..\\/..\\/..\\/etc\\/passwd\"/' "
                    + "pods/p/pod.json pods/p/sessions/1/manifest.json",
                "sed -i '/\"layers\"/{n;s/1/-1/}' pods/p/sessions/1/manifest.json",
                "cd pods/p/layers/1; rm layer.json; mkfifo layer.json",
                "cd pods/p/layers/1; ln -sf /etc/passwd layer.json",
            ] {
                try copy(hosts.device, to: place)
                try Pipeline([Command("sh", ["-c", "cd \"$1\" && \(change)", "sh", place.string])]).run()
                #expect(try !tryToResume(hosts, place, nonce: nonce, change), "\(change)")
                // Nor does it hold up or hide the others.
                let host = TestHost(runtime: hosts.folder.appending("C"), device: place)
                #expect(try host.run(["list"]).code == 0, "\(change)")
            }
        }

        @Test func namesThatClimbAreRefused() throws {
            let hosts = try TestHosts()
            let before = try listing(hosts.device)
            for name in ["..", "../p", "../../etc", "p/../p", "/etc", ".", "p/", "a\nb", ""] {
                for command in [
                    ["create", name], ["run", name, "--detach"], ["suspend", name], ["resume", name], ["stop", name],
                    ["history", name], ["recover", name], ["prune", name], ["rm", name], ["inspect", name],
                    ["resume", "p", "--branch", name], ["cp", "/etc/hostname", "\(name):/x"],
                ] {
                    // Not a pod's name at all: a file of the host's, and no pod in sight.
                    if command[0] == "cp", name.contains("/") || name.isEmpty { continue }
                    let said = try hosts.a.run(command)
                    #expect([1, 64, 125].contains(said.code) && !said.error.isEmpty, "\(command): \(said.error)")
                    #expect(said.code == 64 || said.line != nil, "\(command): \(said.error)")
                }
            }
            #expect(try hosts.a.run(["create", "q", "--base", "../../p"]).code == 1)
            #expect(try listing(hosts.device) == before)
        }

        @Test func aReadOnlyDeviceCanBeLookedAtAndNothingElse() throws {
            let disk = try SmallDisk(megabytes: 64)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            try hosts.a.up()
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo text > /root/file"])
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let before = try listing(hosts.device)
            try disk.remount("ro")
            for command in [
                ["resume", "p", "--detach", "--sound", "null"], ["resume", "p", "--branch", "q"],
                ["stop", "--discard", "p"], ["rm", "p"], ["rm", "p", "--session", "1"], ["prune"], ["prune", "p"],
                ["create", "q", "--base", "p"],
            ] {
                let said = try hosts.b.run(command)
                #expect(said.code == 1 && said.line?.contains("read-only") == true, "\(command): \(said.error)")
                #expect(said.line?.hasSuffix("mount it writable") == true, "\(command): \(said.error)")
                #expect(hosts.b.leftovers() == [], "\(command)")
            }
            for command in [["list"], ["inspect", "p"], ["history", "p"], ["recover", "p"], ["check", "p"]] {
                let said = try hosts.b.run(command)
                #expect(said.code == 0, "\(command): \(said.error)")
            }
            let target = hosts.folder.appending("copied")
            try hosts.b.must(["cp", "p:/root/file", target.string])
            #expect(try Files.text(target) == "text\n")
            try disk.remount("rw")
            #expect(try listing(hosts.device) == before)
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
            try hosts.b.must(["stop", "p"])
        }

        /// Two hosts at one device: who is second is told who is first, and at what.
        @Test func aSecondHostIsToldWhoIsAtWork() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let before = try listing(hosts.device)
            let pod = try Device.open(hosts.device).pod("p")
            let lock = try pod.lock(to: "suspend", runtime: "/run/first", withinMilliseconds: 0)
            let commands = [
                ["resume", "p"], ["stop", "--discard", "p"], ["rm", "p"], ["prune", "p"],
                ["resume", "p", "--branch", "q"],
            ]
            // All at once: each of them waits for a while.
            let attempts = try commands.map { command in
                let runtime = try LabFolder("mediapod-second")
                let host = TestHost(runtime: runtime.appending("B"), device: hosts.device)
                return (try Attached(command, on: host), runtime, command)
            }
            for (attempt, runtime, command) in attempts {
                let said = try attempt.end()
                #expect(said.code == 1, "\(command)")
                for word in ["suspend", "runtime /run/first", "process \(getpid())", "try again when it is done"] {
                    #expect(said.line?.contains(word) == true, "\(command): \(said.error)")
                }
                _ = runtime
            }
            #expect(try listing(hosts.device) == before)
            // Whoever only looks does not wait.
            #expect(try hosts.b.run(["list"]).code == 0 && hosts.b.run(["history", "p"]).code == 0)
            _ = consume lock
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }
    }
}
