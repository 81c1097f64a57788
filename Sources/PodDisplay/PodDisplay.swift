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
                remedy: "start one, where xserver-xorg-core is installed: mediapod exec \(name) --detach -- Xorg :0; "
                    + "or make a pod with --desktop")
        } catch let error as Errno where error == .permissionDenied || error == .notPermitted {
            throw Failure("open", subject, error, remedy: "run this as root: sudo podview")
        } catch let error as Errno {
            throw Failure("open", subject, error)
        }
    }

    /// For a viewer.
    public var source: DisplaySource {
        let sound = PodSound(folder)
        return DisplaySource(
            open: { try open() }, hasEnded: { state.initProcess?.isAlive != true }, sound: { sound.look() })
    }

    /// Waits while a desktop that starts with the pod is coming up; whether its display is there, `open` tells.
    ///
    /// - Parameter meanwhile: called some twenty times a second.
    public func waitForDesktop(seconds: Int = 60, meanwhile: () -> Void) {
        guard hasDesktop else { return }
        _ = Wait.until(milliseconds: seconds * 1000) {
            meanwhile()
            return state.initProcess?.isAlive != true || (try? open()) != nil
        }
    }

    /// Whether pod-init starts one. The file is the pod's, and may be anything.
    private var hasDesktop: Bool {
        guard let process = state.initProcess,
            let file = try? PodRoot(initProcess: process, uidBase: state.uidBase).folder()
                .open(Self.servers, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, links: .refused)
        else { return false }
        let lines = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = (try? Files.read(file, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
        return String(decoding: lines, as: UTF8.self).contains("/usr/lib/mediapod/desktop/")
    }

    /// What pod-init starts by itself.
    private static let servers: FilePath = "etc/mediapod/servers"

    /// What suspends it: the engine that is installed beside us.
    public var suspend: Command {
        let beside = Executable.folder.appending("mediapod")
        let program = Files.isRegularFile(beside) ? beside.string : "mediapod"
        return Command(
            program, ["suspend", name, "--device", state.device, "--format", "json"], name: "mediapod suspend")
    }
}
