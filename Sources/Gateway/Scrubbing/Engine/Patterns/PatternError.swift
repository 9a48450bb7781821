/// Why a pattern is refused when it is configured.
public struct PatternError: Error, Hashable, Sendable {
    /// What is wrong, as the end of a sentence that starts with "the pattern": `has a back-reference`.
    public let problem: String
    /// How to mend it.
    public let remedy: String
    /// Where in the pattern, in Unicode scalars from 0.
    public let position: Int

    init(_ problem: String, _ remedy: String, at position: Int) {
        self.problem = problem
        self.remedy = remedy
        self.position = position
    }
}
