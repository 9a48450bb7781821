/// Which candidates a policy takes for findings: by score and by the values that it allows.
struct FindingFilter: Sendable {
    private var minimumScore: Float
    /// By kind; empty where no kind has its own. Below 0: as for all.
    private var ownMinimumScores: [Float] = []
    /// What is let through; nil: nothing.
    var allowList: AllowList?

    init(minimumScore: Float = 0.5) {
        self.minimumScore = minimumScore
    }

    mutating func setMinimumScore(_ score: Float) {
        minimumScore = score
    }

    mutating func setMinimumScore(_ score: Float, for kind: EntityKind) {
        if ownMinimumScores.isEmpty { ownMinimumScores = [Float](repeating: -1, count: EntityKind.tableSize) }
        ownMinimumScores[Int(kind.rawValue)] = score
    }

    func minimumScore(of kind: EntityKind) -> Float {
        guard !ownMinimumScores.isEmpty else { return minimumScore }
        let own = ownMinimumScores[Int(kind.rawValue)]
        return own < 0 ? minimumScore : own
    }

    @inline(__always)
    func admits(_ finding: Finding, _ text: Text) -> Bool {
        guard finding.score >= minimumScore(of: finding.kind) else { return false }
        guard let allowList else { return true }
        return !allowList.allows(UnsafeBufferPointer(start: text.base, count: text.count)[finding.range], kind: finding.kind)
    }
}
