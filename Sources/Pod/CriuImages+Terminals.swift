internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension CriuImages {
    /// `tty_file_entry` of CRIU's images/tty.proto.
    private enum Terminal {
        static let information = 2
        static let regularFile = 6
    }

    /// `tty_info_entry`.
    private enum Information {
        static let id = 1
        static let kind = 2
        /// `EXT_TTY`: one that CRIU was told to leave to others.
        static let external: UInt64 = 5
    }

    private static let information = "tty-info.img"

    /// What `/dev/tty` is called in CRIU's `--external`, on the host whose device it shows.
    ///
    /// CRIU itself dumps it only for a session leader in the foreground, and takes all of a pod for one and the same.
    package static var controllingTerminal: String? {
        var status = stat()
        guard stat("/dev/tty", &status) == 0 else { return nil }
        return "tty[\(String(status.st_rdev, radix: 16)):\(String(status.st_dev, radix: 16))]"
    }

    /// A program that opened `/dev/tty` has the terminal of its session open: a pseudoterminal, that others have open by
    /// its name. The image says that it has opened it by that name, too; nothing else of it can be told from within.
    func mendTerminals(_ image: inout CriuImage, _ owners: FileOwners) throws -> Bool {
        guard var all = try read(Self.information) else { return false }
        let external = Set(
            all.entries.filter { $0.number(Information.kind) == Information.external }
                .compactMap { $0.number(Information.id) })
        guard !external.isEmpty else { return false }
        var regularFiles: [UInt64: UInt64] = [:]
        for entry in image.entries {
            guard let terminal = entry.message(FileEntry.terminal), let id = terminal.number(Terminal.information),
                let file = terminal.number(Terminal.regularFile)
            else { continue }
            regularFiles[id] = file
        }
        for index in image.entries.indices {
            guard var terminal = image.entries[index].message(FileEntry.terminal),
                let id = terminal.number(Terminal.information), external.contains(id),
                let file = image.entries[index].number(FileEntry.id)
            else { continue }
            guard let owner = try owners.of(file).first else {
                throw Obstacle("a terminal is on its way through a socket")
            }
            guard let slave = Self.terminal(of: owner), let regularFile = regularFiles[slave] else {
                throw Obstacle(owner.process, "has /dev/tty open, and nobody has the terminal that it shows")
            }
            terminal.set(slave, Terminal.information)
            terminal.set(regularFile, Terminal.regularFile)
            image.entries[index].set(terminal, FileEntry.terminal)
        }
        all.entries.removeAll { $0.number(Information.kind) == Information.external }
        try write(all, Self.information)
        return true
    }

    /// CRIU's id of the pseudoterminal that a `/dev/tty` shows: twice its number, which is the device's.
    private static func terminal(of owner: FileOwners.Owner) -> UInt64? {
        guard let descriptor = owner.copy else { return nil }
        let number = csys_terminal_number(descriptor.number)
        return number < 0 ? nil : UInt64(number) * 2
    }
}
