internal import Glibc
internal import LinuxSystem
package import SystemPackage

/// Puts the files of an overlay layer into the one below it.
///
/// The upper layer is not changed, and the lower one only where the upper one hides it: at every moment the two, stacked,
/// show what they showed before, so a merge may be cut off anywhere and begun again, and what has been mounted of them
/// since has lost nothing. When all is done the lower one alone shows what both did. Nothing may have the layers mounted.
///
/// Files are not copied but given a second name: what programs had open stays the same file, and a merge takes as long as
/// the upper layer has files, however large they or the lower layer are.
package struct LayerMerge: ~Copyable {
    private let scratch: OpenFolder
    private let beforeChange: () throws -> Void
    private var lastName = 0
    private var freed: UInt64 = 0

    /// - Parameters:
    ///   - upper: what overlayfs calls an upper folder; the same for `lower`.
    ///   - scratch: an empty folder beside them; what is in it afterwards is no longer needed.
    ///   - beforeChange: called before each change of `lower`; what it throws ends the merge.
    /// - Returns: bytes that went, with what is in `scratch`.
    package static func run(
        _ upper: FilePath, into lower: FilePath, scratch: FilePath, beforeChange: @escaping () throws -> Void = {}
    ) throws -> UInt64 {
        var merge = LayerMerge(scratch: try OpenFolder(scratch), beforeChange: beforeChange)
        try merge.walk(try OpenFolder(upper), try OpenFolder(lower))
        return try merge.freed + Files.treeBytes(scratch).allocated
    }

    private init(scratch: consuming OpenFolder, beforeChange: @escaping () throws -> Void) {
        self.scratch = scratch
        self.beforeChange = beforeChange
    }

    /// A folder on the way down to where the merge is.
    private struct Level {
        /// Those still to be gone into.
        var folders: [FileName]
        /// Whether nothing below the lower layer shows through here.
        var isOpaque: Bool
    }

    /// With two open folders, whatever the depth.
    private mutating func walk(_ upper: consuming OpenFolder, _ lower: consuming OpenFolder) throws {
        var levels = [try mergeEntries(of: upper, into: lower, isOpaque: false)]
        while let level = levels.last {
            if let name = level.folders.last {
                levels[levels.count - 1].folders.removeLast()
                upper = try upper.folder(name)
                lower = try lower.folder(name)
                levels.append(try mergeEntries(of: upper, into: lower, isOpaque: level.isOpaque))
            } else {
                freed += UInt64(clamping: try upper.status().st_blocks) * 512
                try copyMetadata(from: upper, to: lower)
                levels.removeLast()
                if levels.isEmpty { return }
                upper = try upper.parent()
                lower = try lower.parent()
            }
        }
    }

    /// All but what lies in folders, which are there in `lower` afterwards.
    private mutating func mergeEntries(
        of upper: borrowing OpenFolder, into lower: borrowing OpenFolder, isOpaque: Bool
    ) throws -> Level {
        try Overlay.requirePlain(upper.descriptor)
        try Overlay.requirePlain(lower.descriptor)
        let isOpaque = try isOpaque || Overlay.isOpaque(lower.descriptor)
        var folders: [FileName] = []
        for name in try upper.names() {
            guard let new = try upper.status(of: name) else { continue }
            let old = try lower.status(of: name)
            if new.isFolder {
                try mergeFolder(name, of: upper, into: lower, over: old)
                folders.append(name)
            } else if Overlay.isWhiteout(new), isOpaque {
                // There is nothing left for it to hide.
                if let old { try remove(name, old, from: lower) }
            } else if let old {
                try replace(name, old, in: lower, byFile: new, of: upper)
            } else {
                try beforeChange()
                try lower.link(name, from: upper, as: name)
            }
        }
        return Level(folders: folders, isOpaque: isOpaque)
    }

    /// Sees to it that there is a folder in `lower` which shows as much of what lies below as that of `upper` does.
    private mutating func mergeFolder(
        _ name: FileName, of upper: borrowing OpenFolder, into lower: borrowing OpenFolder, over old: stat?
    ) throws {
        let hidesAll = try Overlay.isOpaque(upper.folder(name).descriptor)
        if let old, old.isFolder, !hidesAll { return }
        // Whole before it has its name: a folder that should be opaque and is not shows what was deleted.
        let new = newName()
        try beforeChange()
        try scratch.makeFolder(new)
        if hidesAll || old != nil { try Overlay.makeOpaque(scratch.folder(new).descriptor) }
        guard let old else { return try lower.move(new, from: scratch, as: name) }
        try lower.exchange(new, of: scratch, with: name)
        if !old.isFolder { try drop(new, old) }
    }

    private mutating func replace(
        _ name: FileName, _ old: stat, in lower: borrowing OpenFolder, byFile new: stat,
        of upper: borrowing OpenFolder
    ) throws {
        if new.isSameFile(as: old) || Overlay.isWhiteout(new) && Overlay.isWhiteout(old) { return }
        try Overlay.requireWhole(name, in: upper)
        let link = newName()
        try beforeChange()
        try scratch.link(name, from: upper, as: link)
        if old.isFolder {
            try lower.exchange(link, of: scratch, with: name)
        } else {
            try lower.move(link, from: scratch, as: name)
            count(old)
        }
    }

    private mutating func remove(_ name: FileName, _ old: stat, from lower: borrowing OpenFolder) throws {
        try beforeChange()
        if old.isFolder { return try scratch.move(name, from: lower, as: newName()) }
        try lower.remove(name)
        count(old)
    }

    private mutating func drop(_ name: FileName, _ old: stat) throws {
        try scratch.remove(name)
        count(old)
    }

    private mutating func count(_ removed: stat) {
        if removed.st_nlink == 1 { freed += UInt64(clamping: removed.st_blocks) * 512 }
    }

    private mutating func newName() -> FileName {
        lastName += 1
        return FileName(String(lastName))
    }

    /// Owner, mode, attributes and times. Hidden by `upper`'s until that goes.
    private func copyMetadata(from upper: borrowing OpenFolder, to lower: borrowing OpenFolder) throws {
        try beforeChange()
        let names = try upper.descriptor.attributes()
        for name in try lower.descriptor.attributes() where !names.contains(name) && !Overlay.owns(name) {
            try lower.descriptor.removeAttribute(name)
        }
        for name in names where name != Overlay.opaque {
            if let value = try upper.descriptor.attribute(name) { try lower.descriptor.setAttribute(name, to: value) }
        }
        let status = try upper.status()
        let number = lower.number
        try retrying { fchown(number, status.st_uid, status.st_gid) }
        // After the owner, whose change takes bits away, and the ACL, whose mask it sets as it is.
        try retrying { fchmod(number, status.st_mode & 0o7777) }
        let times = [status.st_atim, status.st_mtim]
        try retrying { futimens(number, times) }
    }
}

extension stat {
    var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
    func isSameFile(as other: stat) -> Bool { st_ino == other.st_ino && st_dev == other.st_dev }
}
