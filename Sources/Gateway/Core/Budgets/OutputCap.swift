/// What was reserved for an answer's output, as far as a stream can be held to it from outside.
///
/// The provider is given the cap and keeps to it by its own tokenizer, which nobody else knows: pieces of a stream are not tokens, they may be smaller
/// or larger. So a stream is cut only where no honest tokenizer could have stayed within the cap: by the provider's own count, or by more bytes of text
/// than so many tokens can have. A provider that takes no notice of the cap is held to that bound.
package struct OutputCap: Sendable, Equatable {
    /// Bytes of the longest token of text. The vocabularies that are published (r50k, cl100k and o200k of OpenAI, and those made from them) end at 128 bytes,
    /// a run of blanks.
    package static let longestTokenBytes: UInt64 = 128

    /// Over all choices.
    package let tokens: UInt64

    package init(tokens: UInt64) {
        self.tokens = tokens
    }

    /// - Parameters:
    ///   - textBytes: of all text so far: content, reasoning, refusals, names and arguments of tools.
    ///   - told: what the provider says it has counted so far, if it does.
    ///   - isOpen: whether a choice has not ended yet. What a provider counts of an answer that has ended is its bill, and nothing is left to be cut.
    package func isExceeded(textBytes: Int, told: TokenUsage?, isOpen: Bool) -> Bool {
        if isOpen, let told, isBelow(told) { return true }
        let (bytes, overflow) = tokens.multipliedReportingOverflow(by: Self.longestTokenBytes)
        return !overflow && UInt64(max(0, textBytes)) > bytes
    }

    /// Whether a count of output is beyond the cap.
    package func isBelow(_ usage: TokenUsage) -> Bool {
        let (output, overflow) = usage.output.addingReportingOverflow(usage.reasoning)
        return overflow || output > tokens
    }
}
