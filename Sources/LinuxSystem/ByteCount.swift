/// Bytes as a person reads them: "23 MB", "4.2 GB", in powers of 1000 and at least two digits where there are any.
public func byteText(_ bytes: UInt64) -> String {
    if bytes < 1000 { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = ""
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        value /= 1000
        unit = next
        // What would be rounded to 1000 belongs to the next unit.
        if value < 999.5 { break }
    }
    if value < 9.95 {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(Int(value.rounded())) \(unit)"
}
