internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What CRIU's images lack or get wrong, put right, and what of a pod they cannot hold, refused (docs/processes.md).
extension CriuImages {
    /// CRIU's `fd_types`.
    enum FileKind {
        static let eventfd: UInt64 = 6
        static let terminal: UInt64 = 11
        static let timerfd: UInt64 = 17
    }

    /// `file_entry` of CRIU's images/fdinfo.proto.
    enum FileEntry {
        static let kind = 1
        static let id = 2
        static let regular = 3
        static let eventfd = 8
        static let timerfd = 12
        static let terminal = 19
    }

    static let files = "files.img"
    static let remaps = "remap-fpath.img"

    /// `remap_file_path_entry` of CRIU's images/remap-file-path.proto.
    enum Remap {
        static let target = 2
        static let kind = 3
        static let linked: UInt64 = 0
    }

    /// After a dump, while the pod's processes still stand still.
    ///
    /// - Parameter timers: whether they need it.
    func mend(of pod: Criu.DumpedPod, timers: Bool) throws {
        if timers { try mendTimers() }
        guard var image = try read(Self.files) else { return }
        let owners = FileOwners(self) { pod.processes }
        let isTimerChanged = Self.mendTimerDescriptors(&image)
        try requireKnownCounters(in: image, owners)
        let isTerminalChanged = try mendTerminals(&image, owners)
        if isTimerChanged || isTerminalChanged { try write(image, Self.files) }
    }

    /// `timerfd_entry`.
    private enum Timer {
        static let clock = 4
        static let ticks = 5
        static let flags = 6
        static let seconds = 7
        static let nanoseconds = 8
        static let intervalSeconds = 9
        static let intervalNanoseconds = 10
    }

    private static let isAbsolute: UInt64 = 1

    /// One that goes off again and again, and has gone off unread, has no time left for the kernel (timerfd's fdinfo), and
    /// CRIU would start it with that: never again. And of what is left of an absolute one CRIU loses the part of a second.
    package static func mendTimerDescriptors(_ image: inout CriuImage) -> Bool {
        var isChanged = false
        for index in image.entries.indices
        where image.entries[index].number(FileEntry.kind) == FileKind.timerfd {
            guard var timer = image.entries[index].message(FileEntry.timerfd) else { continue }
            let before = timer
            func isZero(_ seconds: Int, _ nanoseconds: Int) -> Bool {
                (timer.number(seconds) ?? 0) == 0 && (timer.number(nanoseconds) ?? 0) == 0
            }
            let isOver = isZero(Timer.seconds, Timer.nanoseconds)
            if isOver, !isZero(Timer.intervalSeconds, Timer.intervalNanoseconds), (timer.number(Timer.ticks) ?? 0) > 0 {
                timer.set(timer.number(Timer.intervalSeconds) ?? 0, Timer.seconds)
                timer.set(timer.number(Timer.intervalNanoseconds) ?? 0, Timer.nanoseconds)
            }
            // What is left is a time from now. The time of day keeps its flag, which also tells of a clock that is set.
            if timer.number(Timer.clock) != UInt64(CLOCK_REALTIME), let flags = timer.number(Timer.flags) {
                timer.set(flags & ~isAbsolute, Timer.flags)
            }
            if timer != before {
                image.entries[index].set(timer, FileEntry.timerfd)
                isChanged = true
            }
        }
        return isChanged
    }

    /// Whether a process has a POSIX timer that signals its first thread (SIGEV_THREAD_ID).
    ///
    /// When CRIU 4.2 writes one down it does not know that thread's number yet, and takes what its memory held before: with 0
    /// the dump fails, with all else the timer cannot be made again, unless `mendTimers` puts it right.
    static func needMendedTimers(_ processes: [Int32]) -> Bool {
        processes.contains { process in
            // "notify: signal/tid.8"
            (try? Files.text(FilePath("/proc/\(process)/timers"), limit: 1 << 20))?.contains("/tid.\(process)\n")
                ?? false
        }
    }

    /// What its dump needs in its environment then: glibc leaves no 0 there (mallopt(3)).
    static let environmentForTimers = ["MALLOC_PERTURB_=90"]

    private func mendTimers() throws {
        let (process, threads) = (1, 5)
        for entry in try read("pstree.img")?.entries ?? [] {
            guard let pid = entry.number(process) else { continue }
            let name = "core-\(pid).img"
            guard var image = try read(name) else { continue }
            if Self.mendTimers(&image, ofProcess: pid, threads: Set(entry.numbers(threads))) { try write(image, name) }
        }
    }

    /// - Parameter threads: the process's, by their numbers in the pod.
    package static func mendTimers(_ image: inout CriuImage, ofProcess pid: UInt64, threads: Set<UInt64>) -> Bool {
        let (task, timers, posixTimers, thread) = (3, 7, 4, 11)
        var isChanged = false
        for index in image.entries.indices {
            guard var core = image.entries[index].message(task), var all = core.message(timers) else { continue }
            let isMended = all.change(each: posixTimers) { timer in
                guard let number = timer.number(thread), !threads.contains(number) else { return false }
                timer.set(pid, thread)
                return true
            }
            guard isMended else { continue }
            core.set(all, timers)
            image.entries[index].set(core, task)
            isChanged = true
        }
        return isChanged
    }

    /// CRIU makes an eventfd with a number of 32 bits, and without EFD_SEMAPHORE.
    private func requireKnownCounters(in image: CriuImage, _ owners: FileOwners) throws {
        let counter = 4
        for entry in image.entries where entry.number(FileEntry.kind) == FileKind.eventfd {
            guard let id = entry.number(FileEntry.id), let event = entry.message(FileEntry.eventfd) else { continue }
            if (event.number(counter) ?? 0) > UInt64(UInt32.max) {
                throw Obstacle(try owners.of(id).first?.process, "has an eventfd with a count of more than 32 bits")
            }
            for owner in try owners.of(id) where owner.fdinfo.contains("eventfd-semaphore: 1") {
                throw Obstacle(owner.process, "has an eventfd that is a semaphore (EFD_SEMAPHORE)")
            }
        }
    }
}

/// Who has the files of a dump open.
final class FileOwners {
    struct Owner {
        var process: PodProcess
        /// The number of its descriptor.
        var number: Int32

        /// What the kernel tells of it.
        var fdinfo: String {
            (try? Files.text(FilePath("/proc/\(process.hostPID)/fdinfo/\(number)"), limit: 1 << 16)) ?? ""
        }

        /// A copy of the descriptor; `nil` when its process is gone.
        var copy: OwnedDescriptor? {
            let pidfd = csys_pidfd_open(process.hostPID)
            guard pidfd >= 0 else { return nil }
            defer { close(pidfd) }
            let copy = csys_pidfd_getfd(pidfd, number)
            return copy < 0 ? nil : OwnedDescriptor(adopting: copy)
        }
    }

    private let images: CriuImages
    private let processes: () -> [PodProcess]
    private var owners: [UInt64: [Owner]]?

    init(_ images: CriuImages, _ processes: @escaping () -> [PodProcess]) {
        self.images = images
        self.processes = processes
    }

    /// Those of the file with that id; none of one that is on its way through a socket.
    func of(_ id: UInt64) throws -> [Owner] {
        if owners == nil { owners = try read() }
        return owners?[id] ?? []
    }

    private func read() throws -> [UInt64: [Owner]] {
        let (tableOfFiles, fileID, number) = (2, 1, 4)
        var owners: [UInt64: [Owner]] = [:]
        for process in processes() {
            guard let ids = try images.read("ids-\(process.pid).img")?.entries.first,
                let table = ids.number(tableOfFiles), let image = try images.read("fdinfo-\(table).img")
            else { continue }
            for entry in image.entries {
                guard let id = entry.number(fileID), let number = entry.number(number).flatMap({ Int32(exactly: $0) })
                else { continue }
                owners[id, default: []].append(Owner(process: process, number: number))
            }
        }
        return owners
    }
}
