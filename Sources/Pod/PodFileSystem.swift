internal import Glibc
public import LinuxSystem
public import SystemPackage

/// A pod's root file system on this host: the base, read-only and shifted to the pod's users, under sealed layers, under
/// a writable one.
public struct PodFileSystem: Sendable {
    public var image: FilePath
    /// Folders with `upper` and `work`, lowest first; the last one is written to.
    public var layers: [FilePath]
    public var uidBase: UInt32
    public var uidCount: UInt32

    public init(image: FilePath, layers: [FilePath], uidBase: UInt32, uidCount: UInt32) {
        self.image = image
        self.layers = layers
        self.uidBase = uidBase
        self.uidCount = uidCount
    }

    /// Mounts it in the pod's folder.
    ///
    /// - Parameter writable: without it the topmost layer is only read, too, and there need be none.
    public func mount(in folder: PodFolder, writable: Bool = true) throws {
        do {
            try Files.ensureFolder(folder.base, mode: 0o711)
            try Files.ensureFolder(folder.root, mode: 0o711)
            var mounts = MountStack()
            let map = try Namespaces.userMap(base: uidBase, count: uidCount)
            try Mounts.squashfs(image: image, at: folder.base, map: map)
            mounts.add(folder.base)
            let top = writable ? layers.last : nil
            let sealed = (writable ? layers.dropLast() : layers[...]).map { $0.appending("upper") }
            try Mounts.overlay(
                lower: sealed.reversed() + [folder.base], upper: top?.appending("upper"), work: top?.appending("work"),
                at: folder.root)
            mounts.add(folder.root)
            mounts.keep()
        } catch let error as Mounts.Problem {
            throw Failure("mount", "the files of pod \(folder.name)", "\(error)", cause: error.error)
        } catch let error as Errno {
            throw Failure("mount", "the files of pod \(folder.name)", error)
        }
    }

    /// Opens the root folder of all layers, to read only. Nothing is left to clean up: an open folder holds its mount.
    public func openForReading(in runtime: RuntimeFolder) throws -> OpenFolder {
        let place = PodFolder(runtime: runtime, name: ".reading-\(getpid())")
        do {
            try Files.makeFolders(place.path, permissions: .init(rawValue: 0o711))
            defer {
                try? Self.unmount(in: place)
                try? Files.removeTree(place.path)
            }
            // An overlay is of two folders at least.
            if layers.isEmpty {
                try Files.ensureFolder(place.base, mode: 0o711)
                let map = try Namespaces.userMap(base: uidBase, count: uidCount)
                try Mounts.squashfs(image: image, at: place.base, map: map)
            } else {
                try mount(in: place, writable: false)
            }
            return try OpenFolder(layers.isEmpty ? place.base : place.root)
        } catch let error as Mounts.Problem {
            throw Failure("mount", "the base", "\(error)", cause: error.error)
        } catch let error as Errno {
            throw Failure("mount", "the files of a pod", error)
        }
    }

    /// Takes both mounts away again.
    public static func unmount(in folder: PodFolder) throws {
        do throws(Mounts.Problem) {
            try Mounts.detach(folder.root)
            try Mounts.detach(folder.base)
        } catch {
            throw Failure("unmount", "the files of pod \(folder.name)", "\(error)", cause: error.error)
        }
    }

    /// Makes a writable layer's /run and /tmp empty, as a machine's are after it starts.
    public func clearVolatileFolders() throws {
        guard let top = layers.last?.appending("upper") else { return }
        for (name, mode) in [("run", UInt32(0o755)), ("tmp", 0o1777)] {
            let folder = top.appending(name)
            try Files.removeTree(folder)
            try attempt("empty", "/\(name) of the pod") { () throws(Errno) in
                try Files.ensureFolder(folder, mode: mode, owner: uidBase, group: uidBase)
                try Files.makeOpaque(folder)
            }
        }
    }
}
