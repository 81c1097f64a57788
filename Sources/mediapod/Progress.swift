internal import CLI
internal import Glibc
internal import LinuxSystem
internal import Session
internal import SystemPackage

/// Shows how far a suspend or resume is, and hears Ctrl-C.
final class Progress {
    let line: ProgressLine

    init(_ options: ProgressOptions) { line = ProgressLine(options.progress) }

    /// With signals of its own.
    func observer() throws -> Observer {
        let signals = try attempt("read", "signals") { () throws(Errno) in
            try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        }
        return observer(signals: signals)
    }

    func observer(signals: SignalDescriptor?) -> Observer {
        Observer(
            stage: { [line] in line.stage($0) },
            bytes: { [line] in line.update(done: $0, total: $1) },
            isInterrupted: { signals?.next() != nil })
    }
}

/// "12 ms"
func milliseconds(_ value: Double) -> String {
    "\(Int(value.rounded())) ms"
}
