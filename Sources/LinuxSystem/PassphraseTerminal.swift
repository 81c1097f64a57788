internal import CLinux
internal import Glibc
internal import SystemPackage

/// The terminal at which a program is told a passphrase. Programs that read one from `/dev/tty` and nowhere else do so for
/// a good reason: command lines, environments and files are seen by others.
final class PassphraseTerminal {
    /// Of the program's end.
    let name: String
    private let master: OwnedDescriptor

    /// What it is told lies ready before it asks; it may ask twice, and finds the end of input after that.
    init(telling secret: Secret) throws(Errno) {
        var buffer = [CChar](repeating: 0, count: 128)
        let master = OwnedDescriptor(adopting: try check(csys_open_terminal(&buffer, buffer.count)))
        name = buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let told = secret.withBytes { bytes in
            Result { () throws(Errno) in
                for _ in 0..<2 {
                    try Files.writeAll(master, bytes)
                    try Self.write([UInt8(ascii: "\n")], to: master)
                }
                try Self.write([Self.endOfInput], to: master)
            }
        }
        try told.get()
        self.master = master
    }

    /// Ctrl-D.
    private static let endOfInput: UInt8 = 4

    private static func write(_ bytes: [UInt8], to master: borrowing OwnedDescriptor) throws(Errno) {
        let number = master.number
        _ = try retrying { Glibc.write(number, bytes, bytes.count) }
    }
}
