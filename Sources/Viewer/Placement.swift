/// How the pod's screen and the window fit together when they are of different sizes.
public enum Scaling: String, CaseIterable, Sendable {
    /// The pod's screen takes on the window's size.
    case follow
    /// To any size, with the proportions kept, filtered.
    case smooth
    /// By a whole number, the largest that fits; every pixel stays a square. Smooth where not even 1 fits.
    case integer
    /// Not at all: a larger screen is cut off.
    case none
}

/// Where on the window the pod's screen is.
struct Placement: Equatable {
    /// Pixels of the pod's screen.
    var width: Int, height: Int
    /// On the window.
    var target: Box
    /// Neighbouring pixels are mixed.
    var isFiltered: Bool

    var isScaled: Bool { target.width != width || target.height != height }

    init(screen: (width: Int, height: Int), window: (width: Int, height: Int), scaling: Scaling) {
        (width, height) = (screen.width, screen.height)
        isFiltered = false
        var (w, h) = (width, height)
        let whole = min(window.width / max(width, 1), window.height / max(height, 1))
        switch scaling {
        case .none: break
        case .integer where whole >= 1: (w, h) = (width * whole, height * whole)
        case .integer, .smooth, .follow:
            if window.width * height <= window.height * width {
                (w, h) = (window.width, max(1, window.width * height / max(width, 1)))
            } else {
                (w, h) = (max(1, window.height * width / max(height, 1)), window.height)
            }
            isFiltered = w != width || h != height
        }
        let x = max(0, (window.width - w) / 2)
        let y = max(0, (window.height - h) / 2)
        target = Box(x, y, x + w, y + h)
    }

    /// What of the window has to be drawn anew when this part of the screen has changed.
    func toWindow(_ box: Box) -> Box {
        guard isScaled else {
            return Box(box.x1 + target.x1, box.y1 + target.y1, box.x2 + target.x1, box.y2 + target.y1)
        }
        // A filter looks one pixel further.
        let m = isFiltered ? 1 : 0
        return Box(
            target.x1 + max(box.x1 - m, 0) * target.width / width,
            target.y1 + max(box.y1 - m, 0) * target.height / height,
            target.x1 + (min(box.x2 + m, width) * target.width + width - 1) / width,
            target.y1 + (min(box.y2 + m, height) * target.height + height - 1) / height)
    }

    /// Where on the window a box of the screen is, perhaps beyond both: nothing added for a filter.
    func exactly(_ box: Box) -> Box {
        func x(_ x: Int) -> Int { target.x1 + Int((Double(x) * Double(target.width) / Double(width)).rounded(.down)) }
        func y(_ y: Int) -> Int { target.y1 + Int((Double(y) * Double(target.height) / Double(height)).rounded(.down)) }
        return Box(x(box.x1), y(box.y1), x(box.x2), y(box.y2))
    }

    /// The pixel of the screen that is shown there; the nearest one when none is.
    func toScreen(x: Int, y: Int) -> (x: Int, y: Int) {
        let sx = (x - target.x1) * width / max(target.width, 1)
        let sy = (y - target.y1) * height / max(target.height, 1)
        return (min(max(sx, 0), width - 1), min(max(sy, 0), height - 1))
    }

    /// Where on the window a pixel of the screen is.
    func toWindow(x: Int, y: Int) -> (x: Int, y: Int) {
        (target.x1 + (2 * x + 1) * target.width / (2 * width), target.y1 + (2 * y + 1) * target.height / (2 * height))
    }
}
