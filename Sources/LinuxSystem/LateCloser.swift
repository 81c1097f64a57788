internal import Glibc
internal import Synchronization

extension OwnedDescriptor {
    /// Closes it on a thread of its own: for what somebody hostile may have handed over. A close can wait, whatever the
    /// descriptor's flags say: of a TCP socket with SO_LINGER for most of a day, and of a unix socket in whose queue such
    /// a one lies just as long.
    public consuming func closeElsewhere() {
        LateCloser.close(release())
    }
}

/// Threads that close descriptors. A few, so that one that waits does not hold up the rest.
enum LateCloser {
    private static let threads = 4
    /// The pipe through which they are told, 0 reads; `nil` where there was none to be had.
    private static let pipe: (read: Int32, write: Int32)? = {
        guard let ends = try? PipeEnds() else { return nil }
        // Never closed: they live as long as the process.
        let write = ends.write.release()
        let read = ends.read.release()
        var started = 0
        for _ in 0..<threads {
            var thread = pthread_t()
            let reader = UnsafeMutableRawPointer(bitPattern: Int(read))
            let error = pthread_create(
                &thread, nil,
                { reader in
                    LateCloser.serve(Int32(Int(bitPattern: reader)))
                    return nil
                }, reader)
            guard error == 0 else { continue }
            pthread_detach(thread)
            started += 1
        }
        return started > 0 ? (read, write) : nil
    }()

    private static func serve(_ reader: Int32) {
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var number: Int32 = -1
        while read(reader, &number, 4) == 4 { Glibc.close(number) }
    }

    static func close(_ number: Int32) {
        // So that most closes are over at once; the other end may turn it on again.
        var off = linger(l_onoff: 0, l_linger: 0)
        setsockopt(number, SOL_SOCKET, SO_LINGER, &off, socklen_t(MemoryLayout<linger>.size))
        var number = number
        // A pipe holds more numbers than a process may have descriptors; a write of four bytes is whole or not at all.
        guard let pipe, write(pipe.write, &number, 4) == 4 else {
            Glibc.close(number)
            return
        }
    }
}
