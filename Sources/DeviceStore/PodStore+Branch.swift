internal import FoundationEssentials
internal import LinuxSystem
internal import SystemPackage

extension PodStore {
    /// Makes another pod that has one of this one's sessions as its own: it is there whole, or not at all. The caller holds
    /// this pod's lock.
    ///
    /// Nothing is copied: sealed layers and streams never change, so their files get a second name. What the two pods write
    /// from then on lies in layers of their own.
    public func branch(session number: Int, named name: String) throws -> PodStore {
        try device.requireFree(podName: name)
        let manifest = try session(number)
        let layers = try presentLayers(of: manifest.layers)
        try requireLayers(layers)
        // Before they are shared: no fresh run of this pod may write to them any more.
        try sealSuspendedLayers()
        let sessions = Self.closure(of: [number], try manifestNeeds())
        // Whoever makes or removes pods takes unfinished ones for abandoned.
        let lock = try device.lock()
        defer { withExtendedLifetime(lock) {} }
        try device.removeInterrupted()
        let partial = device.podsFolder.appending(".\(name).\(UUID().uuidString).partial")
        defer { try? Files.removeTree(partial) }
        let new = PodStore(device: device, name: name, folder: partial)
        do {
            try Files.makeFolder(partial, permissions: .ownerReadWriteExecute)
            for folder in [new.layersFolder, new.sessionsFolder] {
                try Files.makeFolder(folder, permissions: .ownerReadWriteExecute)
            }
            for layer in layers { try link(layer: layer, into: new) }
            for session in sessions { try link(session: session, into: new) }
            var configuration = try configuration()
            configuration.become(name)
            try new.save(configuration)
            try new.setFileStack(layers)
            try Files.replace(new.currentFile, with: Array("\(number)\n".utf8))
            try Files.syncFileSystem(at: partial)
            let pod = PodStore(device: device, name: name)
            try Files.moveNew(partial, to: pod.folder)
            try Files.syncFolder(device.podsFolder)
            return pod
        } catch let error as Errno {
            throw error == .fileExists
                ? Failure("make", "pod \(name)", "the name is in use") : Failure("make", "pod \(name)", error)
        }
    }

    private func link(layer number: Int, into new: PodStore) throws {
        let place = new.layerFolder(number)
        let scratch = new.folder.appending("scratch")
        for folder in [place, place.appending("upper"), place.appending("work"), scratch] {
            try Files.makeFolder(folder, permissions: .ownerReadWriteExecute)
        }
        _ = try LayerMerge.run(
            layerFolder(number).appending("upper"), into: place.appending("upper"), scratch: scratch)
        try Files.removeTree(scratch)
        try new.save(try record(ofLayer: number), ofLayer: number)
    }

    private func link(session number: Int, into new: PodStore) throws {
        let place = new.sessionFolder(number)
        try Files.makeFolder(place, permissions: .ownerReadWriteExecute)
        let from = try OpenFolder(sessionFolder(number))
        let to = try OpenFolder(place)
        for name in try from.names() { try to.link(name, from: from, as: name) }
    }
}
