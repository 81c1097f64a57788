internal import CPNG
internal import LinuxSystem
public import SystemPackage

/// Pixels, 0x00RRGGBB.
public struct Picture: Equatable, Sendable {
    public var width: Int
    public var height: Int
    public var pixels: [UInt32]

    /// What `xwd` writes of a window of 32 bits a pixel.
    public init(xwd bytes: [UInt8]) throws {
        func word(_ n: Int) -> Int { bytes[4 * n..<4 * n + 4].reduce(0) { $0 << 8 | Int($1) } }
        guard bytes.count > 100, word(11) == 32 else { throw Failure("xwd", "wrote no picture of 32 bits a pixel") }
        let start = word(0) + word(19) * 12
        let stride = word(12)
        (width, height) = (word(4), word(5))
        pixels = []
        pixels.reserveCapacity(width * height)
        for y in 0..<height {
            for x in 0..<width {
                let at = start + y * stride + 4 * x
                let (blue, green, red) = (UInt32(bytes[at]), UInt32(bytes[at + 1]), UInt32(bytes[at + 2]))
                pixels.append(red << 16 | green << 8 | blue)
            }
        }
    }

    public init(png path: FilePath) throws {
        var image = png_image()
        image.version = UInt32(PNG_IMAGE_VERSION)
        guard png_image_begin_read_from_file(&image, path.string) != 0 else { throw Failure("\(path)", "is no PNG") }
        image.format = UInt32(PNG_FORMAT_FLAG_COLOR)
        (width, height) = (Int(image.width), Int(image.height))
        var bytes = [UInt8](repeating: 0, count: width * height * 3)
        guard png_image_finish_read(&image, nil, &bytes, 0, nil) != 0 else { throw Failure("\(path)", "is no PNG") }
        pixels = (0..<width * height).map { (n: Int) -> UInt32 in
            let (red, green, blue) = (UInt32(bytes[3 * n]), UInt32(bytes[3 * n + 1]), UInt32(bytes[3 * n + 2]))
            return red << 16 | green << 8 | blue
        }
    }

    public subscript(x: Int, y: Int) -> UInt32 { pixels[y * width + x] }

    public init(width: Int, height: Int, pixels: [UInt32]) {
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// Every pixel as a square of `factor`.
    public func enlarged(by factor: Int) -> Picture {
        var larger: [UInt32] = []
        larger.reserveCapacity(pixels.count * factor * factor)
        for y in 0..<height * factor { for x in 0..<width * factor { larger.append(self[x / factor, y / factor]) } }
        return Picture(width: width * factor, height: height * factor, pixels: larger)
    }

    public func cropped(x: Int, y: Int, width: Int, height: Int) -> Picture {
        var part: [UInt32] = []
        for line in y..<y + height { part += pixels[line * self.width + x..<line * self.width + x + width] }
        return Picture(width: width, height: height, pixels: part)
    }

    /// Without what lies in a rectangle.
    public func blanked(x: Int, y: Int, width: Int, height: Int) -> Picture {
        var rest = self
        for line in y..<y + height {
            for column in x..<x + width { rest.pixels[line * self.width + column] = 0 }
        }
        return rest
    }

    /// Pixels that differ; all of them when the sizes do.
    public func differences(from other: Picture) -> Int {
        guard width == other.width, height == other.height else { return max(pixels.count, other.pixels.count) }
        return zip(pixels, other.pixels).count { $0 != $1 }
    }
}
