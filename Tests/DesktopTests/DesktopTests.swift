import DisplayLab
import Glibc
import LinuxSystem
import Pod
import PodDisplay
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// Pods with a desktop, made as a person makes them, of Debian's packages.
@Suite(.serialized, .timeLimit(.minutes(15))) struct DesktopTests {
    /// What is opened on each desktop: the shell lines, and the names of processes that are to be there.
    private struct Programs {
        var kind: LabPods.Kind
        var session: String
        var terminal: String
        var browser: String
        var office: String
        var fileManager: String
        var names: [String]

        static let all = [
            Programs(
                kind: .icewm, session: "icewm", terminal: "xterm", browser: "netsurf-gtk file:///home/user/page.html",
                office: "abiword text.html", fileManager: "pcmanfm /home/user",
                names: ["icewm", "Xorg", "xterm", "netsurf-gtk", "abiword", "pcmanfm", "pod-clipboard"]),
            Programs(
                kind: .xfce, session: "xfwm4", terminal: "xfce4-terminal --disable-server",
                browser: "firefox-esr file:///home/user/page.html", office: "soffice --writer --norestore text.html",
                fileManager: "thunar /home/user",
                names: [
                    "xfce4-session", "xfwm4", "xfce4-panel", "Xorg", "xfce4-terminal", "firefox-esr", "soffice.bin",
                    // By itself, or by xfdesktop through D-Bus, whichever is first.
                    "[Tt]hunar", "pod-clipboard",
                ]),
        ]
    }

    @Test(arguments: ["icewm", "xfce"])
    func theWholeDesktopMovesToAHostWithAnotherScreenWhileAFilmPlays(name: String) throws {
        let programs = try #require(Programs.all.first { $0.kind.rawValue == name })
        let stage = try DesktopStage(programs.kind)
        let (a, b) = (stage.a, stage.b)
        try a.must(["run", DesktopStage.pod, "--detach", "--sound", a.sound])
        let viewer = try stage.view(on: a)
        _ = try viewer.windows()
        try waitUntil("the desktop is up", seconds: 60) {
            try !stage.processes(programs.session, on: a).isEmpty && stage.screenshot(on: a).width == 1280
        }

        // A person's programs.
        try stage.output(of: "echo '<h1>A page</h1><p>with a text' | tee page.html > text.html", on: a)
        for line in [programs.fileManager, programs.browser, programs.office] { try stage.begin(line, on: a) }
        let names = programs.names.filter { $0 != terminalName(programs) }
        try stage.explaining(on: a, as: name) {
            try waitUntil("its programs are up", seconds: 240) {
                try names.allSatisfy { try !stage.processes($0, on: a).isEmpty }
            }
        }
        // A window that comes late takes the keyboard from the one before it.
        try stage.waitUntilCalm(on: a)
        try stage.begin(programs.terminal, on: a)
        try waitUntil("the terminal is up", seconds: 60) {
            try !stage.processes(terminalName(programs), on: a).isEmpty
        }
        try stage.waitUntilCalm(on: a)
        try type("NONCE=$(cat /proc/sys/kernel/random/uuid); echo $NONCE > first", until: "first", stage, on: a, viewer)
        let before = try programs.names.map { try stage.processes($0, on: a) }

        let film = try Film(seconds: 90, in: stage.folder.path)
        try a.must(["cp", film.file.string, "\(DesktopStage.pod):/tmp/film.mkv"])
        // What the line under the picture says.
        let sound = PodSound(RuntimeFolder(a.runtime).pod(DesktopStage.pod))
        try waitUntil("it is quiet") { sound.look() == "quiet" }
        try stage.begin(
            "exec mpv --ao=alsa --no-border --ontop --geometry=640x400+\(Film.place.x)+\(Film.place.y) --no-osc "
                + "--osd-level=0 --really-quiet /tmp/film.mkv", on: a)
        try a.waitUntilPlayed(5 * 44100, pod: DesktopStage.pod)
        try waitUntil("the player is named") { sound.look() == "sound: mpv" }
        let seenThere = try stage.explaining(on: a, as: name) { try Sightings(of: 25, on: stage.screenA) }
        try stage.keepScreenshot(on: a, as: name)

        // All but the server and the film stands still: what is beside the film can only change by the move.
        try stage.output(of: Self.stand("STOP"), on: a)
        let picture = try stage.screenshot(on: a).withoutFilm
        #expect(Set(picture.pixels).count > 100)
        try stage.suspend(on: a)
        #expect(try stage.findingOfDisplay(on: b).hasPrefix("\(stage.screenB.name), 1920x1080"))
        let heardThere = try a.recorder.finish()
        try stage.resume(on: b)
        let moved = try stage.screenshot(on: b).withoutFilm
        #expect(moved == picture, "\(moved.differences(from: picture)) pixels of \(picture.pixels.count) differ")
        try stage.output(of: Self.stand("CONT"), on: b)
        #expect(try programs.names.map { try stage.processes($0, on: b) } == before)

        // It takes the size of the new screen, and the film goes on with its sound.
        let other = try stage.view(on: b)
        _ = try other.windows()
        try waitUntil("the desktop fills the other screen", seconds: 60) {
            let screen = try stage.screenshot(on: b)
            return screen.width == 1920 && screen.height == 1080
        }
        try b.recorder.waitUntilHeard(3 * 44100)
        let seenHere = try stage.explaining(on: b, as: name) { try Sightings(of: 25, on: stage.screenB) }
        try stage.output(of: "kill \(try stage.processes("mpv", on: b).joined(separator: " "))", on: b)
        let heardHere = try b.recorder.finish()
        let there = try seenThere.lateness(in: heardThere, of: a.recorder, film)
        let here = try seenHere.lateness(in: heardHere, of: b.recorder, film)
        #expect(abs(here - there) < 1 / Film.rate, "pictures were \(there) s late, and are \(here) s late")
        // As far as it was played, which ends in the middle of what was heard there. Silence is where the player, beside
        // all the others, came too late: that takes nothing away.
        let heard = FrameComparison.withoutSilence(heardThere + heardHere)
        let comparison = FrameComparison(reference: Array(film.sound.prefix(heard.count)), recording: heard)
        #expect(comparison.isExact, "\(comparison)")

        // What was in memory only is there.
        try type("echo $NONCE > second", until: "second", stage, on: b, other)
        let nonces = try stage.output(of: "cat first second", on: b).split(separator: "\n")
        #expect(nonces.count == 2 && nonces[0] == nonces[1], "\(nonces)")
        #expect(viewer.process.wait(milliseconds: 20_000), "the viewer of the host that it left ends")
        #expect(other.end() == .exited(0))
    }

    private func terminalName(_ programs: Programs) -> String { String(programs.terminal.prefix { $0 != " " }) }

    /// Of every process of the user's but the X server, the film, `sh` itself and what waits for it.
    private static func stand(_ signal: String) -> String {
        """
        for p in /proc/[0-9]*; do
            read -r comm < $p/comm && [ "$comm" != Xorg ] && [ "$comm" != mpv ] && [ ${p#/proc/} != $$ ] && [ -O $p/comm ] && kill -\(signal) ${p#/proc/}
        done 2>/dev/null; true
        """
    }

    /// Types a line on the host's keyboard until what it does has been done.
    private func type(
        _ line: String, until file: String, _ stage: DesktopStage, on host: LabHost, _ viewer: ViewerProcess
    ) throws {
        // There is no window manager on the host that would give it the keyboard.
        let (screen, window) = (viewer.host, try viewer.windows().whole)
        try screen.run(["xdotool", "windowfocus", "--sync", window])
        try waitUntil("what was typed is done", seconds: 60) {
            // The terminal was opened last, and has the focus as soon as it is there.
            try screen.run(["xdotool", "type", "--delay", "20", line + "\n"])
            return Wait.until(milliseconds: 3000) {
                (try? stage.output(of: "test -s \(file) && echo there", on: host)) == "there\n"
            }
        }
    }
}

extension Picture {
    fileprivate var withoutFilm: Picture {
        blanked(x: Film.place.x, y: Film.place.y, width: Film.size.width, height: Film.size.height)
    }
}
