internal import LinuxSystem
internal import SystemPackage

/// A desktop in a pod: the programs of a base, and a line for pod-init that starts them with the pod.
public enum Desktop: String, CaseIterable, Sendable {
    /// No X server is started by itself.
    case none
    /// The small one.
    case icewm
    case xfce

    /// Debian's names of all that it consists of: the X server and what starts it, a window manager with its panel, a
    /// terminal, a file manager, a browser, an office program, a video player.
    var packages: [String] {
        switch self {
        case .none: []
        case .icewm: Self.common + ["icewm", "xterm", "pcmanfm", "netsurf-gtk", "abiword"]
        case .xfce:
            Self.common + [
                "xfce4", "xfce4-terminal", "mousepad", "ristretto", "firefox-esr", "libreoffice-writer",
                "libreoffice-gtk3",
            ]
        }
    }

    private static let common = [
        "xserver-xorg-core", "xinit", "x11-xserver-utils", "libgl1-mesa-dri", "libxfixes3", "dbus", "dbus-x11",
        "xdg-utils", "fonts-dejavu", "adwaita-icon-theme", "alsa-utils", "mpv",
    ]

    /// `NAME=value`, what programs that are started in its pod find its display by.
    public var environment: [String] {
        self == .none ? [] : ["DISPLAY=:0", "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus"]
    }

    /// What must be there for it to start, in a tree that others made.
    private var programs: [FilePath] {
        let common: [FilePath] = [
            "usr/bin/Xorg", "usr/bin/xinit", "usr/bin/xset", "usr/bin/dbus-daemon", "usr/bin/setpriv",
        ]
        return switch self {
        case .none: []
        case .icewm: common + ["usr/bin/icewm-session"]
        case .xfce: common + ["usr/bin/xfce4-session"]
        }
    }

    /// Bytes of its packages when they are installed, about: 1.1 and 2.2 GB were measured with Debian 12.
    var installedBytes: UInt64 {
        switch self {
        case .none: 0
        case .icewm: 1_100_000_000
        case .xfce: 2_200_000_000
        }
    }

    /// The line of pod-init's file of servers, for a tree that has the desktop.
    func server(in tree: BaseTree) throws -> [String] {
        for program in programs where try Files.kind(of: tree.root.pushing(program)) == nil {
            throw Failure(
                "the tree", "it has no /\(program), which --desktop \(rawValue) needs",
                remedy: "install it there, or leave out --desktop")
        }
        return self == .none ? [] : ["- 0 /usr/lib/mediapod/desktop/start \(rawValue)"]
    }
}
