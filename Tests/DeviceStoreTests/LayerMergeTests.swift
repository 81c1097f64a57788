import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// Layers that a real overlayfs wrote, merged, and looked at through a real overlayfs.
@Suite("A merge of overlay layers", .serialized)
struct LayerMergeTests {
    @Test("shows the same before, after, and wherever it is cut off", arguments: [UInt64](1...8))
    func sameView(seed: UInt64) throws {
        let layers = try RandomLayers(count: 4, seed: seed)
        let before = try layers.view([1, 2, 3, 4])
        #expect(before.count > 10)
        for upper in [2, 3] {
            // The layers above, as they are at that time.
            let stack = [1] + Array(upper...4)
            var isDone = false
            var allowed = -1
            while !isDone {
                allowed += 1
                isDone = try layers.merge(upper, into: 1, changes: allowed)
                // Near the beginning each point, later every few: there are hundreds.
                if allowed < 60 || allowed % 7 == 0 || isDone {
                    try #require(try layers.view(stack) == before, "layer \(upper), cut off after \(allowed) changes")
                }
            }
            try #require(try layers.view([1] + Array((upper + 1)...4)) == before, "without layer \(upper)")
        }
    }

    @Test("leaves the upper layer as it is")
    func upperUntouched() throws {
        let layers = try RandomLayers(count: 2, seed: 99)
        let before = try layers.plainView(of: 2)
        while try !layers.merge(2, into: 1, changes: .max) {}
        #expect(try layers.plainView(of: 2) == before)
    }

    @Test("goes as deep as a pod went, with two descriptors for each layer")
    func deep() throws {
        let layers = try RandomLayers(count: 0, seed: 0)
        for number in [1, 2] {
            let upper = try layers.makeLayer(number)
            var folder = try OpenFolder(upper)
            // Far beyond PATH_MAX, and beyond the descriptors that a process may have.
            for _ in 0..<3000 {
                try folder.makeFolder(FileName("deep"))
                folder = try folder.folder(FileName("deep"))
            }
            _ = try folder.open(FileName("bottom-\(number)"), flags: O_WRONLY | O_CREAT, mode: 0o600)
        }
        while try !layers.merge(2, into: 1, changes: .max) {}
        var folder = try OpenFolder(layers.upper(1))
        for _ in 0..<3000 { folder = try folder.folder(FileName("deep")) }
        #expect(Set(try folder.names().map(\.description)) == ["bottom-1", "bottom-2"])
    }

    @Test("takes names that are no text")
    func names() throws {
        let layers = try RandomLayers(count: 0, seed: 0)
        let lower = try layers.makeLayer(1)
        let upper = try layers.makeLayer(2)
        try Pipeline([Command("sh", ["-c", "cd '\(upper)' && printf x > \"$(printf 'a\\377\\nb')\""])]).run()
        while try !layers.merge(2, into: 1, changes: .max) {}
        #expect(try OpenFolder(lower).names().map(\.utf8) == [[97, 255, 10, 98]])
    }

    @Test("hides with a folder what a file hid before it")
    func folderOverFile() throws {
        // What overlayfs shows of it does not depend on whether it made the folder opaque.
        let layers = try RandomLayers(count: 0, seed: 0)
        let (lower, upper) = try (layers.makeLayer(1), layers.makeLayer(2))
        for name in ["file", "whiteout"] {
            try Files.makeFolders(layers.base.pushing(FilePath("\(name)/below")), permissions: .ownerReadWriteExecute)
            try Files.makeFolders(upper.pushing(FilePath("\(name)/above")), permissions: .ownerReadWriteExecute)
        }
        try Files.write(lower.appending("file"), [1], permissions: .ownerReadWrite)
        #expect(mknod(lower.appending("whiteout").string, S_IFCHR, 0) == 0)
        let before = try layers.view([1, 2])
        #expect(before.filter { $0.contains("above") }.count == 2 && !before.contains { $0.contains("below") })
        while try !layers.merge(2, into: 1, changes: .max) {}
        #expect(try layers.view([1]) == before)
    }

    @Test("refuses what overlayfs writes only with other options than ours")
    func foreign() throws {
        let layers = try RandomLayers(count: 0, seed: 0)
        _ = try layers.makeLayer(1)
        let upper = try layers.makeLayer(2)
        let folder = upper.appending("moved")
        try Files.makeFolder(folder, permissions: .ownerReadWriteExecute)
        try OpenFolder(folder).descriptor.setAttribute("trusted.overlay.redirect", to: Array("/old".utf8))
        #expect(throws: Errno.notSupported) { _ = try layers.merge(2, into: 1, changes: .max) }
    }
}
