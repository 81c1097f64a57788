internal import Checkpoint
public import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import Synchronization
internal import SystemPackage

/// What a resume did, and how long its parts took. ms
public struct ResumeReport: Codable, Sendable {
    public var session = 0
    /// Files mounted; broker, supervisor and CRIU under way.
    public var prepare = 0.0
    /// Waiting for the stream to be read, checked and unpacked, after that.
    public var read = 0.0
    /// Waiting for the sound server, after all that.
    public var sound = 0.0
    /// CRIU.
    public var restore = 0.0
    public var total = 0.0
    public var imageBytes: UInt64 = 0
    public var streamBytes: UInt64 = 0
    /// What earlier runs wrote and never suspended.
    public var recoverable: [RecoverableLayer] = []

    enum CodingKeys: String, CodingKey {
        case session, recoverable
        case prepare = "prepare_ms"
        case read = "read_ms"
        case sound = "sound_ms"
        case restore = "restore_ms"
        case total = "total_ms"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
    }
}

extension Session {
    /// Resumes the pod's session on this host. When this throws, nothing of it is left here, and the session lies on the
    /// device as it was.
    ///
    /// - Parameter number: one that is kept, instead of the current one; when it runs, it is the current one.
    public func resume(
        at number: Int? = nil, sound: SoundChoice, _ observer: Observer = Observer()
    ) throws -> ResumeReport {
        var pod = try PodRuntime.open(store, in: runtime, to: "resume")
        let subject = "pod \(store.name)"
        if let state = pod.state, state.phase == .running {
            throw Failure("resume", subject, "it is running already")
        }
        guard let manifest = try number.map(store.session) ?? store.currentSession() else {
            try store.requireUnowned(besides: runtime.path)
            let old = try store.sessions().last
            let back = old.map { ", or go back with: mediapod resume \(store.name) --at \($0)" } ?? ""
            throw Failure(
                "resume", subject, "it has no suspended session", remedy: "start it with: mediapod run" + back)
        }
        let layers = try store.presentLayers(of: manifest.layers)
        try Start.requirements(pod, base: manifest.base, layers: layers)
        let recoverable = (try? store.recoverableLayers()) ?? []
        let newLayer = try store.newLayer(on: layers, resuming: manifest.number)
        let images = ImageFolder(folder: pod.folder)
        do {
            var report = try restore(&pod, manifest, layers, newLayer, sound, images, observer)
            report.recoverable = recoverable
            return report
        } catch {
            let failure = explain(error, images)
            if pod.state == nil || pod.state?.phase == .stopped { try? store.removeUnusedLayer(newLayer) }
            Start.undo(&pod)
            throw failure
        }
    }

    private func restore(
        _ pod: inout PodRuntime, _ manifest: SessionManifest, _ layers: [Int], _ newLayer: Int, _ sound: SoundChoice,
        _ images: ImageFolder, _ observer: Observer
    ) throws -> ResumeReport {
        var report = ResumeReport()
        var watch = Stopwatch()
        observer.stage("preparing")
        // A fresh layer over the sealed ones: the files are those of the session's moment.
        var start = try Start(
            &pod, phase: .resuming, layers: layers + [newLayer], newLayer: newLayer, sound: sound)
        // All that takes time goes on at once: the supervisor and CRIU start, the stream is read, the sound server is
        // looked for, the files are mounted.
        try images.mount()
        let reading = Reading(manifest, of: store, into: images.dump)
        try start.startBroker(&pod, records: manifest.sound)
        try start.prepare(pod, fresh: false)
        let readAhead = MappedFiles.ReadAhead(manifest.mappedFiles ?? [], in: pod.folder.root)
        defer { withExtendedLifetime(readAhead) {} }
        report.prepare = watch.lap()

        observer.stage("reading the session")
        try reading.wait(observer.bytes)
        report.read = watch.lap()
        try start.waitForBroker()
        report.sound = watch.lap()
        if observer.isInterrupted() { throw Failure("the resume", "interrupted") }

        observer.stage("restoring memory")
        try start.perform(&pod)
        report.restore = watch.lap()
        // Where its host crashes, it goes back to this one.
        if try store.currentSessionNumber() != manifest.number { try store.setCurrentSession(manifest.number) }
        try start.finish(&pod)
        images.unmount()
        report.total = watch.total
        report.session = manifest.number
        report.imageBytes = manifest.imageBytes
        report.streamBytes = manifest.streamBytes
        return report
    }

    private func explain(_ error: any Error, _ images: ImageFolder) -> Failure {
        let subject = "pod \(store.name)"
        guard error is Criu.Problem else {
            guard let failure = error as? Failure else { return Failure("resume", subject, "\(error)") }
            return failure.during("resume", subject)
        }
        let reason = CriuLog.reason(in: images.restoreLog) ?? "\(error)"
        let log = images.keep(images.restoreLog, as: "restore.log")
        return Failure(
            "resume", subject, "CRIU: \(reason)",
            remedy: (log.map { "the full log is \($0.string); " } ?? "") + "the session is on the device as it was")
    }
}

/// A session's stream, read on a thread of its own.
private struct Reading {
    private final class Progress: Sendable {
        let bytes = Mutex<(done: UInt64, of: UInt64)>((0, 0))
    }

    private let progress = Progress()
    private let work: Background<Void>

    init(_ manifest: SessionManifest, of store: PodStore, into folder: FilePath) {
        work = Background { [progress] in
            try SessionStream.read(manifest, of: store, into: folder) { done, all in
                progress.bytes.withLock { $0 = (done, all) }
            }
        }
    }

    func wait(_ show: (UInt64, UInt64) -> Void) throws {
        try work.value {
            let bytes = progress.bytes.withLock { $0 }
            if bytes.of > 0 { show(bytes.done, bytes.of) }
        }
    }
}
