public import Checkpoint
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
    /// Until it ran, and the next command would find it running.
    public var total = 0.0
    /// After it: taking the images out of this host's memory.
    public var cleanup = 0.0
    public var imageBytes: UInt64 = 0
    public var streamBytes: UInt64 = 0
    /// What earlier runs wrote and never suspended.
    public var recoverable: [RecoverableLayer] = []
    /// What a person should know of this host, each in one line.
    public var warnings: [String] = []

    enum CodingKeys: String, CodingKey {
        case session, recoverable
        case prepare = "prepare_ms"
        case read = "read_ms"
        case sound = "sound_ms"
        case restore = "restore_ms"
        case total = "total_ms"
        case cleanup = "cleanup_ms"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
        case warnings
    }
}

extension Session {
    /// Resumes the pod's session on this host. When this throws, nothing of it is left here, and the session lies on the
    /// device as it was.
    ///
    /// - Parameters:
    ///   - number: one that is kept, instead of the current one; when it runs, it is the current one.
    ///   - network: from now on the pod's; without, it stays what it is.
    ///   - anyCPU: also where programs may end for want of a CPU's features.
    ///   - keys: what an encrypted session is opened with.
    public func resume(
        at number: Int? = nil, sound: SoundChoice, network: PodNetwork? = nil, anyCPU: Bool = false,
        keys: Keys = Keys(),
        _ observer: Observer = Observer()
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
        // Programs that had an interface may have bound sockets to it.
        let isOut = (try network ?? store.configuration().network) == .user
        let reach: UserNetwork.Reach? = isOut ? .outside : manifest.hasNetwork == true ? .nowhere : nil
        try store.requireUnowned(besides: runtime.path)
        try? store.device.makeRoom(Self.roomToWork)
        let layers = try store.presentLayers(of: manifest.layers)
        _ = try Criu.find()
        let findings = try preflight(manifest, layers, network: reach, anyCPU: anyCPU)
        try findings.requireNoRefusal(to: "resume", subject)
        let reader: StreamReader
        do {
            reader = try StreamReader(manifest, of: store, keys: keys)
        } catch let failure as Failure {
            throw failure.during("resume", subject)
        }
        let recoverable = (try? store.recoverableLayers()) ?? []
        let newLayer = try store.newLayer(on: layers, resuming: manifest.number)
        let images = ImageFolder(folder: pod.folder)
        // Nothing of it is in the way, so nothing waits for it.
        let display = manifest.displayVersion.map { version in
            Background { Preflight.display(version: version) }
        }
        do {
            var report = try restore(&pod, reader, layers, newLayer, sound, reach, images, observer)
            report.warnings = try findings.warnings + (display?.value() ?? []).warnings
            try store.keep(network)
            report.recoverable = recoverable
            return report
        } catch {
            let failure = explain(error, images)
            if pod.state == nil || pod.state?.phase == .stopped { try? store.removeUnusedLayer(newLayer) }
            Start.undo(&pod)
            throw failure
        }
    }

    /// What is known at once; CRIU's part is not.
    private func preflight(
        _ manifest: SessionManifest, _ layers: [Int], network: UserNetwork.Reach?, anyCPU: Bool
    ) throws -> [CheckFinding] {
        Preflight.kernel(of: manifest)
            + Preflight.processor(
                origins: manifest.origins ?? [], registersInUse: manifest.registersInUse ?? 0, on: .current,
                anyway: anyCPU)
            + Preflight.memory(for: manifest) + Preflight.network(isWanted: network != nil)
            + Preflight.files(store, base: manifest.base, layers: layers)
            + Preflight.stream(of: manifest, in: store) + Preflight.space(store.device)
    }

    private func restore(
        _ pod: inout PodRuntime, _ reader: StreamReader, _ layers: [Int], _ newLayer: Int, _ sound: SoundChoice,
        _ network: UserNetwork.Reach?, _ images: ImageFolder, _ observer: Observer
    ) throws -> ResumeReport {
        var manifest = reader.manifest
        var report = ResumeReport()
        var watch = Stopwatch()
        observer.stage("preparing")
        // A fresh layer over the sealed ones: the files are those of the session's moment.
        var start = try Start(
            &pod, phase: .resuming, layers: layers + [newLayer], newLayer: newLayer, sound: sound, network: network)
        // All that takes time goes on at once: the supervisor and CRIU start, the stream is read, the sound server is
        // looked for, the files are mounted.
        try images.mount()
        try images.mountBlocks()
        let reading = Reading(reader, into: images)
        // What the sound device and the programs were is told by an encrypted session only inside.
        if reader.isEncrypted, let session = try reading.record()?.session {
            manifest.sound = session.sound
            manifest.mappedFiles = session.mappedFiles
        }
        try start.startBroker(&pod, records: manifest.sound)
        try start.prepare(pod, fresh: false)
        let readAhead = MappedFiles.ReadAhead(manifest.mappedFiles ?? [], in: pod.folder.root)
        defer { withExtendedLifetime(readAhead) {} }
        report.prepare = watch.lap()

        observer.stage("reading the session")
        let isRead = Result { try reading.wait(observer.bytes) }
        // It has been started meanwhile. What it cannot do comes first.
        try Preflight.criu(of: manifest, version: try start.criuVersion()).requireNoRefusal(
            to: "resume", "pod \(store.name)")
        try isRead.get()
        report.read = watch.lap()
        try start.waitForBroker()
        report.sound = watch.lap()
        if observer.isInterrupted() { throw Failure("the resume", "interrupted") }

        observer.stage("restoring memory")
        try start.perform(&pod)
        report.restore = watch.lap()
        let record = try reading.record()
        let isComparable = Files.isRegularFile(images.blocks)
        start.note(
            filters: record?.filters ?? manifest.filters,
            full: isComparable ? FullSessionState(reader.fullManifest) : nil,
            origins: ((reader.isEncrypted ? record?.session : nil) ?? manifest).origins ?? [])
        // Where its host crashes, it goes back to this one.
        if try store.currentSessionNumber() != manifest.number { try store.setCurrentSession(manifest.number) }
        try start.finish(&pod)
        report.total = watch.total
        _ = watch.lap()
        images.unmount()
        if !isComparable { images.unmountBlocks() }
        report.cleanup = watch.lap()
        report.session = manifest.number
        report.imageBytes = manifest.imageBytes
        report.streamBytes = reader.streamBytes
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
        let record = Mutex<SessionRecord?>(nil)
    }

    private let progress = Progress()
    private let work: Background<Void>

    init(_ reader: StreamReader, into images: ImageFolder) {
        let (folder, blocks) = (images.dump, images.blocks)
        work = Background { [progress] in
            try reader.unpack(
                into: folder, blocks: blocks,
                onRecord: { record in progress.record.withLock { $0 = record } },
                progress: { done, all in progress.bytes.withLock { $0 = (done, all) } })
        }
    }

    /// What the stream begins with, once that has been read; throws when reading has failed before.
    func record() throws -> SessionRecord? {
        try work.wait(until: { progress.record.withLock { $0 != nil } })
        return progress.record.withLock { $0 }
    }

    func wait(_ show: (UInt64, UInt64) -> Void) throws {
        try work.value {
            let bytes = progress.bytes.withLock { $0 }
            if bytes.of > 0 { show(bytes.done, bytes.of) }
        }
    }
}
