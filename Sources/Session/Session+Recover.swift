public import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
public import SystemPackage

/// What `Session.recover` copied.
public struct RecoveryReport: Codable, Sendable {
    public var layer: Int
    public var files: Int
    public var deleted: Int
    /// Sockets, FIFOs and devices, which no copy has.
    public var skipped: Int
    public var bytes: UInt64
}

extension Session {
    /// What earlier runs wrote and never suspended, oldest first.
    public func recoverable() throws -> [RecoverableLayer] {
        // A pod whose end nobody has recorded yet still counts as running.
        _ = try status()
        return try store.recoverableLayers()
    }

    /// The one that a person means; throws with the choices there are.
    public func recoverable(_ number: Int?) throws -> RecoverableLayer {
        let all = try recoverable()
        let there = "there are: \(all.map { "\($0.number)" }.joined(separator: ", "))"
        guard let first = all.first else {
            throw Failure(sentence: "pod \(store.name) has nothing to recover: all it wrote was suspended")
        }
        if let number {
            guard let layer = all.first(where: { $0.number == number }) else {
                throw Failure(sentence: "pod \(store.name) has no layer \(number) to recover", remedy: there)
            }
            return layer
        }
        guard all.count == 1 else {
            throw Failure(
                sentence: "pod \(store.name) has \(all.count) layers to recover",
                remedy: "name one with --layer; \(there)")
        }
        return first
    }

    /// What differs in a layer from what it lay on, by path.
    public func changes(in layer: RecoverableLayer) throws -> [LayerChange] {
        try walk(layer, ChangeList()).changes.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }

    /// Copies what a layer holds, as the caller's ordinary files, to `files` in a folder, and the paths that were deleted
    /// to `deleted` beside it. The layer stays.
    public func recover(_ layer: RecoverableLayer, to target: FilePath) throws -> RecoveryReport {
        let subject = "layer \(layer.number) of pod \(store.name)"
        let files = target.appending("files")
        try attempt("make", target.string) { () throws(Errno) in
            try Files.makeFolders(target, permissions: .init(rawValue: 0o755))
        }
        guard try attempt("read", target.string, { () throws(Errno) in try Files.list(target) }).isEmpty else {
            throw Failure("recover", subject, "\(target.string) is not empty", remedy: "name an empty or a new folder")
        }
        do {
            let owner = SoundChoice.desktopUser
            try Files.makeFolder(files, permissions: .init(rawValue: 0o755))
            try retrying { chown(files.string, owner.uid, owner.gid) }
            let copy = try walk(layer, LayerCopy(to: try OpenFolder(files), uid: owner.uid, gid: owner.gid))
            let deleted = copy.deleted.map { LayerCopy.line($0) }.joined()
            try Files.write(
                target.appending("deleted"), Array(deleted.utf8),
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            return RecoveryReport(
                layer: layer.number, files: copy.files, deleted: copy.deleted.count, skipped: copy.skipped,
                bytes: copy.bytes)
        } catch {
            try? Files.removeTree(files)
            if let failure = error as? Failure { throw failure.during("recover", subject) }
            throw (error as? Errno).map { Failure("recover", subject, $0) } ?? Failure("recover", subject, "\(error)")
        }
    }

    /// Removes a layer and all that was written to it.
    public func drop(_ layer: RecoverableLayer) throws {
        _ = try prune(keep: nil) { try store.removeLayer(layer.number) }
    }

    private func walk<Visitor: LayerVisitor>(_ layer: RecoverableLayer, _ visitor: Visitor) throws -> Visitor {
        let lock = try store.lockForReading()
        defer { withExtendedLifetime(lock) {} }
        return try LayerWalk.run(
            store.layerFolder(layer.number).appending("upper"), below: try filesBelow(layer), visitor)
    }

    /// The files that a layer lay on, mounted for as long as the folder is open; `nil` when not all of them are there.
    private func filesBelow(_ layer: RecoverableLayer) throws -> OpenFolder? {
        let configuration = try store.configuration()
        guard (try? store.requireLayers(layer.below)) != nil,
            (try? store.device.requireBase(configuration.base)) != nil
        else { return nil }
        let files = PodFileSystem(
            image: store.device.basePath(configuration.base), layers: layer.below.map { store.layerFolder($0) },
            uidBase: configuration.uidBase, uidCount: configuration.uidCount)
        return try files.openForReading(in: runtime)
    }
}

private struct ChangeList: LayerVisitor {
    var changes: [LayerChange] = []

    mutating func enter(_ name: FileName) {}
    mutating func leave(_ status: stat) {}
    mutating func file(_ name: FileName, in folder: borrowing OpenFolder, _ status: stat) {}
    mutating func found(_ change: LayerChange) { changes.append(change) }
}
