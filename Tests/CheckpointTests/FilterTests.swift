import Checkpoint
import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("The filters of a stream")
struct FilterTests {
    @Test(
        "are gone through in order, and back in the opposite one",
        arguments: [[], ["zstd"], ["lz4"], ["zstd:9"], ["lz4:9", "zstd:1"], ["zstd", "zstd"]])
    func roundTrip(filters: [String]) throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let manifest = try place.suspend(filters)
            #expect(manifest.filters == filters.map { String($0.prefix { $0 != ":" }) })
            #expect(try place.unpack(manifest)?.filters == filters)
            try place.expectSame()
        }
    }

    @Test("are ordinary programs: what they wrote, their own commands read")
    func ordinary() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            try place.suspend(["lz4", "zstd"])
            try place.shell(
                "zstd -dcq \"$1\"/device/pods/x/sessions/1/state | lz4 -dcq | tar -t > \"$1/names\"; grep -q blocks \"$1/names\""
            )
        }
    }

    @Test("of the host's own are found by their names in its folder")
    func defined() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            try place.define(
                "rot", encode: ["tr", "\\0-\\377", "\\377\\0-\\376"], decode: ["tr", "\\377\\0-\\376", "\\0-\\377"])
            let manifest = try place.suspend(["zstd", "rot"])
            #expect(manifest.filters == ["zstd", "rot"])
            try place.unpack(manifest)
            try place.expectSame()
            // A host without it.
            try Files.remove(place.filters.appending("rot.json"))
            #expect(
                place.refusal(manifest)
                    == "session 1 of pod x: filter rot: there is none of that name on this host; there are: age, lz4, "
                    + "zstd; define it in \(place.filters)/rot.json")
        }
    }

    @Test(
        "that are not there, or named as none can be, are refused before anything is written",
        arguments: [
            (
                "rot13",
                "filter rot13: there is none of that name on this host; there are: age, lz4, zstd; define it in "
            ),
            ("../../bin/sh", "\"../../bin/sh\" is no filter's name; "),
            (".hidden", "\".hidden\" is no filter's name; "),
            ("", "\"\" is no filter's name; "),
            ("zstd:99", "filter zstd: its levels are 1 to 19, not 99"),
            ("zstd:fast", "filter zstd: its levels are 1 to 19, not fast"),
            ("age:", "filter age: there is no recipient after its colon; "),
            ("age:,", "filter age: there is no recipient after its colon; "),
            ("age:-o/tmp/x", "filter age: there is no recipient after its colon; "),
        ])
    func unknown(filter: String, problem: String) throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let old = try place.suspend()
            let text = message { try place.suspend([filter]) }
            #expect(
                text.hasPrefix(problem) || text.hasPrefix("cannot write session 2 of pod x: " + problem), "\(text)")
            #expect(try place.pod.currentSession() == old)
            #expect(try Files.list(place.pod.folder.appending("sessions")) == ["1"])
            // A device that names one gets no further.
            var other = old
            other.filters = [String(filter.prefix { $0 != ":" })]
            if FilterTests.isName(other.filters[0]) { return }
            #expect(place.refusal(other).contains("is no filter's name"))
        }
    }

    private static func isName(_ text: String) -> Bool { (try? FilterChoice(text)) != nil }

    @Test("whose definition others than root could have written are not run")
    func unsafe() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            try place.define("own", encode: ["cat"], decode: ["cat"])
            try place.shell("chmod 666 \"$1/filters.d/own.json\"")
            #expect(
                message { try place.suspend(["own"]) }.contains(
                    "own.json could be written by others than root; correct"))
            try place.shell("chmod 644 \"$1/filters.d/own.json\"; chmod 777 \"$1/filters.d\"")
            #expect(message { try place.suspend(["own"]) }.contains("filters.d could be written by others than root"))
            try place.shell("chmod 755 \"$1/filters.d\"; echo '{\"encode\": []}' > \"$1/filters.d/own.json\"")
            #expect(message { try place.suspend(["own"]) }.contains("own.json has no \"decode\""))
            try place.shell("echo '{\"encode\": [], \"decode\": [\"cat\"]}' > \"$1/filters.d/own.json\"")
            #expect(message { try place.suspend(["own"]) }.contains("own.json names no program"))
        }
    }

    @Test(
        "that fail or end early are named, and the old session stays",
        arguments: [
            ("echo 'out of luck' >&2; exit 7", "filter bad ended with exit code 7: out of luck"),
            ("cat; echo 'out of luck' >&2; exit 7", "filter bad ended with exit code 7: out of luck"),
            ("head -c 100", "filter bad ended before it had read all its input"),
            ("kill -9 $$", "filter bad was killed by signal 9 (Killed)"),
        ])
    func failing(script: String, problem: String) throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let old = try place.suspend()
            try place.define("bad", encode: ["sh", "-c", script], decode: ["cat"])
            for filters in [["bad"], ["bad", "zstd"], ["zstd", "bad"]] {
                #expect(message { try place.suspend(filters) } == "cannot write session 2 of pod x: \(problem)")
            }
            #expect(try place.pod.currentSession() == old)
            #expect(try Files.list(place.pod.folder.appending("sessions")) == ["1"])
            try place.define("bad", encode: ["cat"], decode: ["sh", "-c", script])
            let manifest = try place.suspend(["bad"])
            #expect(place.refusal(manifest) == "session 2 of pod x: \(problem)")
            try place.expectNothing()
        }
    }

    @Test("whose programs are missing say what to do")
    func missing() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            try place.define("gone", encode: ["mediapod-no-such-program"], decode: ["cat"])
            #expect(
                message { try place.suspend(["gone"]) }
                    == "cannot write session 1 of pod x: cannot start filter gone: there is no program "
                    + "mediapod-no-such-program; install what is missing with: make setup")
        }
    }

    @Test("that undo what was never done, or do not undo it, leave nothing to restore from")
    func wrong() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            var manifest = try place.suspend([])
            manifest.filters = ["zstd"]
            #expect(place.refusal(manifest).hasPrefix("session 1 of pod x: filter zstd ended with exit code 1: "))
            try place.expectNothing()
            manifest = try place.suspend(["zstd"])
            manifest.filters = []
            #expect(place.refusal(manifest) == "session 2 of pod x: what came through its filters is no archive")
            try place.expectNothing()
            // A filter that loses the end and does not say so.
            try place.define("lossy", encode: ["cat"], decode: ["sh", "-c", "head -c 500000; cat >/dev/null"])
            manifest = try place.suspend(["lossy"])
            #expect(
                place.refusal(manifest)
                    == "session 3 of pod x: the archive that came through its filters is cut short")
            try place.expectNothing()
            // One that alters a byte in the middle of a page is found by those who look at the contents.
            try place.define(
                "altering", encode: ["cat"],
                decode: ["sh", "-c", "head -c 1000000; head -c 1 >/dev/null; printf Z; cat"])
            manifest = try place.suspend(["altering"])
            #expect(
                message { try place.reader(manifest).verifyContents() }
                    == "session 4 of pod x: its image pages-1.img is not what its digests say")
        }
    }
}
