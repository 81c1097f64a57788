internal import CLinux
internal import Glibc
public import SystemPackage

/// Signals that are read instead of acted upon, for as long as the process lives; whoever reads first has one.
public final class SignalDescriptor {
    private let file: OwnedDescriptor

    /// For poll(2): readable when one has come.
    public var descriptor: Int32 { file.number }

    public init(_ signals: [Int32]) throws(Errno) {
        file = OwnedDescriptor(adopting: try check(csys_signal_descriptor(signals, signals.count)))
    }

    /// The next signal that has come; `nil` when none has.
    public func next() -> Int32? {
        let number = csys_next_signal(file.number)
        return number > 0 ? number : nil
    }
}
