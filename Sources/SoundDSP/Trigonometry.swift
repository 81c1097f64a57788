/// Without the C library, whose last bit differs from one version to the next.
enum Trigonometry {
    /// sin(πx) / πx, and 1 at 0; |x| below 2⁵⁰.
    static func sinc(_ x: SIMD8<Double>) -> SIMD8<Double> {
        let isZero = x .== 0
        let safe = x.replacing(with: 1, where: isZero)
        return (sine(ofPiTimes: safe) / (Double.pi * safe)).replacing(with: 1, where: isZero)
    }

    /// sin(πx).
    private static func sine(ofPiTimes x: SIMD8<Double>) -> SIMD8<Double> {
        // To the nearest even number, so that a whole number of turns goes: 1.5 × 2⁵³ has no odd ones left.
        let turns = (x + 0x1.8p53) - 0x1.8p53
        let turn = x - turns
        // Into a quarter either side: sin(π - a) = sin(a).
        let upper = (1 - turn).replacing(with: turn, where: turn .<= 0.5)
        let folded = (-1 - turn).replacing(with: upper, where: turn .>= -0.5)
        let angle = folded * Double.pi
        let square = angle * angle
        // Taylor's series up to the 25th power, from the smallest term.
        var sum = SIMD8<Double>(repeating: 1)
        for power in stride(from: 24, through: 2, by: -2) {
            sum = 1 - sum * square / Double(power * (power + 1))
        }
        return sum * angle
    }
}
