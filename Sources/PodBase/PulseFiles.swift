internal import LinuxSystem
internal import SystemPackage

/// A stock PulseAudio in a pod, for programs that speak nothing else: its sink and its source are the pod's own PCM. All
/// of it is configuration beside Debian's own; no file of a package is changed.
struct PulseFiles {
    /// What Debian calls it, with `pactl`, `paplay` and `parec`.
    static let packages = ["pulseaudio", "pulseaudio-utils"]

    private static let daemon = "usr/bin/pulseaudio"
    /// Also the one that programs try last by themselves.
    private static let socket = "/run/pulse/native"

    /// ALSA's programs are to go straight to the PCM. This link to a hook of Debian's would have each of them look for a
    /// PulseAudio, and so start it, and go its way.
    private static let hook: FilePath = "etc/alsa/conf.d/99-pulse.conf"

    /// pod-init listens, and starts the daemon for whoever connects: libpulse does not start one for root. One daemon for
    /// all users of the pod, who share its sound in any case; it need not be root.
    static let activation = "\(socket) 1000 /\(daemon) --daemonize=no"

    /// What PulseAudio has written is to be heard also when it closes the PCM, to open it at another rate, or at its end:
    /// programs were told that their sound is over.
    private static let alsa = """
        # The pod's sound device as its PulseAudio uses it: closing it waits until all that was written has been heard.
        pcm.mediapod_pulse {
        \ttype mediapod
        \tlinger yes
        }

        """

    private static let client = """
        # The pod's first process listens there, and starts the daemon when somebody connects.
        default-server = unix:\(socket)
        autospawn = no

        """

    /// The rates are those that every host can play. The sink takes the rate of the first stream, so one of either rate
    /// passes unchanged; another one that comes meanwhile is resampled.
    private static let server = """
        default-script-file = /etc/pulse/mediapod.pa
        use-pid-file = no
        exit-idle-time = 20
        log-target = stderr
        # Nobody in a pod may raise a priority, nor give it back after a move.
        high-priority = no
        realtime-scheduling = no
        default-sample-format = s16le
        default-sample-channels = 2
        default-sample-rate = 44100
        alternate-sample-rate = 48000
        resample-method = soxr-hq
        flat-volumes = no

        """

    /// Without timers of its own the daemon writes when the PCM wakes it, from its mixing memory straight into the ring.
    /// An idle sink or source is closed, and costs nothing.
    private static let script = """
        .fail
        load-module module-alsa-sink sink_name=mediapod sink_properties=device.description=MediaPod \
        device=mediapod_pulse tsched=0 mmap=0 fragments=4 fragment_size=4096
        # Ready at the same moment as with fewer fragments; but when the daemon comes late, nothing is lost yet.
        load-module module-alsa-source source_name=mediapod.input source_properties=device.description=MediaPod \
        device=mediapod tsched=0 mmap=0 fragments=32 fragment_size=4096
        set-default-sink mediapod
        set-default-source mediapod.input
        load-module module-suspend-on-idle timeout=5
        # Last: who connects meanwhile waits, and finds everything there.
        load-module module-native-protocol-unix socket=\(socket) auth-anonymous=1 auth-cookie-enabled=0

        """

    /// Throws for a tree without PulseAudio.
    static func add(to tree: BaseTree) throws {
        guard try Files.kind(of: tree.root.appending(daemon)) == .file else {
            throw Failure("the tree", "it has no /\(daemon)", remedy: "install pulseaudio there, or leave out --pulse")
        }
        try tree.put(alsa, at: "etc/alsa/conf.d/50-mediapod-pulse.conf")
        try tree.put(client, at: "etc/pulse/client.conf.d/50-mediapod.conf")
        try tree.put(server, at: "etc/pulse/daemon.conf.d/50-mediapod.conf")
        try tree.put(script, at: "etc/pulse/mediapod.pa")
        try tree.remove(hook)
    }
}
