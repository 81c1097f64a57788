public import DeviceStore
internal import LinuxSystem

/// Looks at all that lies on a device under a digest, and changes nothing.
public struct DeviceVerification {
    /// Something on the device, and what was found of it.
    public struct Part: Codable, Sendable {
        public enum Verdict: String, Codable, Sendable {
            /// It is what it was written as.
            case ok
            /// It is what was written there, but what is in it could not be looked into: that takes another key.
            case closed
            /// It is not, or cannot be read.
            case damaged
        }

        /// `base ab12…`, `pod x`, `session 3 of pod x`.
        public var part: String
        public var verdict: Verdict
        /// That were read.
        public var bytes: UInt64
        public var finding: String
    }

    private let device: Device
    private let keys: Keys?
    private let table: FilterTable
    /// Called with what is being looked at, and how far that is.
    private let progress: (_ part: String, _ done: UInt64, _ total: UInt64) -> Void

    /// - Parameter keys: to look into the streams, too; without, they are looked at as they lie there.
    public init(
        _ device: Device, openingWith keys: Keys? = nil, filters table: FilterTable = .ofThisHost,
        progress: @escaping (String, UInt64, UInt64) -> Void = { _, _, _ in }
    ) {
        self.device = device
        self.keys = keys
        self.table = table
        self.progress = progress
    }

    /// Every base, and every session of every pod.
    public func run() throws -> [Part] {
        try device.bases().map(base) + device.pods().flatMap(pod)
    }

    /// One pod with its base.
    public func run(_ pod: PodStore) throws -> [Part] {
        try [base(pod.configuration().base)] + self.pod(pod)
    }

    private func base(_ digest: String) -> Part {
        look("base \(digest.prefix(12))") { name in
            let total = try device.baseBytes(digest)
            guard try device.digestOfBase(digest, progress: { progress(name, $0, total) }) == digest else {
                throw Failure(sentence: "its SHA-256 is not its name")
            }
            return (total, "")
        }
    }

    private func pod(_ pod: PodStore) -> [Part] {
        let subject = "pod \(pod.name)"
        var numbers: [Int] = []
        let own = look(subject) { _ in
            _ = try pod.configuration()
            numbers = try pod.sessions()
            guard let current = try pod.currentSessionNumber() else { return (0, "no session resumes") }
            guard numbers.contains(current) else {
                throw Failure(sentence: "session \(current), which resumes, is not on the device")
            }
            return (0, "session \(current) resumes")
        }
        return [own] + numbers.map { session($0, of: pod) }
    }

    private func session(_ number: Int, of pod: PodStore) -> Part {
        look("session \(number) of pod \(pod.name)") { name in
            let manifest = try pod.manifest(ofSession: number)
            let needed = manifest.requires.map { "needs session \($0)" }.joined()
            let show: SessionStream.Progress = { progress(name, $0, $1) }
            guard let keys else {
                // Without keys: what it needs must be there, and is looked at in its own turn.
                for required in manifest.requires { _ = try pod.manifest(ofSession: required) }
                try StreamReader.verify(manifest, of: pod, progress: show)
                return (manifest.streamBytes, needed)
            }
            do {
                let reader = try StreamReader(manifest, of: pod, filters: table, keys: keys)
                try reader.verifyContents(progress: show)
                return (reader.streamBytes, needed)
            } catch let failure as Failure where failure.cause == .noKey {
                try StreamReader.verify(manifest, of: pod, progress: show)
                throw failure
            }
        }
    }

    private func look(_ part: String, _ body: (String) throws -> (bytes: UInt64, finding: String)) -> Part {
        do {
            let found = try body(part)
            return Part(part: part, verdict: .ok, bytes: found.bytes, finding: found.finding)
        } catch {
            let text = "\(error)"
            let finding = text.hasPrefix("\(part): ") ? String(text.dropFirst(part.count + 2)) : text
            let isClosed = (error as? Failure)?.cause == .noKey
            return Part(part: part, verdict: isClosed ? .closed : .damaged, bytes: 0, finding: finding)
        }
    }
}
