internal import CLinux
internal import Glibc
public import LinuxSystem

extension Terminal {
    /// Asks a person for a passphrase at this process's terminal, whatever its standard input and output are; nothing of
    /// it is shown. `nil` when there is no terminal.
    ///
    /// - Parameter confirming: it is new: what is typed twice has to be the same.
    public static func askPassphrase(_ prompt: String, confirming: Bool) throws(Failure) -> Secret? {
        let number = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        let terminal = OwnedDescriptor(adopting: number)
        let secret = try readPassphrase("\(prompt): ", at: terminal)
        if confirming {
            guard try readPassphrase("once more: ", at: terminal).isEqual(to: secret) else {
                throw Failure(sentence: "the two passphrases differ")
            }
        }
        return secret
    }

    private static func readPassphrase(_ prompt: String, at terminal: borrowing OwnedDescriptor) throws(Failure)
        -> Secret
    {
        put(prompt, to: terminal)
        // Raw: with signals on, Ctrl-C would leave the terminal silent behind us.
        let mode = TerminalMode(raw: terminal.number)
        defer {
            withExtendedLifetime(mode) {}
            put("\r\n", to: terminal)
        }
        var typed: [UInt8] = []
        defer { typed.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
        typed.reserveCapacity(Secret.limit + 1)
        while true {
            var byte: UInt8 = 0
            let count = read(terminal.number, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            switch byte {
            case _ where count <= 0, Key.interrupt, Key.endOfInput, Key.quit:
                throw Failure(sentence: "interrupted at the passphrase")
            case Key.carriageReturn, Key.lineFeed:
                return try secret(typed, "what was typed")
            case Key.backspace, Key.delete:
                if !typed.isEmpty { typed.removeLast() }
            case Key.eraseLine:
                typed.removeAll(keepingCapacity: true)
            default:
                if typed.count <= Secret.limit { typed.append(byte) }
            }
        }
    }

    private static func put(_ text: String, to terminal: borrowing OwnedDescriptor) {
        var text = text
        let number = terminal.number
        text.withUTF8 { _ = write(number, $0.baseAddress, $0.count) }
    }

    package static func secret(_ bytes: some Collection<UInt8>, _ place: String) throws(Failure) -> Secret {
        guard let secret = Secret(bytes) else {
            throw Failure(
                "the passphrase", "\(place) is empty, longer than \(Secret.limit) bytes, or has control characters")
        }
        return secret
    }

    private enum Key {
        static let interrupt: UInt8 = 3
        static let endOfInput: UInt8 = 4
        static let backspace: UInt8 = 8
        static let lineFeed: UInt8 = 10
        static let carriageReturn: UInt8 = 13
        static let eraseLine: UInt8 = 21
        static let quit: UInt8 = 28
        static let delete: UInt8 = 127
    }
}
