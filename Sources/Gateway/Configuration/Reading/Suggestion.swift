/// Finds what somebody meant who mistyped a word.
enum Suggestion {
    /// The candidate that fewest changed, added, dropped or swapped characters make of `word`; `nil` if none is near.
    static func closest(to word: String, among candidates: [String]) -> String? {
        let near = candidates.map { (candidate: $0, distance: distance(word.lowercased(), $0.lowercased())) }
            .min { $0.distance < $1.distance }
        guard let near, near.distance <= max(1, min(3, near.candidate.count / 3)) else { return nil }
        return near.candidate
    }

    /// Optimal string alignment distance. Words longer than a key could be are not compared.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard left.count <= 64, right.count <= 64 else { return .max }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, leftByte) in left.enumerated() {
            var current = [row + 1]
            for (column, rightByte) in right.enumerated() {
                var best = min(last[column] + (leftByte == rightByte ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, leftByte == right[column - 1], left[row - 1] == rightByte {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
