public import DeviceStore
internal import LinuxSystem
public import SoundControl
public import SystemPackage

extension SessionStream {
    /// Writes the images (a folder in memory, the engine's own; `sound.json` is put beside them) and the records to
    /// the writer's `state`. Not synced: the commit does that.
    ///
    /// Throws `Failure` that names the filter at fault, or says what a full device lacks. What was written by then
    /// goes with the writer.
    public static func write(
        images: FilePath, records: SoundRecords?, to writer: SessionWriter, filters: [Filter] = [.zstd],
        progress: @escaping Progress = { _, _ in }
    ) throws -> Summary {
        let subject = "session \(writer.number) of pod \(writer.pod.name)"
        if let records {
            let bytes = try JSONText.encode(records)
            try attempt("write", "the sound records of \(subject)") { () throws(Errno) in
                try Files.write(images.appending(soundFile), bytes, permissions: .ownerReadWrite)
            }
        }
        let total = try attempt("read", "the images of \(subject)") { () throws(Errno) in
            try Files.treeBytes(images).content
        }
        let free = try writer.pod.device.freeBytes()
        let state = try attempt("write", subject) { () throws(Errno) in try StreamFile(writer.stateFile) }

        var pipeline = Pipeline([archive(images)] + filters.map(\.encode), stallLimit: stallLimit)
        // Never beyond the total: the archive has headers, too.
        pipeline.onProgress = { progress(min($0.writtenByFirst, total), total) }
        do {
            try pipeline.run(sink: { try state.append($0) })
        } catch let error as Errno {
            throw Failure.writing(subject, on: writer.pod.device, error, need: total, free: free)
        } catch let failure as Failure {
            throw failure.during("write", subject)
        }
        progress(total, total)
        return Summary(
            imageBytes: total, streamBytes: state.count, sha256: state.digest.hexadecimal, filters: filters.map(\.name))
    }

    private static func archive(_ images: FilePath) -> Command {
        // Records of 256 KiB: tar's 10 KiB would cost four times the system calls.
        let options = ["--create", "--format=gnu", "--numeric-owner", "--sort=name", "--blocking-factor=512"]
        return Command("tar", options + ["--file=-", "--directory=\(images.string)", "."])
    }
}

/// The file that a stream is written to, with the digest of what it holds.
private final class StreamFile {
    private(set) var digest = StreamDigest()
    private(set) var count: UInt64 = 0
    private var started: UInt64 = 0
    private let file: OwnedDescriptor

    /// So much is left to the kernel's own plans at most: a slow device shall be busy from the beginning, not from
    /// the sync at the end. Bytes.
    private static let writeBack: UInt64 = 4 << 20

    init(_ path: FilePath) throws(Errno) {
        file = try Files.openForWriting(path)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try Files.writeAll(file, bytes)
        digest.update(bytes)
        count += UInt64(bytes.count)
        if count - started >= Self.writeBack {
            Files.startWriteBack(file, from: started, count: count - started)
            started = count
        }
    }
}
