internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// `files.json`: where a fresh run of the pod begins.
private struct FileStack: Document {
    static let currentFormat = 1
    var formatVersion = currentFormat
    /// Lowest first.
    var layers: [Int]
    /// No layer has ever had a higher number.
    var highest: Int
    /// No session that is no more had a higher one.
    var highestSession: Int?

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case highestSession = "highest_session"
        case layers, highest
    }
}

extension PodStore {
    var layersFolder: FilePath { folder.appending("layers") }

    public func layerFolder(_ number: Int) -> FilePath {
        layersFolder.appending(String(number))
    }

    /// Numbers of the layers there are, ascending.
    public func layers() throws -> [Int] {
        try attempt("read", "the layers of pod \(name)") { () throws(Errno) in try Files.list(layersFolder) }
            .compactMap(StoreNumber.parse).sorted()
    }

    /// Those of `layers`, lowest first, that are to be mounted: without the ones whose files were merged into another.
    public func presentLayers(of layers: [Int]) throws -> [Int] {
        var merged: Set<Int> = []
        return try layers.filter { layer in
            if merged.contains(layer) { return false }
            merged.formUnion(try record(ofLayer: layer).merged)
            return true
        }
    }

    /// Throws when a layer is not there, or not all of it, or leads out of the device.
    public func requireLayers(_ layers: [Int]) throws {
        for number in layers {
            let layer = layerFolder(number)
            guard try attempt("open", "layer \(number)", { () throws(Errno) in try Files.kind(of: layer) }) != nil
            else {
                throw Failure(sentence: "its files are incomplete: layer \(number) is not on the device")
            }
            for place in [layer, layer.appending("upper"), layer.appending("work")] {
                try device.requireFolder(place)
            }
        }
    }

    /// A new layer, `upper` (the pod's root owns it, mode 0755) and `work`, whose number was never used before.
    ///
    /// - Parameters:
    ///   - below: what it will lie on, lowest first.
    ///   - session: the one that is resumed onto it.
    ///   - isSealed: whether no pod writes to it. It goes with the next tidying when no session needs it.
    public func newLayer(on below: [Int] = [], resuming session: Int? = nil, isSealed: Bool = false) throws -> Int {
        let configuration = try configuration()
        let number = max(try layers().last ?? 0, try readStack().highest) + 1
        let layer = layerFolder(number)
        // Under a name that is no number until it is whole: a layer without its `upper` would stop every run.
        let partial = layersFolder.appending(".\(number).partial")
        try Files.removeTree(partial)
        let record = try JSONText.encode(
            LayerRecord(
                createdAt: JSONText.wholeSeconds(Date()), hostname: ProcessTable.hostname, session: session,
                below: below, isSealed: isSealed))
        try attempt("make", "layer \(number) of pod \(name)") { () throws(Errno) in
            try Files.makeFolder(partial, permissions: .ownerReadWriteExecute)
            let upper = partial.appending("upper")
            try Files.makeFolder(upper, permissions: .init(rawValue: 0o755))
            try retrying { chown(upper.string, configuration.uidBase, configuration.uidBase) }
            try Files.makeFolder(partial.appending("work"), permissions: .ownerReadWriteExecute)
            try Files.write(partial.appending("layer.json"), record, permissions: .ownerReadWrite)
            try Files.syncFolder(partial)
            try Files.moveNew(partial, to: layer)
            try Files.syncFolder(layersFolder)
        }
        return number
    }

    /// The layers, lowest first, that a fresh `run` starts on; empty for a pod that never ran.
    public func fileStack() throws -> [Int] {
        try readStack().layers
    }

    public func setFileStack(_ layers: [Int]) throws {
        var stack = try readStack()
        stack.layers = layers
        stack.highest = max(try self.layers().last ?? 0, stack.highest)
        try writeStack(stack)
    }

    /// Whether a fresh run may write to the topmost layer of the file stack: no session was suspended with it.
    public func isTopLayerOpen() throws -> Bool {
        guard let top = try fileStack().last else { return false }
        return try !record(ofLayer: top).isSealed && !manifestNeeds().values.contains { $0.layers.contains(top) }
    }

    /// No session has had a higher number.
    func highestSession() throws -> Int { try readStack().highestSession ?? 0 }

    func setHighestSession(_ number: Int) throws {
        var stack = try readStack()
        stack.highestSession = number
        try writeStack(stack)
    }

    /// Removes a layer that neither a fresh run nor a kept session needs; throws when one does.
    public func removeLayer(_ number: Int) throws {
        let stack = try readStack()
        let subject = "layer \(number) of pod \(name)"
        if try presentLayers(of: stack.layers).contains(number) {
            throw Failure("remove", subject, "the pod's files lie in it")
        }
        for (session, needs) in try manifestNeeds() where try presentLayers(of: needs.layers).contains(number) {
            throw Failure("remove", subject, "session \(session) needs it")
        }
        // Written down first, or the number could be given out again.
        if try layers().last == number, stack.highest < number { try setFileStack(stack.layers) }
        try dropLayer(number)
    }

    /// Removes a layer of a run that never came about: nobody has heard of it.
    public func removeUnusedLayer(_ number: Int) throws {
        guard try !fileStack().contains(number) else { return }
        try dropLayer(number)
    }

    private func dropLayer(_ number: Int) throws {
        let subject = "layer \(number) of pod \(name)"
        let gone = layersFolder.appending(".\(number).removed.partial")
        try Files.removeTree(gone)
        // No longer a layer's name before the first file goes.
        do throws(Errno) { try Files.move(layerFolder(number), to: gone) } catch {
            if error == .noSuchFileOrDirectory { return }
            throw Failure("remove", subject, error)
        }
        try Files.removeTree(gone)
    }

    /// Bytes that all layers take up on the device.
    public func layerBytes() throws -> UInt64 {
        try layers().reduce(0) { try $0 + bytes(ofLayer: $1) }
    }

    private func readStack() throws -> FileStack {
        let file = folder.appending("files.json")
        do {
            return try DocumentFile.read(FileStack.self, file, name: "pod \(name)")
        } catch let failure as Failure where failure.cause == .noSuchFileOrDirectory {
            return FileStack(layers: [], highest: 0)
        }
    }

    private func writeStack(_ stack: FileStack) throws {
        try DocumentFile.replace(folder.appending("files.json"), with: stack, name: "pod \(name)")
    }
}
