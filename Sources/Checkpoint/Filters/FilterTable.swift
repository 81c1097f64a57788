internal import DeviceStore
internal import Glibc
public import LinuxSystem
public import SystemPackage

/// The filters of a host: those that come with MediaPod, and those that its administrator defined. A device only names
/// filters; which programs run for a name is decided here.
public struct FilterTable: Sendable {
    private let folder: FilePath
    private let builtIn: [Filter]
    private let upgrades: Upgrades

    /// - Parameters:
    ///   - folder: where definitions lie, `NAME.json` each; need not be there.
    ///   - program: what turns older formats into today's: `mediapod`, which this process is in general.
    public init(
        folder: FilePath, builtIn: [Filter] = [.zstd, .lz4, .age], upgradesBy program: FilePath = "/proc/self/exe"
    ) {
        self.folder = folder
        self.builtIn = builtIn
        upgrades = Upgrades(program: program)
    }

    /// `/etc/mediapod/filters.d`, or where `MEDIAPOD_FILTERS` says.
    public static var ofThisHost: FilterTable {
        FilterTable(
            folder: FilePath(getenv("MEDIAPOD_FILTERS").map { String(cString: $0) } ?? "/etc/mediapod/filters.d"))
    }

    /// Throws when there is none of that name, or its definition cannot be trusted or read.
    public func filter(_ name: String) throws(Failure) -> Filter {
        try FilterChoice.requireName(name)
        if let filter = builtIn.first(where: { $0.name == name }) { return filter }
        if let filter = try FilterDefinition.read(name, in: folder) { return filter }
        throw Failure(
            Filter.label(name), "there is none of that name on this host",
            remedy: "there are: \(names.joined(separator: ", ")); define it in \(folder.string)/\(name).json")
    }

    public var names: [String] {
        let defined = ((try? Files.list(folder)) ?? []).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
        return Set(builtIn.map(\.name) + defined.filter { (try? FilterChoice.requireName($0)) != nil }).sorted()
    }

    /// For writing; empty is no filter at all.
    public func chain(_ choices: [FilterChoice]) throws(Failure) -> FilterChain {
        var links: [FilterChain.Link] = []
        for choice in choices { links.append(.init(filter: try filter(choice.name), argument: choice.argument)) }
        return FilterChain(links: links)
    }

    /// The programs that undo what a stream went through and make today's format of it, in the order in which they run.
    func decoders(of manifest: SessionManifest, _ keys: Keys) throws -> [Command] {
        try manifest.filters.reversed().map { try filter($0).decode(keys) }
            + upgrades.commands(from: manifest.formatVersion)
    }
}

/// Filters one after the other, as a stream goes through them on its way to the device.
public struct FilterChain: Sendable {
    struct Link: Sendable {
        var filter: Filter
        var argument: String?
    }

    let links: [Link]

    init(links: [Link]) { self.links = links }

    /// As a manifest has them.
    public var names: [String] { links.map(\.filter.name) }

    var encrypts: Bool { links.contains { $0.filter.encrypts } }

    var hasPassphrase: Bool { links.contains { $0.filter.beginsSlowly($0.argument) } }

    /// Whether the last one's output says when it is ready, long after its start.
    var isSlowToBegin: Bool { links.last.map { $0.filter.beginsSlowly($0.argument) } ?? false }

    /// The programs; asks for what is secret.
    func encoders(_ keys: Keys) throws -> [Command] {
        try links.map { try $0.filter.encode($0.argument, keys) }
    }
}
