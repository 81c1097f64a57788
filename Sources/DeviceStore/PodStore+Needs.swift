internal import LinuxSystem
internal import SystemPackage

/// As much of a manifest as says what must not go.
struct ManifestNeeds: Document {
    static let currentFormat = SessionManifest.currentFormat
    var formatVersion: Int
    var base: String
    /// Lowest first.
    var layers: [Int]
    /// Sessions whose `state` this one's is told by; empty or `nil` when it is whole by itself.
    var requires: [Int]?

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case base, layers, requires
    }
}

extension PodStore {
    /// What every session there is needs. Throws when one cannot be read: what it needs nobody knows then.
    func manifestNeeds() throws -> [Int: ManifestNeeds] {
        var needs: [Int: ManifestNeeds] = [:]
        for number in try sessions() { needs[number] = try manifestNeeds(ofSession: number) }
        return needs
    }

    private func manifestNeeds(ofSession number: Int) throws -> ManifestNeeds {
        try DocumentFile.read(
            ManifestNeeds.self, sessionFolder(number).appending("manifest.json"),
            name: "session \(number) of pod \(name)")
    }

    /// The sessions whose state this one's is told by.
    public func requiredSessions(of number: Int) throws -> [Int] {
        try manifestNeeds(ofSession: number).requires ?? []
    }

    /// The session that a layer was begun on; `nil` when there was none, or nobody knows.
    public func sessionBelow(layer number: Int) throws -> Int? { try record(ofLayer: number).session }

    /// How many sessions the pod keeps from now on.
    public func setKeep(_ count: Int) throws {
        var configuration = try configuration()
        guard configuration.keptSessions != count else { return }
        configuration.keep = count
        try save(configuration)
    }

    /// The sessions that stay: the newest `keep`, the one that resumes, and those that these require.
    func neededSessions(keep: Int) throws -> Set<Int> {
        let needs = try manifestNeeds()
        var needed = Set(needs.keys.sorted().suffix(keep))
        if let current = try currentSessionNumber() { needed.insert(current) }
        return Self.closure(of: needed, needs)
    }

    /// With all that is required by these, by those, and so on.
    static func closure(of sessions: Set<Int>, _ needs: [Int: ManifestNeeds]) -> Set<Int> {
        var needed = sessions
        var open = Array(sessions)
        while let session = open.popLast() {
            for required in needs[session]?.requires ?? [] where needed.insert(required).inserted {
                open.append(required)
            }
        }
        return needed
    }

    /// The stacks of layers, lowest first, that must show tomorrow what they show today: those of all sessions, and the
    /// one that a fresh run begins on. Without the layers that were merged.
    func neededStacks() throws -> [[Int]] {
        var stacks = Set(try manifestNeeds().values.map(\.layers))
        stacks.insert(try fileStack())
        return try stacks.map(presentLayers).filter { !$0.isEmpty }
    }
}
