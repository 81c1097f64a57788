public import FoundationEssentials
internal import LinuxSystem
internal import SystemPackage

/// A layer that was written to by a run of the pod that ended without a suspend: its host crashed, or its device was
/// pulled out.
public struct RecoverableLayer: Codable, Sendable, Equatable {
    public var number: Int
    /// What the run went on from; `nil` when it was a fresh one, or nobody knows.
    public var session: Int?
    /// `nil` when nobody knows.
    public var begunAt: Date?
    public var hostname: String?
    public var bytes: UInt64
    /// The layers below it, lowest first, as far as they are there.
    public var below: [Int]

    enum CodingKeys: String, CodingKey {
        case begunAt = "begun_at"
        case number = "layer"
        case session, hostname, bytes, below
    }
}

extension PodStore {
    /// The layers that hold what was written and never suspended, oldest first. Nothing removes them but a person.
    public func recoverableLayers() throws -> [RecoverableLayer] {
        try unneededLayers().compactMap { number, record in
            guard !record.isSealed, try !isLayerEmpty(number) else { return nil }
            let below = record.below.filter { Files.isFolder(layerFolder($0)) }
            return RecoverableLayer(
                number: number, session: record.session, begunAt: record.createdAt, hostname: record.hostname,
                bytes: try bytes(ofLayer: number), below: try presentLayers(of: below))
        }
    }

    /// Layers in no needed stack, nor written to by a pod that runs.
    func unneededLayers() throws -> [(number: Int, record: LayerRecord)] {
        // Also those that were merged: their folders may still have to go.
        let needed = Set(try neededStacks().joined())
        let all = try layers()
        var inUse: Int?
        if let owner = try owner(), owner.life(on: device) != .dead { inUse = owner.layer ?? all.last }
        return try all.filter { !needed.contains($0) && $0 != inUse }.map { ($0, try record(ofLayer: $0)) }
    }

    func isLayerEmpty(_ number: Int) throws -> Bool {
        try attempt("read", "layer \(number) of pod \(name)") { () throws(Errno) in
            try Files.list(layerFolder(number).appending("upper")).isEmpty
        }
    }

    /// What a layer takes up on the device.
    public func bytes(ofLayer number: Int) throws -> UInt64 {
        if let bytes = try record(ofLayer: number).bytes { return bytes }
        return try attempt("read", "layer \(number) of pod \(name)") { () throws(Errno) in
            try Files.treeBytes(layerFolder(number)).allocated
        }
    }
}
