internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What runs in a pod that is suspended.
enum EngineLoad: Hashable {
    case shell
    case music
    case desktop
    /// MiB that one program holds: the files of the pod's system, over and over, as a program's memory is neither noise nor
    /// empty.
    case memory(Int)
    case processes(Int)

    static let packages = "mpg123,alsa-utils,xvfb,xterm,x11-apps,icewm"

    var name: String {
        switch self {
        case .shell: "a shell"
        case .music: "music"
        case .desktop: "X with six programs"
        case .memory(let size): size >= 1024 ? "\(size / 1024) GiB" : "\(size) MiB"
        case .processes(let count): count == 1 ? "1 process" : "\(count) processes"
        }
    }

    /// Whether the pod's programs do nothing, so that what they hold stays what it is.
    var isIdle: Bool { self != .music }

    /// Run by `sh`; makes /tmp/ready when all is as it shall be.
    private var script: String {
        let ready = "touch /tmp/ready"
        switch self {
        case .shell: return "mkfifo /tmp/line && \(ready) && read line < /tmp/line"
        case .music: return "mpg123 -q -o alsa --loop -1 /root/music.mp3 & \(ready); wait"
        case .desktop:
            return """
                Xvfb :1 -screen 0 1280x800x24 & export DISPLAY=:1
                until [ -e /tmp/.X11-unix/X1 ]; do sleep 0.1; done
                icewm & xterm & xcalc & xclock & xeyes & xlogo & sleep 4; \(ready); wait
                """
        case .memory(let size):
            return """
                exec perl -e '
                my ($left, @held) = (\(size) << 20);
                while ($left > 0) {
                  for my $name (glob("/usr/bin/* /usr/sbin/* /usr/lib/x86_64-linux-gnu/* /usr/lib/x86_64-linux-gnu/*/*")) {
                    next unless -f $name && !-l $name && $left > 0;
                    open(my $file, "<", $name) or next;
                    while ($left > 0 && read($file, my $part, $left < 65536 ? $left : 65536)) {
                      push @held, $part; $left -= length $part;
                    }
                  }
                }
                open(my $ready, ">", "/tmp/ready"); close $ready;
                sleep 1 while 1;'
                """
        case .processes(let count):
            return "for i in $(seq \(count)); do sleep 100000 & done; \(ready); wait"
        }
    }

    /// Starts the pod and this in it; returns when it is as it shall be.
    func start(in pod: String, on host: LabHost) throws {
        try host.must(["run", pod, "--detach", "--sound", self == .music ? host.sound : "null"])
        if self == .music {
            let music = LabBroker.repository.appending("testdata/music.mp3")
            try host.must(["cp", music.string, "\(pod):/root/music.mp3"])
        }
        if self == .desktop {
            // Our small desktop's, in which nothing moves while nobody does anything.
            let preferences = LabBroker.repository.appending("Sources/pod-desktop/home/.icewm/preferences")
            try host.must(["exec", pod, "--", "mkdir", "-p", "/root/.icewm"])
            try host.must(["cp", preferences.string, "\(pod):/root/.icewm/preferences"])
        }
        try host.must(["exec", pod, "--detach", "--", "sh", "-c", script])
        try waitUntil("\(name) runs", seconds: 120) {
            try host.run(["exec", pod, "--", "test", "-e", "/tmp/ready"]).status.isSuccess
        }
        if self == .music { try host.waitUntilPlayed(44100, pod: pod) }
    }
}
