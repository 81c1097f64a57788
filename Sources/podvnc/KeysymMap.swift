/// A keyboard for clients that speak in symbols, not keys: a keymap in which every symbol that was asked for has a key.
///
/// Letters have both cases on one key, so that Shift, Control and Alt do with them what programs expect. Every other symbol
/// has a key of its own that means it whatever is held: how its client's layout came to it is the client's affair.
struct KeysymMap {
    /// Whether the pod has still to be told.
    var isPending = true
    private var codes: [UInt32: UInt32] = [:]
    private var free: [UInt32]

    /// Keys that programs may know by their codes: evdev's.
    private static let usual: [(code: UInt32, keysym: UInt32)] = [
        (9, 0xff1b), (22, 0xff08), (23, 0xff09), (36, 0xff0d), (37, 0xffe3), (50, 0xffe1), (62, 0xffe2), (64, 0xffe9),
        (66, 0xffe5), (77, 0xff7f), (105, 0xffe4), (108, 0xffea), (92, 0xfe03), (133, 0xffeb), (134, 0xffec),
        (65, 0x20), (110, 0xff50), (111, 0xff52), (112, 0xff55), (113, 0xff51), (114, 0xff53), (115, 0xff57),
        (116, 0xff54), (117, 0xff56), (118, 0xff63), (119, 0xffff), (127, 0xff13), (107, 0xff61), (135, 0xff67),
        (67, 0xffbe), (68, 0xffbf), (69, 0xffc0), (70, 0xffc1), (71, 0xffc2), (72, 0xffc3), (73, 0xffc4), (74, 0xffc5),
        (75, 0xffc6), (76, 0xffc7), (95, 0xffc8), (96, 0xffc9),
        (10, 0x31), (11, 0x32), (12, 0x33), (13, 0x34), (14, 0x35), (15, 0x36), (16, 0x37), (17, 0x38), (18, 0x39),
        (19, 0x30),
    ]
    private static let rows: [(code: UInt32, letters: String)] = [
        (24, "qwertyuiop"), (38, "asdfghjkl"), (52, "zxcvbnm"),
    ]

    init() {
        for (code, keysym) in Self.usual { codes[keysym] = code }
        for (code, letters) in Self.rows {
            for (n, letter) in letters.unicodeScalars.enumerated() { codes[letter.value] = code + UInt32(n) }
        }
        let taken = Set(codes.values)
        free = (9...255).reversed().filter { !taken.contains($0) }
        // The rest of ASCII, so that a keymap is not pushed for each.
        for keysym in UInt32(0x21)...0x7e { _ = code(for: keysym) }
    }

    /// The key for a symbol; `nil` when the keyboard is full.
    mutating func code(for keysym: UInt32) -> UInt32? {
        // A to Z are on the keys of a to z.
        let symbol = (0x41...0x5a).contains(keysym) ? keysym + 0x20 : keysym
        if let code = codes[symbol] { return code }
        // X has none beyond.
        guard symbol > 0, symbol < 0x1fff_ffff, let code = free.popLast() else { return nil }
        codes[symbol] = code
        isPending = true
        return code
    }

    /// As xkbcomp reads it.
    var text: [UInt8] {
        var names = ""
        var symbols = ""
        for (keysym, code) in codes.sorted(by: { $0.value < $1.value }) {
            names += "<K\(code)> = \(code);\n"
            let hex = "0x" + String(keysym, radix: 16)
            if (0x61...0x7a).contains(keysym) {
                symbols +=
                    "key <K\(code)> { type = \"ALPHABETIC\", [ \(hex), 0x\(String(keysym - 0x20, radix: 16)) ] };\n"
            } else {
                symbols += "key <K\(code)> { type = \"ONE_LEVEL\", [ \(hex) ] };\n"
            }
        }
        let text = """
            xkb_keymap {
            xkb_keycodes "mediapod" { minimum = 8; maximum = 255;
            \(names)};
            xkb_types "mediapod" { include "complete" };
            xkb_compatibility "mediapod" { include "complete" };
            xkb_symbols "mediapod" {
            \(symbols)modifier_map Shift { <K50>, <K62> };
            modifier_map Lock { <K66> };
            modifier_map Control { <K37>, <K105> };
            modifier_map Mod1 { <K64>, <K108> };
            modifier_map Mod2 { <K77> };
            modifier_map Mod4 { <K133>, <K134> };
            modifier_map Mod5 { <K92> };
            };
            };
            """
        return Array(text.utf8)
    }
}
