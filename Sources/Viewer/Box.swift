internal import CX11
internal import DisplayABI

/// A box of pixels, half open.
struct Box: Equatable {
    var x1: Int, y1: Int, x2: Int, y2: Int

    init(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int) { (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2) }

    init(_ rectangle: display_rectangle) {
        self.init(Int(rectangle.x1), Int(rectangle.y1), Int(rectangle.x2), Int(rectangle.y2))
    }

    var width: Int { x2 - x1 }
    var height: Int { y2 - y1 }
    var isEmpty: Bool { x1 >= x2 || y1 >= y2 }

    func intersection(_ other: Box) -> Box {
        Box(max(x1, other.x1), max(y1, other.y1), min(x2, other.x2), min(y2, other.y2))
    }

    func union(_ other: Box) -> Box {
        if isEmpty { return other }
        if other.isEmpty { return self }
        return Box(min(x1, other.x1), min(y1, other.y1), max(x2, other.x2), max(y2, other.y2))
    }

    /// As X has them; windows are never larger than 32767.
    var rectangle: XRectangle {
        XRectangle(
            x: Int16(clamping: x1), y: Int16(clamping: y1), width: UInt16(clamping: max(width, 0)),
            height: UInt16(clamping: max(height, 0)))
    }
}

/// Any set of pixels. The corresponding C type is `Region`.
final class PixelRegion {
    let region: CX11.Region

    init(_ boxes: [Box] = []) {
        region = XCreateRegion()
        for box in boxes { add(box) }
    }

    deinit { XDestroyRegion(region) }

    func add(_ box: Box) {
        guard !box.isEmpty else { return }
        var rectangle = box.rectangle
        XUnionRectWithRegion(&rectangle, region, region)
    }

    func subtract(_ other: PixelRegion) { XSubtractRegion(region, other.region, region) }

    func contains(_ box: Box) -> Bool {
        let r = box.rectangle
        return XRectInRegion(region, Int32(r.x), Int32(r.y), UInt32(r.width), UInt32(r.height)) == RectangleIn
    }
}
