import Checkpoint
import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    /// Power that goes, or a device that is pulled out, at every write of a suspend.
    @Suite struct YankTests {
        /// What must be found again of a session.
        private struct Expected {
            /// What a program sees of its files, without the base.
            var files: [String]
            /// What its /root/file says.
            var text: String
        }

        /// Three sessions, of which two are kept: the third one's suspend also removes the first and merges the layers of
        /// the first two.
        @Test func everyWriteOfASuspendMayBeTheLast() throws {
            let disk = try RecordingDisk()
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            let pod = try Device.open(hosts.device).pod(TestHosts.pod)
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            for (text, keep) in [("first", 2), ("second", 2)] {
                try write(text, in: hosts.a)
                try hosts.a.must(["suspend", TestHosts.pod, "--keep", "\(keep)"])
                try hosts.a.resume()
            }
            try write("third", in: hosts.a)
            try Files.syncFileSystem(at: disk.mountPoint)
            let second = try expected(pod, 2, "second\n")
            let first = disk.count
            try hosts.a.suspend()
            let last = disk.count
            try Files.syncFileSystem(at: disk.mountPoint)
            #expect(try pod.sessions() == [2, 3] && pod.layers() == [1, 3], "it was tidied, too")
            let all = [2: second, 3: try expected(pod, 3, "third\n")]
            try check(disk, from: first, acknowledged: last, all, nonce: nonce)
        }

        private func write(_ text: String, in host: TestHost) throws {
            try host.must([
                "exec", TestHosts.pod, "--", "sh", "-c",
                """
                echo \(text) > /root/file; echo \(text) > /root/\(text); mkdir /root/\(text).d; echo x > /root/\(text).d/x
                rm -rf /root/again; mkdir /root/again; echo \(text) > /root/again/\(text)
                """,
            ])
        }

        // MARK: - What is found

        private func check(
            _ disk: RecordingDisk, from first: Int, acknowledged last: Int, _ expected: [Int: Expected],
            nonce: Substring
        ) throws {
            let records = try disk.records()
            let points = CrashPoints(records, from: first).points
            var flushed = disk.blank
            var base = 0
            var found: [Int: Int] = [:]
            var previous: Int?
            for point in points {
                while let flush = records[base..<point.count].firstIndex(where: \.isFlush), flush < point.count - 1 {
                    let all = CrashPoints.Point(count: flush + 1, name: "")
                    CrashPoints.apply(all, of: records, from: base, to: &flushed)
                    base = flush + 1
                }
                var bytes = flushed
                CrashPoints.apply(point, of: records, from: base, to: &bytes)
                let image = try CrashImage(bytes)
                let current = try #require(
                    try look(at: image.mountPoint.appending("device"), expected, "\(point.name)"))
                found[current, default: 0] += 1
                if point.count >= last { #expect(current == 3, "\(point.name), after the command had said so") }
                if point.isPlain {
                    if previous == 3 { #expect(current == 3, "\(point.name): it was there, and is gone") }
                    previous = current
                }
                try resume(image, expected, current, nonce, point.name)
            }
            print("\(points.count) crash points: \(found.sorted { $0.key < $1.key }), all resumed")
            #expect(points.count >= 300)
            #expect(found.keys.sorted() == [2, 3])
        }

        /// The session that resumes, when it and all others that are there are whole.
        private func look(at root: FilePath, _ all: [Int: Expected], _ name: String) throws -> Int? {
            do {
                let pod = try Device.open(root).pod(TestHosts.pod)
                for number in try pod.sessions() where number > 1 {
                    try StreamReader(try pod.session(number), of: pod).verifyContents()
                    #expect(try expected(pod, number, all[number]?.text ?? "").files == all[number]?.files, "\(name)")
                }
                let current = try pod.currentSessionNumber()
                if current == 2 {
                    // What was written since is there too.
                    // Of a session that is whole but not committed it is the session's.
                    let uncommitted = try pod.sessions().contains(3) ? 3 : nil
                    let layer = try #require(try pod.recoverableLayers().first?.number ?? uncommitted, "\(name)")
                    let file = pod.layerFolder(layer).appending("upper/root/file")
                    #expect(try Files.text(file) == "third\n", "\(name)")
                }
                return current
            } catch {
                Issue.record("\(name): \(error)")
                return nil
            }
        }

        private func expected(_ pod: PodStore, _ number: Int, _ text: String) throws -> Expected {
            let layers = try pod.presentLayers(of: pod.session(number).layers)
            try pod.requireLayers(layers)
            let place = try LabFolder("mediapod-view")
            // An overlay is of two folders at least.
            let empty = place.appending("empty")
            let view = place.appending("view")
            for folder in [empty, view] { try Files.makeFolder(folder, permissions: .ownerReadWriteExecute) }
            try Mounts.overlay(
                lower: layers.reversed().map { pod.layerFolder($0).appending("upper") } + [empty], upper: nil,
                work: nil, at: view)
            defer { try? Mounts.detach(view) }
            return Expected(files: try TreeListing.lines(of: view, inodes: true), text: text)
        }

        private func resume(
            _ image: CrashImage, _ expected: [Int: Expected], _ current: Int, _ nonce: Substring, _ name: String
        ) throws {
            let runtime = try LabFolder("mediapod-yank")
            let host = TestHost(runtime: runtime.appending("C"), device: image.mountPoint.appending("device"))
            defer { _ = try? host.run(["stop", "--time", "0", TestHosts.pod]) }
            do {
                try host.resume()
                let said = try host.must(["exec", TestHosts.pod, "--", "cat", "/root/count", "/root/file"])
                let words = said.split { $0 == " " || $0 == "\n" }
                #expect(words.first == nonce, "\(name)")
                #expect(words.last.map { "\($0)\n" } == expected[current]?.text, "\(name)")
            } catch {
                Issue.record("\(name): session \(current): \(error)")
            }
        }
    }
}

extension RecordingDisk.Record {
    fileprivate var isFlush: Bool { if case .flush = self { true } else { false } }
}
