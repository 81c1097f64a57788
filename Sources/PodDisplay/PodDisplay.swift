internal import CLI
internal import DeviceStore
internal import DisplayABI
internal import Glibc
public import LinuxSystem
public import Pod
internal import Session
internal import SystemPackage
public import Viewer

/// A pod's display, found through the pod's root file system.
public struct PodDisplay {
    public let name: String
    public let folder: PodFolder
    private let state: RuntimeState

    /// The pod must be running on this host.
    public init(pod name: String) throws {
        // Becomes part of a path.
        try PodName.validate(name)
        self.name = name
        folder = RuntimeFolder(DeviceOptions.runtimeFolder).pod(name)
        guard let state = try PodRuntime.readState(folder), state.phase == .running,
            let process = state.initProcess, process.isAlive
        else {
            throw Failure(
                "pod \(name)", "does not run on this host, so it has no screen",
                remedy: "see mediapod list, and start it with mediapod run or resume")
        }
        self.state = state
    }

    private var subject: String { "the display of pod \(name)" }

    /// Opens the memory that its X server shares.
    public func open() throws -> DisplayObject {
        let path = FilePath(String(DISPLAY_OBJECT_PATH.drop { $0 == "/" }))
        guard let process = state.initProcess else { throw Failure(subject, "is not there") }
        do {
            let file = try PodRoot(initProcess: process, uidBase: state.uidBase).folder()
                .open(path, flags: O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, links: .refused)
            return try DisplayObject(file, of: subject)
        } catch let error as Errno where error == .noSuchFileOrDirectory {
            throw Failure(
                subject, "is not there: no X server runs in the pod",
                remedy: "start one, where xserver-xorg-core is installed: mediapod exec \(name) --detach -- Xorg :0")
        } catch let error as Errno where error == .permissionDenied || error == .notPermitted {
            throw Failure("open", subject, error, remedy: "run this as root: sudo podview")
        } catch let error as Errno {
            throw Failure("open", subject, error)
        }
    }

    /// For a viewer.
    public var source: DisplaySource {
        DisplaySource(open: { try open() }, hasEnded: { state.initProcess?.isAlive != true })
    }

    /// What suspends it: the engine that is installed beside us.
    public var suspend: Command {
        let beside = Executable.folder.appending("mediapod")
        let program = Files.isRegularFile(beside) ? beside.string : "mediapod"
        return Command(
            program, ["suspend", name, "--device", state.device, "--format", "json"], name: "mediapod suspend")
    }
}
