/// The number of a layer or a session, as its folder is named.
enum StoreNumber {
    /// `nil` for what is no such name: "+1", "01" and "-1" are numbers, but nobody's.
    static func parse(_ name: String) -> Int? {
        guard let number = Int(name), number > 0, String(number) == name else { return nil }
        return number
    }
}
