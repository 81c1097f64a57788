internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// An image that is being put together.
struct ImageFile {
    var name: String
    /// Bytes.
    var size: UInt64
}

/// The images of a session, as they are put together in a folder.
final class ImageFiles {
    private let folder: FilePath?
    private var sizes: [String: UInt64] = [:]
    /// Of thousands of images one is open: the one that was written last.
    private var open: (name: String, file: SharedDescriptor)?

    /// - Parameter folder: in memory, empty; `nil` when nothing of them is to be kept.
    init(in folder: FilePath?) { self.folder = folder }

    /// An image that is to be written; zeros where nothing is written.
    func make(_ name: String, size: UInt64) throws -> ImageFile {
        guard sizes.updateValue(size, forKey: name) == nil else {
            throw Failure(sentence: "it has the image \(name) twice")
        }
        guard let folder else { return ImageFile(name: name, size: size) }
        // CRIU opens the images as the pod's root.
        let file = SharedDescriptor(
            try Files.openForWriting(folder.appending(name), permissions: .init(rawValue: 0o644)))
        try retrying { ftruncate(file.descriptor.number, off_t(clamping: size)) }
        open = (name, file)
        return ImageFile(name: name, size: size)
    }

    func write(_ bytes: UnsafeRawBufferPointer, to image: ImageFile, at offset: UInt64) throws {
        precondition(offset + UInt64(bytes.count) <= image.size, "what is written was counted")
        guard let folder else { return }
        let number = try file(image, in: folder).descriptor.number
        var rest = bytes
        var offset = offset
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = try retrying { pwrite(number, base, rest.count, off_t(offset)) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            offset += UInt64(count)
        }
    }

    private func file(_ image: ImageFile, in folder: FilePath) throws -> SharedDescriptor {
        if let open, open.name == image.name { return open.file }
        let file = SharedDescriptor(try Files.openForChanging(folder.appending(image.name)))
        open = (image.name, file)
        return file
    }

    func finish(_ manifest: SessionManifest) throws {
        open = nil
        try manifest.requireImageBytes(sizes.values.reduce(0, &+))
    }
}

/// The images of a full session, as they come; and its `blocks`.
final class WholeImages: MemberHandler {
    private let files: ImageFiles
    private let blocks: BlocksFile
    private var image: ImageFile?
    private var offset: UInt64 = 0

    init(_ files: ImageFiles, blocks: FilePath) {
        self.files = files
        self.blocks = BlocksFile(blocks)
    }

    func begin(_ member: StreamMember, size: UInt64) throws {
        offset = 0
        switch member {
        case .image(let name):
            image = try files.make(name, size: size)
            blocks.saw(name, size)
        case .blocks: try blocks.begin()
        case .delta, .record: throw Failure(sentence: "it is a full session, and has the member \(member.name)")
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard let image else { return try blocks.append(bytes) }
        try files.write(bytes, to: image, at: offset)
        offset += UInt64(bytes.count)
    }

    func end(_ member: StreamMember) throws { image = nil }

    func finish() throws { try blocks.verify() }
}

/// Where a full session's `blocks` goes.
final class BlocksFile {
    private let path: FilePath
    private var file: SharedDescriptor?
    private var images: [BlockTable.Image] = []
    private var count: UInt64 = 0

    init(_ path: FilePath) { self.path = path }

    /// The next image of the session, which gets its blocks' numbers.
    @discardableResult
    func saw(_ name: String, _ size: UInt64) -> BlockTable.Image {
        let image = BlockTable.Image(name: name, size: size, first: count)
        count += image.blocks
        images.append(image)
        return image
    }

    func begin() throws { file = SharedDescriptor(try Files.openForWriting(path)) }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        if let file { try Files.writeAll(file.descriptor, bytes) }
    }

    /// What it says must be true of the images that came with it, or it is damaged.
    func verify() throws {
        guard file != nil else { return }
        file = nil
        guard try FullSession.table(in: path).images == images else {
            throw Failure(sentence: "its member blocks is not of its images")
        }
    }
}
