import DeviceStore
import DisplayLab
import Glibc
import LinuxSystem
import Pod
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct CheckTests {
        private struct Finding: Decodable {
            var topic: String
            var verdict: String
            var finding: String
            var remedy: String?
        }

        private func check(_ host: TestHost, _ arguments: [String] = ["p"], refused: Bool = false) throws -> [Finding] {
            let said = try host.run(["check"] + arguments + ["--format", "json"])
            #expect(said.code == (refused ? 1 : 0), "\(said.error)")
            return try JSONText.decode([Finding].self, from: Array(said.output.utf8))
        }

        /// As if the session had been suspended elsewhere.
        private func edit(_ hosts: TestHosts, session: Int = 1, _ change: (inout SessionManifest) -> Void) throws {
            let file = hosts.device.appending("pods/p/sessions/\(session)/manifest.json")
            var manifest = try JSONText.decode(SessionManifest.self, from: Files.read(file, limit: 1 << 24))
            change(&manifest)
            try Files.replace(file, with: manifest.encoded())
        }

        private func manifest(_ hosts: TestHosts) throws -> SessionManifest {
            try #require(try Device.open(hosts.device).pod("p").currentSession())
        }

        /// Resumes in vain: one line, with what it says; nothing stays here, and nothing is lost.
        private func expectRefusal(
            _ host: TestHost, _ words: [String], options: [String] = [],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let said = try host.run(["resume", "p", "--detach", "--sound", "null"] + options)
            #expect(said.code == 1 && said.line != nil, "\(said.error)", sourceLocation: sourceLocation)
            for word in words { #expect(said.error.contains(word), "\(said.error)", sourceLocation: sourceLocation) }
            #expect(host.leftovers() == [], sourceLocation: sourceLocation)
        }

        @Test func thisHostCanHavePods() throws {
            let hosts = try TestHosts()
            let found = try check(hosts.a, [])
            #expect(Set(found.map(\.topic)) == ["kernel", "criu", "runc", "cpu", "network", "display", "space"])
            #expect(found.allSatisfy { $0.verdict == "ok" || $0.topic == "display" }, "\(found)")
            let table = try hosts.a.must(["check"])
            #expect(table.hasPrefix("TOPIC") && table.contains("slirp4netns"))
            #expect(hosts.a.leftovers() == [])
        }

        @Test func aPodIsCheckedWhereItRunsAndWhereItIsSuspended() throws {
            let hosts = try TestHosts()
            let never = try hosts.a.run(["check", "p"])
            #expect(never.code == 1 && never.line?.contains("neither runs here nor is it suspended") == true)
            try hosts.a.up()
            #expect(
                Set(try check(hosts.a).map(\.topic)) == [
                    "kernel", "criu", "cpu", "files", "network", "space", "display", "sound",
                ])
            try hosts.a.suspend()
            let found = try check(hosts.b)
            #expect(found.contains { $0.topic == "memory" } && found.allSatisfy { $0.verdict != "refused" })
        }

        @Test func whatAHostCanShowIsSaidAndNothingIsRefusedForIt() throws {
            let hosts = try TestHosts()
            func display(_ host: TestHost, _ arguments: [String] = ["p"]) throws -> Finding {
                let found = try check(host, arguments).filter { $0.topic == "display" }
                #expect(found.count == 1)
                return try #require(found.first)
            }
            let none = try display(hosts.a, [])
            #expect(none.verdict == "limited" && none.finding.contains("DISPLAY is not set"), "\(none)")
            #expect(none.remedy?.contains("podview screenshot") == true && none.remedy?.contains("--vnc") == true)

            let plain = try XServer(.xvfb, width: 800, height: 600)
            hosts.a.environment = ["DISPLAY=\(plain.name)"]
            let seen = try display(hosts.a, [])
            #expect(seen.verdict == "ok" && seen.finding.contains("800x600, MIT-SHM"), "\(seen)")
            #expect(seen.finding.contains("no XVideo"))
            plain.process.send(SIGSTOP)
            let stopped = try display(hosts.a, [])
            plain.process.send(SIGCONT)
            #expect(stopped.verdict == "limited" && stopped.finding.contains("not known"), "\(stopped)")
            let video = try XServer(.driver(), width: 640, height: 480)
            hosts.a.environment = ["DISPLAY=\(video.name)"]
            #expect(try display(hosts.a, []).finding.contains("XVideo with I420 YV12 NV12 YUY2"))

            // A screen is what a pod says is one.
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            #expect(try display(hosts.a).finding == "the pod has no screen")
            func say(_ line: String, on host: TestHost) throws {
                let place = "/dev/shm/mediapod-display-0"
                try host.must(["exec", "p", "--", "sh", "-c", "rm -f \(place); \(line) \(place)"])
            }
            try say("mkfifo", on: hosts.a)
            #expect(try display(hosts.a).finding == "the pod has no screen")
            try say(#"printf 'PMPD\001\000\000\000' >"#, on: hosts.a)
            #expect(try display(hosts.a).verdict == "ok")
            try hosts.a.suspend()
            #expect(try manifest(hosts).displayVersion == 1)
            #expect(try display(hosts.a).verdict == "ok")
            #expect(try display(hosts.b).verdict == "limited")
            let said = try hosts.b.run(["resume", "p", "--detach", "--sound", "null"])
            #expect(said.code == 0 && said.line?.contains("DISPLAY is not set") == true, "\(said.error)")
            #expect(try hosts.b.count().nonce == nonce)
            try say(#"printf 'PMPD\007\000\000\000' >"#, on: hosts.b)
            let newer = try display(hosts.b)
            #expect(newer.verdict == "limited" && newer.finding.contains("of version 7"), "\(newer)")
        }

        /// Makes a host's CPU one without what only this machine's level has.
        private func age(_ host: TestHost, in hosts: TestHosts) throws {
            let here = ProcessorLevel(covering: Set(Processor.current.features))
            let lower = try #require(ProcessorLevel.allCases.last { $0 < here })
            let lost = here.features.subtracting(lower.features)
            let text = try Files.text("/proc/cpuinfo", limit: 1 << 24).split(separator: "\n").map { line in
                if line.hasPrefix("model name") { return "model name\t: Old CPU" }
                return line.hasPrefix("flags")
                    ? line.split(separator: " ").filter { !lost.contains(String($0)) }.joined(separator: " ")
                    : String(line)
            }
            let file = hosts.folder.appending("cpuinfo")
            try Files.write(file, Array(text.joined(separator: "\n").utf8), permissions: .ownerReadWrite)
            host.environment = ["MEDIAPOD_CPUINFO=\(file)"]
        }

        @Test func aSessionThatNeedsANewerCPUIsRefusedBeforeAnythingIsRestored() throws {
            let hosts = try TestHosts()
            try age(hosts.b, in: hosts)
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            try expectRefusal(
                hosts.b, ["witness were started on", "this CPU (Old CPU) has not: ", "mediapod create --cpu-baseline"])
            let found = try check(hosts.b, refused: true)
            #expect(found.first { $0.topic == "cpu" }?.verdict == "refused")
            let said = try hosts.b.run(["resume", "p", "--detach", "--sound", "null", "--any-cpu"])
            #expect(said.code == 0 && said.error.contains("Old CPU"), "\(said.error)")
            #expect(try hosts.b.count().nonce == nonce)
            // What was started on the new one needs it wherever it is; what is started on the old one does not.
            try hosts.b.must(["exec", "--detach", "p", "--", "sleep", "1000"])
            try hosts.b.suspend()
            let origins = try #require(try manifest(hosts).origins)
            #expect(origins.map(\.processor.name) == [Processor.current.name, "Old CPU"])
            #expect(origins[0].programs.contains { $0.program == "/usr/bin/witness" })
            #expect(origins[1].programs.map(\.program) == ["/usr/bin/sleep"])
            try hosts.a.resume()
            #expect(try hosts.a.count().nonce == nonce)
        }

        @Test func aSessionWithABaselineGoesToAnOlderCPU() throws {
            let hosts = try TestHosts()
            try age(hosts.b, in: hosts)
            try hosts.a.must(["rm", "p"])
            try hosts.a.must(
                ["create", "p", "--cpu-baseline", "x86-64-v2", "--rootfs", try TestTree.folder.get().string])
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let said = try hosts.b.run(["resume", "p", "--detach", "--sound", "null"])
            #expect(
                said.code == 0 && said.line?.contains("may use what this CPU (Old CPU) has not") == true,
                "\(said.error)")
            #expect(try hosts.b.count().nonce == nonce)
        }

        @Test func valuesInRegistersThatACPUHasNotAreNotDroppedUnasked() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.suspend()
            #expect(try manifest(hosts).registersInUse ?? 0 != 0)
            // APX: nobody has it yet.
            try edit(hosts) { $0.registersInUse? |= 1 << 19 }
            try expectRefusal(hosts.b, ["registers", "APX"])
            try hosts.b.must(["resume", "p", "--detach", "--sound", "null", "--any-cpu"])
        }

        @Test(arguments: ProcessorLevel.allCases) func aBaselineRestrictsWhatTheCLibraryUses(level: ProcessorLevel)
            throws
        {
            let hosts = try TestHosts()
            try hosts.a.must(["rm", "p"])
            try hosts.a.must(
                ["create", "p", "--cpu-baseline", level.rawValue, "--rootfs", try TestTree.folder.get().string])
            try hosts.a.up(["sh", "-c", "chosen > /root/chosen; while :; do sleep 0.05; done"])
            let here = ProcessorLevel(covering: Set(Processor.current.features))
            let chosen = try hosts.a.must(["exec", "p", "--", "chosen"])
            #expect(chosen == (min(level, here) >= .v4 ? "evex\n" : min(level, here) == .v3 ? "vex\n" : "sse\n"))
            let isWritten = try Wait.until(milliseconds: 10_000) {
                try hosts.a.run(["exec", "p", "--", "cat", "/root/chosen"]).output == chosen
            }
            #expect(isWritten, "a program's own children are restricted, too")
            try hosts.a.suspend()
            let manifest = try manifest(hosts)
            #expect(manifest.origins?.map(\.baseline) == [level])
            if level < .v3 {
                // The rights of protection keys (bit 9) are the kernel's doing, in every thread, where the CPU has them.
                let beyond = (manifest.registersInUse ?? 0) & ~0b10_0000_0011
                #expect(beyond == 0, "no thread has a value in more than SSE's registers")
            }
            try hosts.b.resume()
            #expect(try hosts.b.must(["exec", "p", "--", "chosen"]) == chosen)
        }

        @Test func withoutABaselineItIsSaidThatASessionCannotGoEverywhere() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let here = ProcessorLevel(covering: Set(Processor.current.features))
            let said = try hosts.a.run(["suspend", "p"])
            #expect(said.code == 0)
            #expect(said.error.contains("cannot go to a CPU below x86-64-v4") == (here == .v4), "\(said.error)")
            let limits = try check(hosts.b).filter { $0.topic == "cpu" && $0.verdict == "limited" }
            #expect(limits.isEmpty == (here < .v3))
        }

        @Test func aCriuThatIsTooOldIsRefused() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            try edit(hosts) { $0.criuVersion = "99.1" }
            try expectRefusal(hosts.b, ["suspended by CRIU 99.1", "make setup"])
            let here = try Criu.find().version()
            try edit(hosts) { $0.criuVersion = here }
            let old = hosts.folder.appending("old-criu")
            // criu_resp { type: VERSION success: true version { major_number: 3 minor_number: 0 } }, and no more.
            let script = #"""
                #!/bin/sh
                [ "$1" = --version ] && echo 'Version: 3.0' && exit
                printf '\010\012\020\001\122\004\010\003\020\000' >&3
                exec cat <&3 >/dev/null

                """#
            try Files.write(old, Array(script.utf8), permissions: [.ownerReadWriteExecute])
            hosts.b.environment = ["MEDIAPOD_CRIU=\(old)"]
            try expectRefusal(hosts.b, ["CRIU 3.0", "make setup"])
            hosts.b.environment = []
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }

        @Test func aSessionOfANewerKernelIsWarnedOf() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.suspend()
            try edit(hosts) { $0.kernel = "99.0-amd64" }
            let kernel = try check(hosts.b).first { $0.topic == "kernel" }
            #expect(kernel?.verdict == "limited" && kernel?.finding.contains("Linux 99.0-amd64") == true)
        }

        @Test func whereNobodyCanHaveAProcOfHisOwnNoPodIsStarted() throws {
            let hosts = try TestHosts()
            let namespace = try Namespace()
            try namespace.run("mount --bind /dev/null /proc/cpuinfo")
            hosts.a.prefix = namespace.prefix
            let said = try hosts.a.run(["run", "p", "--detach", "--sound", "null"])
            #expect(said.code == 125 && said.line?.contains("mounted at /proc/cpuinfo") == true, "\(said.error)")
            #expect(try check(hosts.a, [], refused: true).contains { $0.topic == "kernel" && $0.verdict == "refused" })
            hosts.a.prefix = []
        }

        @Test func whatIsMissingOnTheDeviceOrTheHostIsNamed() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let pod = hosts.device.appending("pods/p")
            let base = try manifest(hosts).base
            let aside = hosts.folder.appending("aside")
            for (path, words) in [
                (hosts.device.appending("bases/\(base).squashfs"), ["base \(base)"]),
                (pod.appending("layers/1"), ["layer 1"]),
            ] {
                try Files.move(path, to: aside)
                try expectRefusal(hosts.b, words + ["not on the device", "copy it"])
                try Files.move(aside, to: path)
            }
            let imageBytes = try manifest(hosts).imageBytes
            try edit(hosts) { $0.imageBytes = 1 << 60 }
            try expectRefusal(hosts.b, ["of memory", "close programs on this host"])
            try edit(hosts) { $0.imageBytes = imageBytes }
            // Without slirp4netns.
            hosts.b.prefix = [
                "unshare", "--mount", "sh", "-c", "mount --bind /dev/null /usr/bin/slirp4netns; exec \"$@\"", "sh",
            ]
            try expectRefusal(hosts.b, ["slirp4netns is not installed", "--network none"])
            #expect(try check(hosts.b, refused: true).first { $0.topic == "network" }?.verdict == "refused")
            hosts.b.prefix = []
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }
    }
}
