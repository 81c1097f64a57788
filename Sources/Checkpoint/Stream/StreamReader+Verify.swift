public import DeviceStore
internal import LinuxSystem

extension StreamReader {
    /// Reads a session's own stream as it lies on the device; throws if it is not what the manifest says. Needs no key.
    public static func verify(
        _ manifest: SessionManifest, of pod: PodStore, progress: @escaping SessionStream.Progress = { _, _ in }
    ) throws {
        do {
            let state = try StateReader(manifest, of: pod)
            while try state.next() != nil { progress(state.count, manifest.streamBytes) }
        } catch let failure as Failure {
            throw failure.of("session \(manifest.number) of pod \(pod.name)")
        }
    }

    /// Does all that a resume does with the streams but to keep what comes out: the filters are undone, what encryption
    /// covers is authenticated, each block of a full session is compared with its digest, and of another one every block
    /// is found.
    public func verifyContents(progress: @escaping SessionStream.Progress = { _, _ in }) throws {
        do {
            let progress = Counter(of: streamBytes, progress)
            guard let full else {
                let blocks = BlockVerifier()
                _ = try read(part, blocks, progress)
                return try blocks.finish(manifest)
            }
            let files = ImageFiles(in: nil)
            let delta = DeltaImages(files)
            try read(part, delta, progress).requireFull(full.manifest)
            do {
                let blocks = BlockVerifier()
                _ = try read(full, blocks, progress)
                try blocks.finish(full.manifest)
                try blocks.requireBlocks(for: delta.gaps)
            } catch let failure as Failure {
                throw failure.of("session \(full.manifest.number), whose blocks it needs")
            }
            try files.finish(manifest)
        } catch {
            throw inWords(error)
        }
    }
}
