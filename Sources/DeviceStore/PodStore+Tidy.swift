internal import LinuxSystem
internal import SystemPackage

/// What was freed on a device.
public struct TidyReport: Codable, Sendable, Equatable {
    /// Sessions and layers that are gone, and layers whose files are in the layer below now.
    public var sessions: [Int] = []
    public var layers: [Int] = []
    public var merged: [Int] = []
    public var freedBytes: UInt64 = 0

    public init() {}

    enum CodingKeys: String, CodingKey {
        case freedBytes = "freed_bytes"
        case sessions, layers, merged
    }
}

extension PodStore {
    /// Thrown by a tidying's `goOn`: what is done is done, the rest is for the next one.
    public struct Enough: Error {
        public init() {}
    }

    /// Removes sessions that are no longer kept and layers that nobody needs, and merges layers that are only used
    /// together. What was cut off is done by the next one. The caller holds the pod's lock.
    ///
    /// - Parameters:
    ///   - keep: how many sessions stay, besides those that others require.
    ///   - isMounted: whether a pod that runs has some of the layers mounted. Then none is merged.
    ///   - goOn: called between steps; `Enough` ends the work.
    public func tidy(keep: Int, isMounted: Bool, goOn: () throws -> Void = {}) throws -> TidyReport {
        var report = TidyReport()
        do {
            try removePartialSessions()
            try removePartialLayers()
            // For the day when the session turns out to be damaged: its files, not those from before it.
            if let current = try currentSession(), try fileStack() != current.layers {
                try setFileStack(current.layers)
            }
            try goOn()
            try sealSuspendedLayers()
            try goOn()
            let needed = try neededSessions(keep: keep)
            for session in try sessions() where !needed.contains(session) {
                try remove(session: session, &report)
                try goOn()
            }
            try removeUnneededLayers(&report, goOn)
            if !isMounted {
                while let (lower, upper) = try mergeableLayers() {
                    try merge(upper, into: lower, &report, goOn)
                    try goOn()
                }
            }
        } catch is Enough {}
        return report
    }

    /// Removes one session; what only it needed goes with the next tidying.
    ///
    /// Throws for the one that resumes, and for one that others require.
    public func removeSession(_ number: Int) throws {
        let subject = "session \(number) of pod \(name)"
        let all = try sessions()
        guard all.contains(number) else { throw noSession(number, all) }
        if try currentSessionNumber() == number {
            throw Failure(
                "remove", subject, "it is the one that resumes",
                remedy: "end it first with: mediapod stop --discard \(name)")
        }
        for other in all where other != number {
            // One that is damaged is no reason to keep another.
            guard let needs = try? manifestNeeds(), let requires = needs[other]?.requires else { continue }
            if requires.contains(number) { throw Failure("remove", subject, "session \(other) requires it") }
        }
        try? sealSuspendedLayers()
        var report = TidyReport()
        try remove(session: number, &report)
    }

    /// "pod x has no session 9; there are: 3, 4"
    func noSession(_ number: Int, _ all: [Int]) -> Failure {
        let there = all.isEmpty ? "there are none" : "there are: \(all.map(String.init).joined(separator: ", "))"
        return Failure(sentence: "pod \(name) has no session \(number)", remedy: there)
    }

    private func remove(session number: Int, _ report: inout TidyReport) throws {
        let bytes = (try? Files.treeBytes(sessionFolder(number)).allocated) ?? 0
        // Its number is not given out again: layers say which session they were begun on.
        if try sessions().last == number, try highestSession() < number { try setHighestSession(number) }
        try removeSessions { $0 != number }
        report.sessions.append(number)
        report.freedBytes += bytes
    }

    /// Writes down of the layers that sessions were suspended with that they are, and how large: they do not change any
    /// more, and when their sessions are gone nobody else can tell.
    func sealSuspendedLayers() throws {
        for layer in Set(try manifestNeeds().values.flatMap { try presentLayers(of: $0.layers) }) {
            var record = try record(ofLayer: layer)
            guard !record.isSealed || record.bytes == nil, Files.isFolder(layerFolder(layer)) else { continue }
            record.bytes = try bytes(ofLayer: layer)
            record.isSealed = true
            try save(record, ofLayer: layer)
        }
    }

    private func removeUnneededLayers(_ report: inout TidyReport, _ goOn: () throws -> Void) throws {
        for (layer, record) in try unneededLayers() {
            guard try record.isSealed || isLayerEmpty(layer) else { continue }
            report.freedBytes += try bytes(ofLayer: layer)
            try removeLayer(layer)
            report.layers.append(layer)
            try goOn()
        }
    }

    private func removePartialLayers() throws {
        let names = try attempt("read", "the layers of pod \(name)") { () throws(Errno) in
            try Files.list(layersFolder)
        }
        for name in names where name.hasPrefix(".") && name.hasSuffix(".partial") {
            try Files.removeTree(layersFolder.appending(name))
        }
    }

    // MARK: - Merging

    /// Two layers that every stack has together or not at all, the second right above the first.
    func mergeableLayers() throws -> (lower: Int, upper: Int)? {
        var above: [Int: Set<Int?>] = [:]
        var below: [Int: Set<Int?>] = [:]
        for stack in try neededStacks() {
            for (index, layer) in stack.enumerated() {
                above[layer, default: []].insert(index + 1 < stack.count ? stack[index + 1] : nil)
                below[layer, default: []].insert(index > 0 ? stack[index - 1] : nil)
            }
        }
        for layer in above.keys.sorted() {
            guard let neighbours = above[layer], neighbours.count == 1, let upper = neighbours.first ?? nil,
                below[upper] == [layer], try record(ofLayer: layer).isSealed, try record(ofLayer: upper).isSealed
            else { continue }
            return (layer, upper)
        }
        return nil
    }

    private func merge(
        _ upper: Int, into lower: Int, _ report: inout TidyReport, _ goOn: () throws -> Void
    ) throws {
        let scratch = layersFolder.appending(".merge.partial")
        let subject = "layers \(lower) and \(upper) of pod \(name)"
        try attempt("merge", subject) { () throws(Errno) in
            try Files.makeFolder(scratch, permissions: .ownerReadWriteExecute)
        }
        defer { try? Files.removeTree(scratch) }
        var freed: UInt64 = 0
        do {
            freed = try withoutActuallyEscaping(goOn) { goOn in
                try LayerMerge.run(
                    layerFolder(upper).appending("upper"), into: layerFolder(lower).appending("upper"),
                    scratch: scratch, beforeChange: goOn)
            }
            // All of it, before anything says so.
            try Files.syncFileSystem(at: layersFolder)
        } catch let error as Errno {
            throw Failure("merge", subject, error)
        }
        let bytes = try bytes(ofLayer: lower) + bytes(ofLayer: upper)
        var record = try record(ofLayer: lower)
        record.merged = try record.merged + [upper] + self.record(ofLayer: upper).merged
        // Those that nobody names any more are nobody's.
        let named = Set(try manifestNeeds().values.flatMap(\.layers) + fileStack())
        record.merged.removeAll { !named.contains($0) }
        record.bytes = bytes - min(freed, bytes)
        try save(record, ofLayer: lower)
        try removeLayer(upper)
        report.merged.append(upper)
        report.freedBytes += freed
    }
}
