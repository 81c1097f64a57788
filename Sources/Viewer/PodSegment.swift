internal import LinuxSystem

/// A pod's memory, which the host's X server has mapped to read from it.
final class PodSegment {
    let object: DisplayObject
    let segment: HostSegment

    /// `nil` where the server cannot, or might not survive what a pod may do to its file.
    fileprivate init?(_ host: HostDisplay, _ object: DisplayObject) {
        guard host.isGuarded, let segment = HostSegment(host, object.file, start: object.memory.start) else {
            return nil
        }
        (self.object, self.segment) = (object, segment)
    }
}

/// What of a pod's memory the host's X server has mapped. Who gets none gives the server copies.
final class PodAttachment {
    private let host: HostDisplay
    private var last: (object: DisplayObject, segment: PodSegment?)?

    init(_ host: HostDisplay) { self.host = host }

    /// This object's, attached when it is asked for first.
    func segment(of object: DisplayObject) -> PodSegment? {
        if let last, last.object === object { return last.segment }
        let segment = PodSegment(host, object)
        last = (object, segment)
        return segment
    }

    /// The server found it cut: never again for this object. False when it had none.
    func lose() -> Bool {
        guard let last, last.segment != nil else { return false }
        self.last = (last.object, nil)
        return true
    }
}
