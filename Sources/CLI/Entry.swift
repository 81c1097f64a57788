public import ArgumentParser
internal import Glibc
internal import LinuxSystem

/// What every program here does around its commands: run the one that was asked for, say what went wrong in one line,
/// and end with an exit code that scripts may rely on.
///
///     0   done
///     1   could not be done; one line on standard error says why
///     64  used wrongly
public enum Entry {
    /// Runs the command that the arguments name, on the main thread: what a command sets for its thread (signals,
    /// capabilities) then holds for every thread that follows. Does not return.
    public static func run(_ root: any ParsableCommand.Type) -> Never {
        do {
            var command = try root.parseAsRoot()
            try command.run()
        } catch {
            end(root, with: error)
        }
        Glibc.exit(0)
    }

    /// The exit code for an error that is neither usage nor a command's own.
    static let failed: Int32 = 1

    private static func end(_ root: any ParsableCommand.Type, with error: any Error) -> Never {
        // ArgumentParser's own: help, version, usage, and a command's wish for an exit code.
        if error is ExitCode || error is CleanExit || error is ValidationError || root.exitCode(for: error) != .failure
        {
            root.exit(withError: error)
        }
        Terminal.sayError("\(error)")
        Glibc.exit(failed)
    }
}

/// Runs `body`, after a failure of which the program ends with `code` instead of 1: for commands whose other exit codes
/// are those of a program in a pod.
public func endingWith<Result>(_ code: Int32, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let failure as Failure {
        Terminal.sayError("\(failure)")
        throw ExitCode(code)
    }
}
