public import Glibc
public import LinuxSystem
public import SystemPackage

/// One name at which a layer differs from what lies below it.
public struct LayerChange: Sendable, Equatable {
    public enum Kind: String, Codable, Sendable {
        case added, changed, deleted
    }

    public var kind: Kind
    /// Absolute, in the pod: the kernel's bytes.
    public var path: [UInt8]
}

/// Whoever goes through a layer: its entries in the order in which they can be made again.
public protocol LayerVisitor {
    /// A folder; what is in it follows.
    mutating func enter(_ name: FileName) throws
    /// The end of a folder; `status` is its own.
    mutating func leave(_ status: stat) throws
    /// What is no folder, in the layer's `folder`.
    mutating func file(_ name: FileName, in folder: borrowing OpenFolder, _ status: stat) throws
    mutating func found(_ change: LayerChange) throws
}

/// Goes through a layer beside what lies below it. Both are what a pod wrote: trees of any depth, names of any bytes.
public struct LayerWalk<Visitor: LayerVisitor>: ~Copyable {
    private var visitor: Visitor
    /// In the deepest folder on the way that there is below, too.
    private var below: OpenFolder?
    /// How many of the folders on the way are only in the layer.
    private var foldersOfItsOwn = 0
    private var path: [UInt8] = []

    /// - Parameters:
    ///   - upper: what overlayfs calls an upper folder.
    ///   - below: the files that it lay on; without, what overlayfs noted in the layer has to do.
    public static func run(_ upper: FilePath, below: consuming OpenFolder?, _ visitor: Visitor) throws -> Visitor {
        var walk = LayerWalk(visitor: visitor, below: below)
        try walk.walk(try OpenFolder(upper))
        return walk.visitor
    }

    private init(visitor: Visitor, below: consuming OpenFolder?) {
        self.visitor = visitor
        self.below = below
    }

    private struct Level {
        var folders: [FileName]
        var pathLength: Int
    }

    private mutating func walk(_ folder: consuming OpenFolder) throws {
        var levels = [Level(folders: try visitEntries(of: folder), pathLength: 0)]
        while let level = levels.last {
            guard let name = level.folders.last else {
                let status = try folder.status()
                levels.removeLast()
                path.removeLast(path.count - level.pathLength)
                guard !levels.isEmpty else { return }
                try visitor.leave(status)
                folder = try folder.parent()
                try leaveBelow()
                continue
            }
            levels[levels.count - 1].folders.removeLast()
            let length = path.count
            try visitor.enter(name)
            folder = try folder.folder(name)
            try enterBelow(name)
            path += [UInt8(ascii: "/")] + name.utf8
            levels.append(Level(folders: try visitEntries(of: folder), pathLength: length))
        }
    }

    private mutating func enterBelow(_ name: FileName) throws {
        guard let here = below.take() else { return }
        if foldersOfItsOwn == 0, let status = try here.status(of: name), status.isFolder {
            below = try here.folder(name)
        } else {
            foldersOfItsOwn += 1
            below = consume here
        }
    }

    private mutating func leaveBelow() throws {
        guard let here = below.take() else { return }
        if foldersOfItsOwn == 0 {
            below = try here.parent()
        } else {
            foldersOfItsOwn -= 1
            below = consume here
        }
    }

    /// Gives the folders among them, in reverse order.
    private mutating func visitEntries(of folder: borrowing OpenFolder) throws -> [FileName] {
        let names = try folder.names().sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var folders: [FileName] = []
        for name in names {
            guard let status = try folder.status(of: name) else { continue }
            if Overlay.isWhiteout(status) {
                if try statusBelow(name).map({ $0 != nil }) ?? true { try report(.deleted, name) }
                continue
            }
            if status.isFolder { folders.append(name) } else { try visitor.file(name, in: folder, status) }
            switch try statusBelow(name) {
            case .some(.none): try report(.added, name)
            case .some(.some(let old)):
                if !status.isFolder || !old.isFolder || !status.hasSameMetadata(as: old) { try report(.changed, name) }
            case .none:
                let isOld = Overlay.hasOrigin(name, in: folder)
                if !isOld || !status.isFolder { try report(isOld ? .changed : .added, name) }
            }
        }
        if try Overlay.isOpaque(folder.descriptor), foldersOfItsOwn == 0 {
            for name in try namesBelow() where !names.contains(name) { try report(.deleted, name) }
        }
        return folders.reversed()
    }

    /// What there is below of a name: `.some(nil)` when nothing, `nil` when nobody knows.
    private func statusBelow(_ name: FileName) throws -> stat?? {
        if foldersOfItsOwn > 0 { return .some(nil) }
        switch below {
        case .some(let below): return .some(try below.status(of: name))
        case .none: return nil
        }
    }

    private func namesBelow() throws -> [FileName] {
        switch below {
        case .some(let below): try below.names().sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        case .none: []
        }
    }

    private mutating func report(_ kind: LayerChange.Kind, _ name: FileName) throws {
        try visitor.found(LayerChange(kind: kind, path: path + [UInt8(ascii: "/")] + name.utf8))
    }
}

extension stat {
    fileprivate func hasSameMetadata(as other: stat) -> Bool {
        st_mode == other.st_mode && st_uid == other.st_uid && st_gid == other.st_gid
    }
}
