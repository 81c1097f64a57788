import DisplayABI
import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct VideoTests {
        private static let formats: [String: UInt32] = [
            "I420": DISPLAY_I420, "YV12": DISPLAY_YV12, "NV12": DISPLAY_NV12, "YUY2": DISPLAY_YUY2,
        ]

        private func ready() throws -> (DisplayPeer, XProgram) {
            let server = try XServer()
            let program = try XProgram(["video"], on: server)
            #expect(try program.line() == "ready")
            return (try DisplayPeer(server), program)
        }

        /// The hash of what was put, and the pixel at 300, 200.
        private func said(_ line: String) -> (hash: String, pixel: UInt32) {
            let words = line.split(separator: " ")
            return (String(words[0]), UInt32(words[1], radix: 16) ?? 0xff00_0000)
        }

        private func hash(_ bytes: [UInt8]?) -> String {
            guard let bytes else { return "no frame" }
            return DisplayPeer.hash(bytes.map(UInt32.init))
        }

        private func clip(_ video: display_video) -> [display_rectangle] {
            withUnsafeBytes(of: video.clip) { bytes in
                bytes.bindMemory(to: display_box.self).prefix(Int(video.clip_count)).map {
                    display_box_on($0, 640, 480)
                }
            }
        }

        @Test(
            arguments: ["I420", "YV12", "NV12", "YUY2"],
            [(64, 48), (1280, 720), (642, 362), (1920, 1080), (4096, 4096), (2, 2)])
        func framesArriveByteForByte(format: String, size: (Int, Int)) throws {
            let (peer, program) = try ready()
            for seed in 1...9 {
                // Every other one without shared memory, as far as a request can hold one.
                let word = seed % 2 == 0 || size.0 * size.1 > 1 << 20 ? "put" : "plain"
                let put = said(try program.step("\(word) 0 \(format) \(size.0) \(size.1) \(seed) 10 20 320 240"))
                let video = try peer.video(0)
                #expect(video.fourcc == Self.formats[format])
                #expect((Int(video.width), Int(video.height), Int(video.frame)) == (size.0, size.1, seed))
                #expect(video.flags == DISPLAY_VIDEO_SHOWN)
                #expect(hash(peer.frame(0, video)) == put.hash)
                #expect(put.pixel == 0, "nothing was drawn")
            }
        }

        @Test func theFramesPlaceIsToldAndFollowsTheWindow() throws {
            let (peer, program) = try ready()
            // The window lies at 100, 50 and is 400 by 300.
            _ = try program.step("put 0 I420 320 240 1 10 20 200 100 32 16 160 120")
            var video = try peer.video(0)
            #expect((video.target.x1, video.target.y1, video.target.x2, video.target.y2) == (110, 70, 310, 170))
            #expect((video.source_x, video.source_y, video.source_width, video.source_height) == (32, 16, 160, 120))
            #expect(clip(video).map(\.x1) == [110] && clip(video).map(\.y2) == [170])
            let placement = video.placement
            _ = try program.step("put 0 I420 320 240 2 10 20 200 100 32 16 160 120")
            video = try peer.video(0)
            #expect((video.frame, video.placement) == (2, placement), "another frame at the same place")

            _ = try program.step("move 150 60")
            video = try peer.video(0)
            #expect((video.target.x1, video.target.y1, video.frame) == (160, 80, 2))
            #expect(video.placement != placement)
            #expect(hash(peer.frame(0, video)) != "no frame", "a paused film moves with its window")

            // Something over it cuts a hole; under it all is visible again with the next frame.
            _ = try program.step("above 200 100 40 20")
            video = try peer.video(0)
            #expect(clip(video).count == 4)
            #expect(!clip(video).contains { $0.x1 < 240 && $0.x2 > 200 && $0.y1 < 120 && $0.y2 > 100 })
            _ = try program.step("below")
            _ = try program.step("put 0 I420 320 240 3 10 20 200 100 32 16 160 120")
            #expect(try clip(peer.video(0)).count == 1)

            // All of it hidden, partly off the screen, stopped.
            _ = try program.step("above 0 0 640 480")
            #expect(try peer.video(0).flags == 0)
            _ = try program.step("below")
            _ = try program.step("move -100 -40")
            _ = try program.step("put 0 I420 320 240 4 0 0 400 300")
            video = try peer.video(0)
            #expect((video.target.x1, video.target.y1) == (-100, -40))
            #expect((clip(video)[0].x1, clip(video)[0].y1) == (0, 0))
            #expect(video.flags == DISPLAY_VIDEO_SHOWN)
            _ = try program.step("stop 0")
            #expect(try peer.video(0).flags == 0)
        }

        @Test func sourcesBeyondTheFrameAreCutToIt() throws {
            let (peer, program) = try ready()
            _ = try program.step("put 0 YUY2 64 64 1 0 0 128 128 -32 -32 128 128")
            let video = try peer.video(0)
            #expect((video.source_x, video.source_y, video.source_width, video.source_height) == (0, 0, 64, 64))
            #expect((video.target.x1, video.target.y1, video.target.x2, video.target.y2) == (132, 82, 196, 146))
            _ = try program.step("put 0 YUY2 64 64 2 0 0 128 128 70 70 10 10")
            #expect(try peer.video(0).frame == 1, "nothing of it is in the frame")
        }

        @Test func portsAreIndependentAndTheMatrixIsTold() throws {
            let (peer, program) = try ready()
            var hashes: [String] = []
            for port in 0..<Int(DISPLAY_VIDEO_PORTS) {
                _ = try program.step("attribute \(port) \(port % 2)")
                hashes.append(said(try program.step("put \(port) NV12 320 240 \(port + 50) \(port * 10) 0 40 30")).hash)
            }
            for port in 0..<DISPLAY_VIDEO_PORTS {
                let video = try peer.video(port)
                #expect(hash(peer.frame(port, video)) == hashes[Int(port)])
                #expect(video.matrix == (port % 2 == 0 ? DISPLAY_BT601 : DISPLAY_BT709))
            }
        }

        @Test func aFrameThatAViewerHoldsIsNotWrittenOver() throws {
            let (peer, program) = try ready()
            try peer.attach()
            let first = said(try program.step("put 0 I420 320 240 1 0 0 320 240"))
            let held = try peer.video(0)
            peer.hold(0, 1 << held.buffer)
            for seed in 2...20 {
                peer.beat()
                _ = try program.step("put 0 I420 320 240 \(seed) 0 0 320 240")
                #expect(try peer.video(0).buffer != held.buffer)
            }
            #expect(hash(peer.frame(0, held)) == first.hash)
            // Not for the price of the pod's progress: with everything held the oldest goes, and the reader can tell.
            peer.hold(0, 0xf)
            for seed in 21...30 {
                peer.beat()
                _ = try program.step("put 0 I420 320 240 \(seed) 0 0 320 240")
            }
            #expect(try peer.video(0).frame == 30)
            #expect(peer.frame(0, held) == nil)
        }

        @Test func idleBuffersTakeNoMemory() throws {
            let (peer, program) = try ready()
            let before = peer.allocatedBytes
            var put = ""
            for seed in 1...8 { put = try program.step("put 0 I420 1920 1080 \(seed) 0 0 320 240") }
            let frame = 1920 * 1080 * 3 / 2
            #expect(peer.allocatedBytes >= before + 4 * frame)
            try waitUntil("all but the paused frame is given back") { peer.allocatedBytes < before + 2 * frame }
            #expect(try hash(peer.frame(0, peer.video(0))) == said(put).hash, "which is still there")
            _ = try program.step("stop 0")
            try waitUntil("it goes too when it is shown no more") { peer.allocatedBytes <= before + 8192 }
            put = try program.step("put 0 I420 1920 1080 9 0 0 320 240")
            #expect(try hash(peer.frame(0, peer.video(0))) == said(put).hash)
            program.kill()
            program.end()
            try waitUntil("a program that dies leaves nothing") { peer.allocatedBytes <= before + 8192 }
            #expect(try peer.video(0).flags == 0)
        }

        /// A colour "YYUUVV" by the book: ITU-R BT.601's and BT.709's weights of red and blue.
        private static func rgb(_ yuv: String, _ weights: (red: Double, blue: Double)) -> UInt32 {
            let value = Int(yuv, radix: 16) ?? 0
            let y = (Double(value >> 16) - 16) / 219
            let (u, v) = ((Double(value >> 8 & 255) - 128) / 224, (Double(value & 255) - 128) / 224)
            let red = y + 2 * (1 - weights.red) * v
            let blue = y + 2 * (1 - weights.blue) * u
            let green = (y - weights.red * red - weights.blue * blue) / (1 - weights.red - weights.blue)
            return [red, green, blue].reduce(0) { $0 << 8 | UInt32(min(max($1, 0), 1) * 255 + 0.5) }
        }

        /// What a compositor or a viewer without video shows.
        @Test(arguments: ["I420", "YV12", "NV12", "YUY2"]) func whatCannotBeHandedThroughIsDrawn(format: String) throws
        {
            let (peer, program) = try ready()
            func near(_ pixel: UInt32, _ expected: UInt32) -> Bool {
                for shift: UInt32 in [0, 8, 16] {
                    let (shown, wanted) = (Int(pixel >> shift & 255), Int(expected >> shift & 255))
                    if abs(shown - wanted) > 1 { return false }
                }
                return true
            }
            let colours = ["eb8080", "108080", "515af0", "7e8080", "29f06e", "913622", "000000", "ffffff"]
            func expectDrawn(_ location: SourceLocation = #_sourceLocation) throws {
                for colour in colours {
                    _ = try program.step("colour \(colour)")
                    for matrix in [0, 1] {
                        _ = try program.step("attribute 0 \(matrix)")
                        let pixel = said(try program.step("put 0 \(format) 64 48 1 0 0 400 300")).pixel
                        #expect(
                            near(pixel, Self.rgb(colour, matrix == 0 ? (0.299, 0.114) : (0.2126, 0.0722))),
                            "\(colour) by \(matrix): \(String(pixel, radix: 16))", sourceLocation: location)
                    }
                }
            }
            _ = try program.step("redirect")
            try expectDrawn()
            #expect(try peer.video(0).flags == 0)
            _ = try program.step("unredirect")
            #expect(said(try program.step("put 0 \(format) 64 48 1 0 0 400 300")).pixel != 0x123456)
            #expect(try peer.video(0).flags == DISPLAY_VIDEO_SHOWN)

            // A viewer that shows no video: drawn, and handed through as well.
            _ = try program.step("colour eb8080")
            _ = try program.step("put 0 \(format) 64 48 1 0 0 400 300")
            try peer.attach(flags: UInt32(DISPLAY_VIEWER_FLAT.rawValue))
            #expect(said(try program.step("nothing")).pixel == 0xffffff, "a paused film is drawn when it comes")
            try expectDrawn()
            #expect(try peer.video(0).flags == DISPLAY_VIDEO_SHOWN)
        }

        @Test func mpvPlaysThroughIt() throws {
            let server = try XServer(width: 1280, height: 800)
            let peer = try DisplayPeer(server)
            let film = server.folder.appending("film.mkv").string
            _ = try XProgram.run(
                [
                    "ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-t", "4",
                    "-c:v",
                    "ffv1", "-pix_fmt", "yuv420p", film,
                ], on: server)
            let player = try XProgram(
                [
                    "/usr/bin/mpv", "--vo=xv", "--ao=null", "--no-config", "--fs", "--no-input-terminal", "--no-osc",
                    "--really-quiet", film,
                ],
                on: server)
            var frames = Set<String>()
            try waitUntil("mpv's frames come") {
                let video = try peer.video(0)
                if video.frame > 0, video.width == 640, video.height == 360, let bytes = peer.frame(0, video) {
                    frames.insert(hash(bytes))
                }
                return frames.count > 20
            }
            let video = try peer.video(0)
            #expect((video.target.x2 - video.target.x1, video.target.y2 - video.target.y1) == (1280, 720))
            player.kill()
        }
    }
}
