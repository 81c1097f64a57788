import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// Every test here starts X servers of its own, and the machine has two processors: one at a time.
@Suite(.serialized) enum ViewerTests {}

/// One of `Programs/`, built when it is first needed.
func program(_ name: String) throws -> String {
    let folder = LabBroker.repository.appending("build/lab/viewer")
    try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
    let path = folder.appending(FilePath.Component(name) ?? "program").string
    if built.contains(name) { return path }
    let root = LabBroker.repository.string
    _ = try Pipeline.output(
        of: Command(
            "cc",
            [
                "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-O1",
                "-I\(root)/Sources/DisplayABI/include",
                "-Wl,--as-needed", "-o", path, "\(root)/Tests/ViewerTests/Programs/\(name).c", "-lX11", "-lXrender",
                "-lXext", "-lXv",
                "-lXfixes", "-lvncclient",
            ]))
    built.insert(name)
    return path
}
nonisolated(unsafe) private var built: Set<String> = []  // tests run one at a time
