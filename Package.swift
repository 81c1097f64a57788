// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is compiled with: the Swift 6 language mode (the tools version's default), the
/// features that make imports and existentials explicit, and no warning tolerated.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let strictC: [CSetting] = [
    .unsafeFlags(["-std=gnu11", "-Wall", "-Wextra", "-Werror"]),
    .define("_GNU_SOURCE"),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

let package = Package(
    name: "MediaPod",
    products: [
        .executable(name: "mediapod", targets: ["mediapod"]),
        .executable(name: "podaudio", targets: ["podaudio"]),
        .executable(name: "podview", targets: ["podview"]),
        .executable(name: "podvnc", targets: ["podvnc"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        // C: shims over what Swift cannot call, system libraries, and the layouts shared with C programs.
        .target(name: "CLinux", cSettings: strictC),
        .target(name: "SoundABI", cSettings: strictC),
        .target(name: "PodInitABI", cSettings: strictC),
        .target(name: "DisplayABI", cSettings: strictC),
        .systemLibrary(name: "CALSA"),
        .systemLibrary(name: "CPulse"),
        .systemLibrary(name: "CSndFile"),
        .systemLibrary(name: "CSampleRate"),
        .systemLibrary(name: "CX11"),
        .target(name: "CVNC", cSettings: strictC, linkerSettings: [.linkedLibrary("vncserver")]),
        .systemLibrary(name: "CPNG"),

        // Libraries, lowest first.
        .target(name: "LinuxSystem", dependencies: ["CLinux", systemPackage], swiftSettings: strict),
        .target(name: "SoundControl", dependencies: ["LinuxSystem", systemPackage], swiftSettings: strict),
        .target(name: "SoundDSP", dependencies: ["CSampleRate"], swiftSettings: strict),
        .target(
            name: "SoundSinks",
            dependencies: ["LinuxSystem", "SoundDSP", "CALSA", "CPulse", "CSndFile", systemPackage],
            swiftSettings: strict),
        .target(
            name: "SoundBroker",
            dependencies: [
                "LinuxSystem", "SoundABI", "SoundControl", "SoundDSP", "SoundSinks", systemPackage, logging,
            ],
            swiftSettings: strict),
        .target(
            name: "Viewer", dependencies: ["LinuxSystem", "CLinux", "DisplayABI", "CX11", "CPNG", systemPackage],
            swiftSettings: strict),
        .target(
            name: "Pod", dependencies: ["LinuxSystem", "CLinux", "PodInitABI", systemPackage],
            swiftSettings: strict),
        .target(
            name: "DeviceStore",
            dependencies: ["CLinux", "LinuxSystem", "SoundControl", systemPackage, crypto],
            swiftSettings: strict),
        .target(
            name: "PodBase", dependencies: ["LinuxSystem", "DeviceStore", systemPackage], swiftSettings: strict),
        .target(
            name: "Checkpoint", dependencies: ["LinuxSystem", "DeviceStore", "SoundControl", systemPackage, crypto],
            swiftSettings: strict),
        .target(
            name: "Session",
            dependencies: [
                "LinuxSystem", "Pod", "PodInitABI", "DisplayABI", "DeviceStore", "Checkpoint", "SoundControl",
                systemPackage, subprocess, logging,
            ],
            swiftSettings: strict),
        .target(
            name: "CLI", dependencies: ["LinuxSystem", "DeviceStore", argumentParser, systemPackage],
            swiftSettings: strict),

        // What the tests, the demo and the benchmarks stand on: real sound servers and what they were heard to play.
        .target(
            name: "SoundLab",
            dependencies: ["LinuxSystem", "SoundControl", "SoundDSP", "CSampleRate", systemPackage],
            swiftSettings: strict),
        // The same of X servers and pictures.
        .target(
            name: "DisplayLab", dependencies: ["LinuxSystem", "SoundLab", "CPNG", systemPackage], swiftSettings: strict),

        .executableTarget(
            name: "mediapod",
            dependencies: [
                "CLI", "Session", "DeviceStore", "PodBase", "Pod", "Checkpoint", "SoundControl", "LinuxSystem",
                argumentParser,
                systemPackage, subprocess,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "podaudio",
            dependencies: [
                "CLI", "DeviceStore", "Pod", "SoundBroker", "SoundSinks", "SoundDSP", "SoundControl", "LinuxSystem",
                argumentParser, systemPackage, logging,
            ],
            swiftSettings: strict),

        .target(
            name: "PodDisplay",
            dependencies: [
                "CLI", "DisplayABI", "Viewer", "Session", "Pod", "DeviceStore", "SoundControl", "LinuxSystem",
                systemPackage,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "podview",
            dependencies: [
                "CLI", "PodDisplay", "Viewer", "Pod", "DeviceStore", "LinuxSystem", argumentParser, systemPackage,
            ],
            swiftSettings: strict),
        // By itself, because its library brings half a dozen others, which would have to be loaded for every window.
        .executableTarget(
            name: "podvnc",
            dependencies: [
                "CLI", "CVNC", "DisplayABI", "PodDisplay", "Viewer", "LinuxSystem", argumentParser, systemPackage,
            ],
            swiftSettings: strict),

        // What its benchmark of the display shows and looks for.
        .executableTarget(
            name: "display-load", dependencies: ["DisplayABI"], cSettings: strictC,
            linkerSettings: ["X11", "Xext", "Xtst", "Xv"].map { .linkedLibrary($0) }),
        .executableTarget(
            name: "mediapod-lab",
            dependencies: [
                "CALSA", "CLI", "DeviceStore", "DisplayLab", "LinuxSystem", "Pod", "Session", "SoundControl",
                "SoundDSP", "SoundLab",
                argumentParser,
                systemPackage,
            ],
            swiftSettings: strict),

        // Tests.
        .testTarget(name: "SoundDSPTests", dependencies: ["SoundDSP"], swiftSettings: strict),
        .testTarget(
            name: "MoveTests",
            dependencies: ["SoundLab", "SoundControl", "LinuxSystem", "mediapod", "podaudio", systemPackage],
            swiftSettings: strict),
        .testTarget(name: "PodInitTests", dependencies: ["CLinux", "Pod", "PodInitABI"], swiftSettings: strict),
        .testTarget(
            name: "SoundBrokerTests",
            dependencies: ["SoundBroker", "SoundControl", "SoundLab", "LinuxSystem", "podaudio", systemPackage],
            exclude: ["Programs"], swiftSettings: strict),
        .testTarget(
            name: "SoundProgramTests",
            dependencies: ["SoundControl", "SoundLab", "LinuxSystem", "podaudio", systemPackage],
            exclude: ["Programs"], swiftSettings: strict),
        .testTarget(
            name: "SoundSinksTests",
            dependencies: [
                "SoundSinks", "SoundControl", "SoundDSP", "SoundLab", "LinuxSystem", "podaudio", systemPackage,
            ],
            exclude: ["Programs"], swiftSettings: strict),
        .testTarget(name: "SoundLabTests", dependencies: ["SoundLab", "SoundDSP"], swiftSettings: strict),
        .testTarget(
            name: "DisplayTests", dependencies: ["DisplayABI", "DisplayLab", "LinuxSystem", "SoundLab", systemPackage],
            exclude: ["Programs"], swiftSettings: strict),
        .testTarget(
            name: "ViewerTests",
            dependencies: [
                "DisplayABI", "DisplayLab", "LinuxSystem", "SoundLab", "podview", "podvnc", systemPackage,
            ],
            exclude: ["Programs"], swiftSettings: strict),
        .testTarget(
            name: "DesktopTests",
            dependencies: [
                "DisplayLab", "LinuxSystem", "Pod", "PodDisplay", "SoundControl", "SoundLab", "mediapod", "podaudio",
                "podview", systemPackage,
            ],
            swiftSettings: strict),
        .testTarget(name: "PodTests", dependencies: ["Pod", "LinuxSystem", systemPackage], swiftSettings: strict),
        .testTarget(
            name: "SessionTests",
            dependencies: [
                "Session", "Pod", "Checkpoint", "DeviceStore", "DeviceTestSupport", "DisplayLab", "LinuxSystem",
                "SoundControl", "SoundLab", "mediapod", "podaudio", "podview", systemPackage,
            ],
            exclude: ["Programs"], swiftSettings: strict),
        .target(
            name: "DeviceTestSupport", dependencies: ["LinuxSystem", "DeviceStore", "SoundControl", systemPackage],
            path: "Tests/DeviceTestSupport", swiftSettings: strict),
        .testTarget(
            name: "LinuxSystemTests", dependencies: ["LinuxSystem", "DeviceTestSupport", systemPackage],
            swiftSettings: strict),
        .testTarget(
            name: "DeviceStoreTests", dependencies: ["DeviceStore", "LinuxSystem", "DeviceTestSupport", systemPackage],
            swiftSettings: strict),
        .testTarget(
            name: "PodBaseTests",
            dependencies: ["PodBase", "DeviceStore", "LinuxSystem", "DeviceTestSupport", systemPackage],
            swiftSettings: strict),
        .testTarget(
            name: "CheckpointTests",
            dependencies: [
                "Checkpoint", "DeviceStore", "LinuxSystem", "SoundControl", "SoundLab", "DeviceTestSupport", "mediapod",
                systemPackage,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CLITests",
            dependencies: ["CLI", "mediapod", "DeviceStore", "LinuxSystem", "DeviceTestSupport", systemPackage],
            swiftSettings: strict),
    ]
)
