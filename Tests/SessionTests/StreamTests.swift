import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct StreamTests {
        private struct Suspended: Decodable {
            var session: Int
            var requires: [Int]
            var streamBytes: UInt64
            var imageBytes: UInt64

            enum CodingKeys: String, CodingKey {
                case streamBytes = "stream_bytes"
                case imageBytes = "image_bytes"
                case session, requires
            }
        }

        private func suspend(_ host: TestHost, _ options: [String] = []) throws -> Suspended {
            let text = try host.must(["suspend", TestHosts.pod, "--format", "json"] + options)
            return try JSONText.decode(Suspended.self, from: Array(text.utf8))
        }

        private func resume(_ host: TestHost, _ options: [String] = []) throws {
            try host.must(["resume", TestHosts.pod, "--detach", "--sound", "null"] + options)
        }

        private func streamName(_ hosts: TestHosts) throws -> FilePath {
            let current = try Files.text(hosts.device.appending("pods/p/current")).filter(\.isNumber)
            return hosts.device.appending("pods/p/sessions/\(current)/state")
        }

        /// With enough in memory that what changes in a few programs' own is little.
        private func up(_ host: TestHost) throws {
            try host.up()
            let filler = try Attached(["exec", TestHosts.pod, "--", "witness", "fill", "16000000"], on: host)
            try filler.waitForOutput("full")
            filler.kill()
        }

        @Test func aSecondSuspendOfAnIdlePodWritesNextToNothingAndSoDoesTheSixth() throws {
            let hosts = try TestHosts()
            try up(hosts.a)
            let nonce = try hosts.a.count().nonce
            let first = try suspend(hosts.a)
            #expect(first.requires == [])
            for (turn, host) in [hosts.b, hosts.a, hosts.b, hosts.a, hosts.b].enumerated() {
                try resume(host)
                let before = try host.count()
                #expect(before.nonce == nonce)
                usleep(100_000)
                #expect(try host.count().value > before.value)
                let next = try suspend(host)
                #expect(next.requires == [first.session], "turn \(turn)")
                #expect(next.streamBytes * 50 < first.streamBytes, "\(next.streamBytes) of \(first.streamBytes)")
                #expect(host.leftovers() == [], "the digests went with the session")
            }
            try hosts.a.must(["verify", "--contents"])
            // All of it again, when that is wanted.
            try resume(hosts.a)
            let whole = try suspend(hosts.a, ["--full"])
            #expect(whole.requires == [] && whole.streamBytes > first.streamBytes / 2)
            try resume(hosts.b)
            #expect(try hosts.b.count().nonce == nonce)
        }

        @Test func anEncryptedSessionOpensWithItsIdentityAndStaysEncrypted() throws {
            let hosts = try TestHosts()
            let identity = hosts.folder.appending("identity").string
            _ = try Pipeline.output(of: Command("age-keygen", ["-o", identity]))
            let recipient = String(
                decoding: try Pipeline.output(of: Command("age-keygen", ["-y", identity])), as: UTF8.self
            ).filter { !$0.isWhitespace }
            try up(hosts.a)
            let nonce = try hosts.a.count().nonce
            _ = try suspend(hosts.a, ["--filter", "zstd", "--filter", "age:\(recipient)"])
            func head() throws -> String {
                String(decoding: try Files.head(of: streamName(hosts), count: 21), as: UTF8.self)
            }
            #expect(try head() == "age-encryption.org/v1")
            let other = hosts.folder.appending("other").string
            _ = try Pipeline.output(of: Command("age-keygen", ["-o", other]))
            for (options, verdict) in [
                ([], "closed"), (["--identity", other], "closed"), (["--identity", identity], "ok"),
            ] {
                let verified = try hosts.a.run(["verify", "--contents"] + options)
                #expect(verified.code == (verdict == "ok" ? 0 : 1))
                #expect(verified.output.contains("session 1 of pod p  \(verdict)"), "\(verified)")
            }
            let refused = try hosts.b.run(["resume", TestHosts.pod, "--detach", "--sound", "null"])
            #expect(refused.code == 1 && refused.line?.contains("--identity FILE") == true, "\(refused.error)")
            #expect(hosts.b.leftovers() == [])
            try resume(hosts.b, ["--identity", identity])
            #expect(try hosts.b.count().nonce == nonce)
            // Nobody has to say it again, nor to have the identity for it.
            let second = try suspend(hosts.b)
            #expect(second.requires == [1])
            #expect(try head() == "age-encryption.org/v1")
            try resume(hosts.a, ["--identity", identity])
            #expect(try hosts.a.count().nonce == nonce)
            // What was encrypted is not needed of a stream that is not.
            let open = try suspend(hosts.a, ["--filter", "lz4"])
            #expect(open.requires == [])
            try resume(hosts.b)
            #expect(try hosts.b.count().nonce == nonce)
        }

        @Test func aPassphraseIsAskedForAtTheTerminalOrReadFromAFile() throws {
            let hosts = try TestHosts()
            let file = hosts.folder.appending("passphrase")
            try Files.write(file, Array("correct horse\nwhatever\n".utf8), permissions: .ownerReadWrite)
            let typed = hosts.folder.appending("typed")
            try Files.write(typed, Array("correct horse\ncorrect horse\n".utf8), permissions: .ownerReadWrite)
            try up(hosts.a)
            let before = try hosts.a.count()
            // Nobody to ask.
            let silent = try hosts.a.run(["suspend", TestHosts.pod, "--filter", "age"])
            #expect(silent.code == 1 && silent.line?.contains("--passphrase-file FILE") == true, "\(silent.error)")
            #expect(try hosts.a.count().nonce == before.nonce)
            // Typed twice, at a terminal.
            let scratch = try LabFolder("mediapod-typed")
            let child = try hosts.a.start(
                ["suspend", TestHosts.pod, "--filter", "zstd", "--filter", "age"], input: typed, in: scratch.path,
                inTerminal: true)
            let said = try hosts.a.said(child, in: scratch.path)
            #expect(said.status.isSuccess, "\(said.output)")
            #expect(said.output.contains("passphrase for the session: ") && said.output.contains("once more: "))

            let wrong = hosts.folder.appending("wrong")
            try Files.write(wrong, Array("battery staple\n".utf8), permissions: .ownerReadWrite)
            let refused = try hosts.b.run([
                "resume", TestHosts.pod, "--detach", "--sound", "null", "--passphrase-file", wrong.string,
            ])
            #expect(
                refused.code == 1 && refused.line?.hasSuffix("session 1 of pod p: the passphrase is wrong") == true,
                "\(refused.error)")
            #expect(hosts.b.leftovers() == [])
            try resume(hosts.b, ["--passphrase-file", file.string])
            #expect(try hosts.b.count().nonce == before.nonce)
            // The next one wants it again, and is made of the first one's blocks.
            let next = try suspend(hosts.b, ["--passphrase-file", file.string])
            #expect(next.requires == [1])
            try resume(hosts.a, ["--passphrase-file", file.string])
            #expect(try hosts.a.count().nonce == before.nonce)
        }

        @Test func aFilterThatFailsHangsOrEndsEarlyLeavesTheSessionRunningAndTheOldOneWhole() throws {
            let hosts = try TestHosts()
            let filters = hosts.folder.appending("filters.d")
            try Files.makeFolder(filters, permissions: .init(rawValue: 0o755))
            for (name, script) in [
                ("failing", "cat >/dev/null; echo out of luck >&2; exit 3"), ("early", "head -c 1000"),
                ("hanging", "exec sleep 4713.5"), ("never", "exit 1"),
            ] {
                let definition = try JSONText.encode(["encode": ["sh", "-c", script], "decode": ["cat"]])
                try Files.write(filters.appending("\(name).json"), definition, permissions: .ownerReadWrite)
            }
            let environment = ["MEDIAPOD_FILTERS=\(filters.string)", "MEDIAPOD_FILTER_PATIENCE=2"]
            try up(hosts.a)
            try hosts.a.suspend()
            try resume(hosts.a)
            let before = try hosts.a.count()
            hosts.a.environment = environment
            for (name, reason) in [
                ("failing", "filter failing ended with exit code 3: out of luck"),
                ("early", "filter early ended before it had read all its input"),
                ("hanging", "filter hanging has made no progress for 2 s"),
                ("never", "filter never ended with exit code 1"),
                ("unheard", "filter unheard: there is none of that name on this host"),
            ] {
                for chain in [
                    ["--filter", name], ["--filter", "zstd", "--filter", name], ["--filter", name, "--filter", "lz4"],
                ] {
                    let said = try hosts.a.run(["suspend", TestHosts.pod] + chain)
                    #expect(said.code == 1 && said.error.contains(reason), "\(said.error)")
                    #expect(said.error.contains("the session runs on"), "\(said.error)")
                    let count = try hosts.a.count()
                    #expect(count.nonce == before.nonce)
                    usleep(60_000)
                    #expect(try hosts.a.count().value > count.value)
                }
            }
            #expect(try Files.list(hosts.device.appending("pods/p/sessions")) == ["1"])
            for name in try Files.list("/proc") where Int(name) != nil {
                let command = (try? Files.read(FilePath("/proc/\(name)/cmdline"), limit: 1 << 16)) ?? []
                #expect(!String(decoding: command, as: UTF8.self).contains("4713.5"))
            }
            hosts.a.environment = []
            try hosts.a.must(["verify", "--contents"])
            // What was tried in vain did not cost what the next one is compared with.
            #expect(try suspend(hosts.a).requires == [1])
            try resume(hosts.b)
            #expect(try hosts.b.count().nonce == before.nonce)
        }

        @Test func verifyNamesEachPartThatIsDamaged() throws {
            let hosts = try TestHosts()
            try up(hosts.a)
            try hosts.a.suspend()
            try resume(hosts.a)
            try hosts.a.suspend()
            #expect(try hosts.a.must(["verify"]).contains("session 2 of pod p  ok"))
            let base = try Files.list(hosts.device.appending("bases"))[0]
            for (file, place, part) in [
                ("pods/p/sessions/1/state", 3000, "session 1 of pod p"),
                ("pods/p/sessions/2/state", 300, "session 2 of pod p"),
                ("pods/p/sessions/2/manifest.json", 40, "session 2 of pod p"), ("bases/\(base)", 5000, "base "),
            ] {
                let path = hosts.device.pushing(FilePath(file))
                let good = try Files.read(path, limit: 1 << 26)
                var bad = good
                bad[place] ^= 0x20
                try Files.write(path, bad, permissions: .ownerReadWrite)
                for options in [[], ["--contents"]] {
                    let said = try hosts.a.run(["verify"] + options)
                    #expect(said.code == 1)
                    let line = said.output.split(separator: "\n").first { $0.hasPrefix(part) }
                    #expect(line?.contains("damaged") == true, "\(file): \(said.output)")
                }
                try Files.write(path, good, permissions: .ownerReadWrite)
            }
            #expect(try hosts.a.run(["verify"]).code == 0)
            try resume(hosts.b)
        }

        /// Compressing a tmpfs twice would only take time: 4 MB of zeroes stay that in CRIU's image.
        @Test func aTmpfsIsStoredAndLeftToTheFilters() throws {
            let hosts = try TestHosts()
            try up(hosts.a)
            let zeroes = hosts.folder.appending("zeroes")
            try Files.write(zeroes, [UInt8](repeating: 0, count: 4_000_000), permissions: .ownerReadWrite)
            try hosts.a.must(["cp", zeroes.string, "\(TestHosts.pod):/root/zeroes"])
            try hosts.a.must(["exec", TestHosts.pod, "--", "sh", "-c", "cat /root/zeroes > /dev/shm/zeroes"])
            try hosts.a.suspend()
            struct Contents: Decodable {
                struct Member: Decodable {
                    var name: String
                    var imageBytes: UInt64?

                    enum CodingKeys: String, CodingKey {
                        case name
                        case imageBytes = "image_bytes"
                    }
                }
                var members: [Member]
            }
            let text = try hosts.a.must(["inspect", TestHosts.pod, "--stream", "--format", "json"])
            let members = try JSONText.decode(Contents.self, from: Array(text.utf8)).members
            let packed = members.filter { $0.name.contains("tmpfs-") }
            #expect(packed.contains { $0.imageBytes ?? 0 > 4_000_000 }, "\(members)")
            try resume(hosts.b)
            let size = try hosts.b.must(["exec", TestHosts.pod, "--", "sh", "-c", "wc -c < /dev/shm/zeroes"])
            #expect(size == "4000000\n")
        }

        @Test func inspectShowsWhatIsInAStream() throws {
            let hosts = try TestHosts()
            try up(hosts.a)
            try hosts.a.suspend()
            let shown = try hosts.a.must(["inspect", TestHosts.pod, "--stream"])
            #expect(shown.contains("images/pages-1.img") && shown.contains("blocks"))
            struct Contents: Decodable {
                struct Member: Decodable { var name: String }
                var members: [Member]
                var filters: [String]
            }
            let text = try hosts.a.must(["inspect", TestHosts.pod, "--stream", "--format", "json"])
            let contents = try JSONText.decode(Contents.self, from: Array(text.utf8))
            #expect(contents.filters == ["zstd"] && contents.members.contains { $0.name == "images/pstree.img" })
            #expect(try hosts.a.run(["inspect", TestHosts.pod, "--session", "1"]).code == 64)
        }
    }
}
