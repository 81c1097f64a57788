internal import CLinux
internal import Glibc
public import SystemPackage

/// Changes of the names in a folder. None of them is synced.
extension OpenFolder {
    public func makeFolder(_ name: FileName, mode: UInt32 = 0o700) throws(Errno) {
        let folder = number
        try retrying { name.withCString { mkdirat(folder, $0, mode) } }
    }

    /// Gives a file of `other` a second name here; a link is not followed. `EEXIST` when the name is taken.
    public func link(_ name: FileName, from other: borrowing OpenFolder, as newName: FileName) throws(Errno) {
        let (from, to) = (other.number, number)
        try retrying { name.withCString { old in newName.withCString { linkat(from, old, to, $0, 0) } } }
    }

    /// Moves what has a name in `other` here. A file may replace a file.
    public func move(_ name: FileName, from other: borrowing OpenFolder, as newName: FileName) throws(Errno) {
        let (from, to) = (other.number, number)
        try retrying { name.withCString { old in newName.withCString { renameat(from, old, to, $0) } } }
    }

    /// Exchanges what has a name in `other` with what has one here, in one step.
    public func exchange(_ name: FileName, of other: borrowing OpenFolder, with newName: FileName) throws(Errno) {
        let (from, to) = (other.number, number)
        try check(name.withCString { old in newName.withCString { csys_exchange(from, old, to, $0) } })
    }

    /// A symbolic link that leads to `target`, of a user.
    public func makeLink(_ name: FileName, to target: FileName, uid: UInt32, gid: UInt32) throws(Errno) {
        let folder = number
        try retrying { target.withCString { target in name.withCString { symlinkat(target, folder, $0) } } }
        try retrying { name.withCString { fchownat(folder, $0, uid, gid, AT_SYMLINK_NOFOLLOW) } }
    }

    /// Where a symbolic link leads to: a path's bytes, taken as one name.
    public func target(ofLink name: FileName) throws(Errno) -> FileName {
        let folder = number
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        try retrying { name.withCString { readlinkat(folder, $0, &buffer, buffer.count - 1) } }
        return FileName(bytes: buffer)
    }

    /// Removes a file.
    public func remove(_ name: FileName) throws(Errno) {
        let folder = number
        try retrying { name.withCString { unlinkat(folder, $0, 0) } }
    }
}

/// Extended attributes, by their full names: `trusted.overlay.opaque`.
extension OwnedDescriptor {
    public func attributes() throws(Errno) -> [String] {
        var names = [CChar](repeating: 0, count: try check(csys_list_attributes(number, nil, 0)))
        guard !names.isEmpty else { return [] }
        let size = try check(csys_list_attributes(number, &names, names.count))
        return names[..<size].split(separator: 0).map {
            String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// `nil` when there is none of that name.
    public func attribute(_ name: String) throws(Errno) -> [UInt8]? {
        let needed = csys_get_attribute(number, name, nil, 0)
        if needed == -Int(ENODATA) { return nil }
        var value = [UInt8](repeating: 0, count: try check(needed))
        guard !value.isEmpty else { return [] }
        let size = try check(csys_get_attribute(number, name, &value, value.count))
        return Array(value[..<size])
    }

    public func setAttribute(_ name: String, to value: [UInt8]) throws(Errno) {
        try check(csys_put_attribute(number, name, value, value.count))
    }

    public func removeAttribute(_ name: String) throws(Errno) {
        let result = csys_remove_attribute(number, name)
        if result != -ENODATA { try check(result) }
    }
}
