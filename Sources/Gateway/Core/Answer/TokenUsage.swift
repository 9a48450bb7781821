/// Model tokens in disjoint classes: their sum is what was processed.
package struct TokenUsage: Sendable, Equatable {
    /// Prompt tokens neither read from nor written to the provider's prompt cache.
    package var input: UInt64
    package var cacheRead: UInt64
    package var cacheWrite: UInt64
    /// Completion tokens without reasoning.
    package var output: UInt64
    package var reasoning: UInt64

    package init(input: UInt64 = 0, cacheRead: UInt64 = 0, cacheWrite: UInt64 = 0, output: UInt64 = 0, reasoning: UInt64 = 0) {
        self.input = input
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
        self.output = output
        self.reasoning = reasoning
    }

    /// Saturates.
    package mutating func add(_ other: TokenUsage) {
        input = input.addingSaturating(other.input)
        cacheRead = cacheRead.addingSaturating(other.cacheRead)
        cacheWrite = cacheWrite.addingSaturating(other.cacheWrite)
        output = output.addingSaturating(other.output)
        reasoning = reasoning.addingSaturating(other.reasoning)
    }
}
