public import FoundationEssentials
internal import LinuxSystem
public import SoundControl

/// `manifest.json`: what a suspended session consists of, and what a host has to know before it takes it.
public struct SessionManifest: Codable, Sendable, Equatable, Document {
    static let currentFormat = 3

    public private(set) var formatVersion: Int
    public var id: UUID
    /// The name of its folder; `SessionWriter.number`.
    public var number: Int
    public var createdAt: Date
    /// The host that suspended it, its kernel release and its CRIU's version.
    public var hostname: String
    public var kernel: String
    public var criuVersion: String
    /// SHA-256 of the base file system.
    public var base: String
    /// Lowest first, all sealed.
    public var layers: [Int]
    /// What the stream went through when it was written, in that order.
    public var filters: [String]
    /// Bytes of the images, before any filter.
    public var imageBytes: UInt64
    /// Bytes of `state`, and its SHA-256 in hexadecimal digits.
    public var streamBytes: UInt64
    public var streamSHA256: String
    public var sound: SoundRecords
    /// Files that its programs had mapped, by their paths in the pod: to be read ahead at a resume. In the stream only when
    /// that is encrypted.
    public var mappedFiles: [String]?
    /// Sessions of the same pod whose `state` this one's blocks lie in, too: one, or none for a full session.
    public var requires: [Int] {
        get { required ?? [] }
        set { required = newValue }
    }
    private var required: [Int]?
    /// SHA-256 of the file, with 64 zeros in this place; `nil` before format 2.
    var checksum: String?
    /// Whether it had an interface to the outside, to which sockets may be bound.
    public var hasNetwork: Bool?
    /// The CPUs that its programs were started on.
    public var origins: [ProgramOrigin]?
    /// The register sets that its threads had something in, as bits of XCR0.
    public var registersInUse: UInt64?
    /// The version of the display that its X server has, 0 without one; `nil` of sessions that do not say.
    public var displayVersion: UInt32?

    public init(
        number: Int, hostname: String, kernel: String, criuVersion: String, base: String, layers: [Int],
        filters: [String], imageBytes: UInt64, streamBytes: UInt64, streamSHA256: String, sound: SoundRecords,
        mappedFiles: [String]? = nil, hasNetwork: Bool? = nil, origins: [ProgramOrigin]? = nil,
        registersInUse: UInt64? = nil, displayVersion: UInt32? = nil, requires: [Int] = [], id: UUID = UUID(),
        createdAt: Date = Date()
    ) {
        formatVersion = Self.currentFormat
        self.id = id
        self.number = number
        self.createdAt = JSONText.wholeSeconds(createdAt)
        self.hostname = hostname
        self.kernel = kernel
        self.criuVersion = criuVersion
        self.base = base
        self.layers = layers
        self.filters = filters
        self.imageBytes = imageBytes
        self.streamBytes = streamBytes
        self.streamSHA256 = streamSHA256
        self.sound = sound
        self.mappedFiles = mappedFiles
        required = requires
        self.hasNetwork = hasNetwork
        self.origins = origins
        self.registersInUse = registersInUse
        self.displayVersion = displayVersion
    }

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case createdAt = "created_at"
        case criuVersion = "criu_version"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
        case streamSHA256 = "stream_sha256"
        case mappedFiles = "mapped_files"
        case required = "requires"
        case hasNetwork = "has_network"
        case registersInUse = "registers_in_use"
        case displayVersion = "display_version"
        case id, number, hostname, kernel, base, layers, filters, sound, origins, checksum
    }
}
