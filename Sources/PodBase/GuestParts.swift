internal import Glibc
public import LinuxSystem
public import SystemPackage

/// The parts of MediaPod that run inside a pod (pod-init, the ALSA plugin and its configuration): a tree that is laid
/// over every base as it is.
public struct GuestParts: Sendable {
    public let folder: FilePath

    /// What no pod starts without.
    private static let essential: FilePath = "usr/lib/mediapod/pod-init"

    /// Found where `MEDIAPOD_GUEST` says, else beside the executable, else in the tree that it was built in.
    public static func locate() throws(Failure) -> GuestParts {
        let named = getenv("MEDIAPOD_GUEST").map { FilePath(platformString: $0) }
        let candidates = named.map { [$0] } ?? Executable.places(of: "guest")
        for folder in candidates where Files.isRegularFile(folder.pushing(essential)) {
            return GuestParts(folder: folder)
        }
        let places = candidates.map(\.string).joined(separator: ", ")
        throw Failure(
            sentence: "MediaPod's parts for the inside of a pod are missing "
                + "(looked for \(essential.string) in \(places))",
            remedy: "make them with: make build, or name their folder with MEDIAPOD_GUEST")
    }
}
