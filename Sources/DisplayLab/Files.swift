public import LinuxSystem
public import SystemPackage

/// What a file says; nothing where there is none.
public func text(of file: FilePath) -> String {
    String(decoding: (try? Files.read(file, limit: 1 << 22)) ?? [], as: UTF8.self)
}

/// Starts a program whose input is empty and whose output goes to files.
public func start(_ command: [String], environment: [String]? = nil, output: FilePath, error: FilePath) throws
    -> ChildProcess
{
    let outputFile = try Files.openForWriting(output)
    let errorFile = try Files.openForWriting(error)
    let null = try Files.openForReading("/dev/null")
    return try ChildProcess(
        Command(command[0], Array(command.dropFirst()), environment: environment), input: null.number,
        output: outputFile.number, error: errorFile.number)
}
