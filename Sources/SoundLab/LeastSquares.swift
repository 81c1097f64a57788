internal import Glibc

/// Fits sums of known functions to samples, by the normal equations.
struct LeastSquares {
    /// Of each function, its share.
    let shares: [Double]
    /// What the fit leaves, root of the mean square.
    let residual: Double
    /// What it leaves of each sample.
    let rest: [Double]

    /// `functions` gives the values of all functions at sample `index`.
    init(samples: ArraySlice<Float>, count: Int, functions: (_ index: Int, _ values: inout [Double]) -> Void) {
        var matrix = [[Double]](repeating: [Double](repeating: 0, count: count + 1), count: count)
        var values = [Double](repeating: 0, count: count)
        for index in samples.indices {
            functions(index, &values)
            for row in 0..<count {
                for column in 0..<count { matrix[row][column] += values[row] * values[column] }
                matrix[row][count] += values[row] * Double(samples[index])
            }
        }
        let shares = Self.solved(matrix)
        var rest: [Double] = []
        rest.reserveCapacity(samples.count)
        var sum = 0.0
        for index in samples.indices {
            functions(index, &values)
            var value = Double(samples[index])
            for row in 0..<count { value -= shares[row] * values[row] }
            rest.append(value)
            sum += value * value
        }
        self.shares = shares
        self.rest = rest
        residual = (sum / Double(max(1, samples.count))).squareRoot()
    }

    /// Gauss's elimination; the functions are far from dependent, so that the order of rows does not matter.
    private static func solved(_ system: [[Double]]) -> [Double] {
        var matrix = system
        let count = matrix.count
        for pivot in 0..<count where matrix[pivot][pivot] != 0 {
            for row in 0..<count where row != pivot {
                let factor = matrix[row][pivot] / matrix[pivot][pivot]
                for column in pivot...count { matrix[row][column] -= factor * matrix[pivot][column] }
            }
        }
        return (0..<count).map { matrix[$0][$0] == 0 ? 0 : matrix[$0][count] / matrix[$0][$0] }
    }

    /// A constant and, of each frequency (Hz), a sine and a cosine.
    static func sines(_ samples: ArraySlice<Float>, rate: Double, frequencies: [Double]) -> LeastSquares {
        LeastSquares(samples: samples, count: 2 * frequencies.count + 1) { index, values in
            values[0] = 1
            for (number, frequency) in frequencies.enumerated() {
                let angle = 2 * .pi * frequency * Double(index) / rate
                values[2 * number + 1] = sin(angle)
                values[2 * number + 2] = cos(angle)
            }
        }
    }

    /// The amplitude of the sine with this number, of those given to `sines`.
    func amplitude(_ number: Int) -> Double { hypot(shares[2 * number + 1], shares[2 * number + 2]) }
}
