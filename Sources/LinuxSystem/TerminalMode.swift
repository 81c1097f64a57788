internal import CLinux

/// A terminal in raw mode, for as long as this value lives.
public final class TerminalMode {
    private let descriptor: Int32

    /// `nil` when it is no terminal.
    public init?(raw descriptor: Int32) {
        guard csys_terminal_raw(descriptor) >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit { _ = csys_terminal_restore(descriptor) }

    /// In characters; `nil` when it is no terminal.
    public static func size(of descriptor: Int32) -> (rows: UInt16, columns: UInt16)? {
        var rows: UInt16 = 0
        var columns: UInt16 = 0
        return csys_window_size(descriptor, &rows, &columns) < 0 ? nil : (rows, columns)
    }
}
