/// The window's icon: a screen with a triangle that plays.
enum Icon {
    private static let size = 32

    /// As `_NET_WM_ICON` has it: width, height, then 0xAARRGGBB.
    static var words: [UInt] {
        var words: [UInt] = [UInt(size), UInt(size)]
        for y in 0..<size {
            for x in 0..<size { words.append(colour(x, y)) }
        }
        return words
    }

    private static func colour(_ x: Int, _ y: Int) -> UInt {
        // The stand.
        if (26..<30).contains(y), (10..<22).contains(x) { return 0xff_3b_42_52 }
        guard (3..<26).contains(y), (1..<31).contains(x) else { return 0 }
        guard (5..<24).contains(y), (3..<29).contains(x) else { return 0xff_3b_42_52 }
        // The triangle's left edge stands, its tip points to the right.
        let above = abs(y - 14)
        if x >= 12, x - 12 <= (8 - above) * 5 / 4, above <= 8 { return 0xff_eb_cb_8b }
        return 0xff_2e_5a_88
    }
}
