public import DeviceStore
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// A folder for one test; goes with it.
public func withFolder<Result>(_ body: (FilePath) throws -> Result) throws -> Result {
    let folder = FilePath("/tmp/mediapod-test-\(UUID().uuidString)")
    try Files.makeFolder(folder, permissions: .init(rawValue: 0o755))
    defer { try? Files.removeTree(folder) }
    return try body(folder)
}

/// A file system of `kind` mounted for one test, such as a tmpfs of a few megabytes.
public func withMount<Result>(_ kind: String, options: String, _ body: (FilePath) throws -> Result) throws -> Result {
    try withFolder { folder in
        let place = folder.appending("mount")
        try Files.makeFolder(place, permissions: .init(rawValue: 0o755))
        try Pipeline([Command("mount", ["-t", kind, "-o", options, "none", place.string])]).run()
        defer { try? Pipeline([Command("umount", [place.string])]).run() }
        return try body(place)
    }
}

/// A small ext4 in a file, mounted for one test: what a stick is.
public func withExt4<Result>(megabytes: Int, _ body: (FilePath) throws -> Result) throws -> Result {
    try withFolder { folder in
        let image = folder.appending("image")
        try Pipeline([Command("truncate", ["-s", "\(megabytes)M", image.string])]).run()
        try Pipeline([Command("mkfs.ext4", ["-q", "-m", "0", image.string])]).run()
        let place = folder.appending("mount")
        try Files.makeFolder(place, permissions: .init(rawValue: 0o755))
        try Pipeline([Command("mount", ["-o", "loop", image.string, place.string])]).run()
        defer { try? Pipeline([Command("umount", [place.string])]).run() }
        return try body(place)
    }
}

/// A digest that no base has by chance; `device(at:)` puts a file there.
public let someBase = String(repeating: "ab", count: 32)

/// A device with one base, which is no squashfs.
public func makeDevice(at path: FilePath) throws -> Device {
    let device = try Device.initialize(at: path)
    try Files.replace(device.basePath(someBase), with: Array("a base".utf8))
    return device
}

/// A device with a pod on it.
public func withPod<Result>(_ name: String = "x", _ body: (PodStore) throws -> Result) throws -> Result {
    try withFolder { folder in
        let device = try makeDevice(at: folder.appending("device"))
        return try body(try device.createPod(PodConfiguration(name: name, base: someBase)))
    }
}

/// What `body` throws, as a person reads it; empty when it throws nothing.
public func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return "\(error)"
    }
}

/// Bytes that compress to about half and are the same every time.
public func sampleBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { index in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return index & 1 == 0 ? 0 : UInt8(truncatingIfNeeded: state >> 33)
    }
}
