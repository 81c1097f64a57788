import Glibc
import SystemPackage
import Testing

import LinuxSystem

@Suite struct ProcessStatusTests {
    @Test func aProgramsNameCannotForgeTheFieldsBehindIt() throws {
        let fields = (3...52).map { $0 == 3 ? "S" : "\($0)" }.joined(separator: " ")
        let status = try #require(ProcessStatus(line: "17 (evil) Z 1 (x) \(fields)\n"))
        #expect(status.command == "evil) Z 1 (x")
        #expect(status.state == "S" && status.parent == 4 && status.startTime == 22 && status.waitStatus == 52)
    }

    @Test(arguments: ["", "1", "1 (", "1 (a) S 1", ") 1 ("]) func whatIsNoStatusIsNone(line: String) {
        #expect(ProcessStatus(line: line) == nil)
    }

    @Test func aProcessIsItselfUntilItHasEnded() throws {
        let process = try Launch("/bin/sleep", ["100"]).start()
        let identity = try #require(process.identity)
        #expect(identity.isAlive)
        #expect(!ProcessIdentity(pid: identity.pid, startTime: identity.startTime + 1).isAlive)
        #expect(!identity.waitForEnd(milliseconds: 10))
        identity.end(with: SIGTERM, patienceMilliseconds: 5000)
        #expect(!identity.isAlive)
        #expect(process.wait() == .signalled(SIGTERM))
    }

    @Test func aLaunchedProgramHasTheGivenDescriptorsAndNoOthers() throws {
        let ends = try PipeEnds()
        var launch = Launch("/bin/sh", ["-c", "ls -l /proc/self/fd | wc -l >&9; echo done >&9"])
        launch.give(ends.write.number, as: 9)
        let process = try launch.start()
        let output = ends.closingWrite()
        // total, 0, 1, 2, 9, and ls's own
        #expect(Wait.line(from: output.number, milliseconds: 5000) == "6")
        #expect(Wait.line(from: output.number, milliseconds: 5000) == "done")
        #expect(process.wait() == .exited(0))
    }
}

@Suite struct LockTests {
    private let folder: FilePath

    init() throws {
        var template = Array("/tmp/mediapod-lock.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        folder = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    private func isFree(_ path: FilePath, milliseconds: Int = 0) throws -> Bool {
        if let lock = try FileLock.take(path, withinMilliseconds: milliseconds) {
            _ = consume lock
            return true
        }
        return false
    }

    @Test func aLockIsHeldByWhoeverInheritedIt() throws {
        defer { try? Files.removeTree(folder) }
        let path = folder.appending("lock")
        guard let lock = try FileLock.take(path, withinMilliseconds: 0) else { throw Errno.wouldBlock }
        var launch = Launch("/bin/sleep", ["1"])
        launch.give(lock.descriptor, as: 5)
        let child = try launch.start()
        _ = consume lock
        #expect(try !isFree(path))
        #expect(try isFree(path, milliseconds: 10_000))
        #expect(child.wait() == .exited(0))
    }

    @Test func aLockOnARemovedFileIsNone() throws {
        defer { try? Files.removeTree(folder) }
        let path = folder.appending("lock")
        #expect(throws: Errno.noSuchFileOrDirectory) {
            _ = try FileLock.take(path, withinMilliseconds: 0, creating: false)
        }
        guard let first = try FileLock.take(path, withinMilliseconds: 0) else { throw Errno.wouldBlock }
        #expect(try !isFree(path))
        try Files.remove(path)
        #expect(try isFree(path))
        _ = consume first
    }
}
