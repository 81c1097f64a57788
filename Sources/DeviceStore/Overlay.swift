internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What overlayfs writes into its upper folders (Documentation/filesystems/overlayfs.rst), as the engine mounts it:
/// without redirects, metadata-only copies, index and extended inode numbers.
enum Overlay {
    static let opaque = "trusted.overlay.opaque"
    /// Of a file or folder that was copied up: where from.
    static let origin = "trusted.overlay.origin"

    /// Whether an attribute is overlayfs's own.
    static func owns(_ attribute: String) -> Bool { attribute.hasPrefix("trusted.overlay.") }

    /// A character device 0/0: nothing of that name is shown.
    static func isWhiteout(_ status: stat) -> Bool {
        status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0
    }

    /// Whether the folder hides what lies below.
    static func isOpaque(_ folder: borrowing OwnedDescriptor) throws(Errno) -> Bool {
        try folder.attribute(opaque) == [UInt8(ascii: "y")]
    }

    static func makeOpaque(_ folder: borrowing OwnedDescriptor) throws(Errno) {
        try folder.setAttribute(opaque, to: [UInt8(ascii: "y")])
    }

    /// Throws for a folder with what the engine's mounts never write.
    static func requirePlain(_ folder: borrowing OwnedDescriptor) throws(Errno) {
        if try folder.attribute("trusted.overlay.redirect") != nil { throw .notSupported }
        if let value = try folder.attribute(opaque), value != [UInt8(ascii: "y")] { throw .notSupported }
    }

    /// Throws for a file whose content lies in a layer below.
    static func requireWhole(_ name: FileName, in folder: borrowing OpenFolder) throws(Errno) {
        let number = folder.number
        let size = name.withCString { csys_get_attribute_in(number, $0, "trusted.overlay.metacopy", nil, 0) }
        if size >= 0 { throw .notSupported }
    }

    /// Whether a file was copied up, and so changed, rather than made.
    static func hasOrigin(_ name: FileName, in folder: borrowing OpenFolder) -> Bool {
        let number = folder.number
        return name.withCString { csys_get_attribute_in(number, $0, origin, nil, 0) } >= 0
    }
}
