/// The factor L of a symmetric positive definite matrix M = L·Lᵀ (A.-L. Cholesky; G. Golub, C. Van Loan, "Matrix Computations", 4.2), by rows of its
/// lower triangle.
package struct CholeskyFactor: Sendable, Equatable {
    package let dimension: Int
    private var rows: [Double]

    /// - Parameters:
    ///   - matrix: its lower triangle by rows.
    /// - Returns: `nil`: the triangle has another size, or the matrix is not positive definite as far as doubles can tell.
    package init?(_ matrix: [Double], dimension: Int) {
        guard dimension > 0, matrix.count == dimension * (dimension + 1) / 2 else { return nil }
        self.dimension = dimension
        rows = matrix
        let isDefinite = rows.withUnsafeMutableBufferPointer { rows in
            for row in 0..<dimension {
                let start = row * (row + 1) / 2
                for column in 0...row {
                    let other = column * (column + 1) / 2
                    var sum = rows[start + column]
                    for index in 0..<column { sum -= rows[start + index] * rows[other + index] }
                    if column < row {
                        rows[start + column] = sum / rows[other + column]
                    } else if sum > 0, sum.isFinite {
                        rows[start + column] = sum.squareRoot()
                    } else {
                        return false
                    }
                }
            }
            return true
        }
        if !isDefinite { return nil }
    }

    package subscript(row: Int, column: Int) -> Double { rows[row * (row + 1) / 2 + column] }

    /// y with L·y = v.
    package func forward(_ vector: [Double]) -> [Double] {
        var solution = vector
        for row in 0..<dimension {
            for column in 0..<row { solution[row] -= self[row, column] * solution[column] }
            solution[row] /= self[row, row]
        }
        return solution
    }

    /// x with M·x = v.
    package func solve(_ vector: [Double]) -> [Double] {
        var solution = forward(vector)
        for row in (0..<dimension).reversed() {
            for below in row + 1..<max(row + 1, dimension) { solution[row] -= self[below, row] * solution[below] }
            solution[row] /= self[row, row]
        }
        return solution
    }

    /// The columns of L⁻¹, by which xᵀ·M⁻¹·x = |L⁻¹·x|² takes no division.
    package func inverseColumns() -> [[Double]] {
        (0..<dimension).map { column in
            var unit = Array(repeating: 0.0, count: dimension)
            unit[column] = 1
            return forward(unit)
        }
    }
}
