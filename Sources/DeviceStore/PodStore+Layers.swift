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

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case layers, highest
    }
}

extension PodStore {
    private var layersFolder: FilePath { folder.appending("layers") }

    public func layerFolder(_ number: Int) -> FilePath {
        layersFolder.appending(String(number))
    }

    /// Numbers of the layers there are, ascending.
    public func layers() throws -> [Int] {
        try attempt("read", "the layers of pod \(name)") { () throws(Errno) in try Files.list(layersFolder) }
            .compactMap { Int($0) }.sorted()
    }

    /// A new layer, `upper` (the pod's root owns it, mode 0755) and `work`, whose number was never used before.
    public func newLayer() throws -> Int {
        let configuration = try configuration()
        let number = max(try layers().last ?? 0, try readStack().highest) + 1
        let layer = layerFolder(number)
        // Under a name that is no number until it is whole: a layer without its `upper` would stop every run.
        let partial = layersFolder.appending(".\(number).partial")
        try Files.removeTree(partial)
        try attempt("make", "layer \(number) of pod \(name)") { () throws(Errno) in
            try Files.makeFolder(partial, permissions: .ownerReadWriteExecute)
            let upper = partial.appending("upper")
            try Files.makeFolder(upper, permissions: .init(rawValue: 0o755))
            try retrying { chown(upper.string, configuration.uidBase, configuration.uidBase) }
            try Files.makeFolder(partial.appending("work"), permissions: .ownerReadWriteExecute)
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
        let highest = max(try self.layers().last ?? 0, try readStack().highest)
        try writeStack(FileStack(layers: layers, highest: highest))
    }

    /// Removes a layer that neither a fresh run nor a kept session needs; throws when one does.
    public func removeLayer(_ number: Int) throws {
        let stack = try readStack()
        let subject = "layer \(number) of pod \(name)"
        if stack.layers.contains(number) { throw Failure("remove", subject, "the pod's files lie in it") }
        for session in try sessions() where try manifest(ofSession: session).layers.contains(number) {
            throw Failure("remove", subject, "session \(session) needs it")
        }
        // Written down first, or the number could be given out again.
        let highest = max(try layers().last ?? 0, stack.highest)
        if highest > stack.highest { try writeStack(FileStack(layers: stack.layers, highest: highest)) }
        try Files.removeTree(layerFolder(number))
    }

    /// Bytes that all layers take up on the device.
    public func layerBytes() throws -> UInt64 {
        try attempt("read", "the layers of pod \(name)") { () throws(Errno) in
            try Files.treeBytes(layersFolder).allocated
        }
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
