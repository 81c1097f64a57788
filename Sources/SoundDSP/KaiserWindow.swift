/// The Kaiser window: J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.
struct KaiserWindow {
    private let beta: Double
    /// Distance from the middle at which it ends.
    private let halfWidth: Double

    /// `attenuation` in dB, above 50.
    init(attenuation: Double, halfWidth: Double) {
        beta = 0.1102 * (attenuation - 8.7)
        self.halfWidth = halfWidth
    }

    /// Not normalised: I0(beta) in the middle.
    func values(at distance: SIMD8<Double>) -> SIMD8<Double> {
        let place = distance / halfWidth
        let inside = (1 - place * place).replacing(with: 0, where: place * place .> 1)
        return Self.besselI0(squared: beta * beta * inside)
    }

    /// The modified Bessel function I0 of a number whose square is given: the sum of (x² / 4)ᵏ / k!². For x below 16, 40
    /// terms are more than a double can hold.
    private static func besselI0(squared: SIMD8<Double>) -> SIMD8<Double> {
        var term = SIMD8<Double>(repeating: 1)
        var sum = term
        for index in 1..<40 {
            term *= squared * (0.25 / Double(index * index))
            sum += term
        }
        return sum
    }
}
