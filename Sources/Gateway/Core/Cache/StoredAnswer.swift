package import NIOCore

/// A provider's whole answer as it came, placeholders still in it, so that it can be read again for another caller.
package struct StoredAnswer: Sendable, Equatable {
    package var isStreamed: Bool
    /// The language of the texts.
    package var dialect: Dialect
    /// The provider's JSON texts, one behind the other.
    package private(set) var bytes: ByteBuffer
    /// Where each text ends, as an offset into `bytes`; ascending.
    package private(set) var ends: [Int]
    package var model: String
    package var provider: String
    package var usage: TokenUsage
    package var finishes: [AnswerFinish]

    package init(isStreamed: Bool, dialect: Dialect = .openAI, model: String, provider: String) {
        self.isStreamed = isStreamed
        self.dialect = dialect
        bytes = ByteBuffer()
        ends = []
        self.model = model
        self.provider = provider
        usage = TokenUsage()
        finishes = []
    }

    package mutating func append(_ raw: ByteBuffer) {
        bytes.writeImmutableBuffer(raw)
        ends.append(bytes.readableBytes)
    }

    /// The texts, in order, as slices.
    package var chunks: [ByteBuffer] {
        var start = 0
        return ends.compactMap { end in
            defer { start = end }
            return bytes.getSlice(at: bytes.readerIndex + start, length: end - start)
        }
    }

    /// What the answer counts against a cache's byte cap: its bytes and about what its record takes.
    package var cost: Int { bytes.readableBytes + 8 * ends.count + 256 }

    /// Whether every choice ended by itself: a cut or filtered answer is never served twice.
    package var isWhole: Bool {
        !finishes.isEmpty && finishes.allSatisfy { $0.reason == .stop || $0.reason == .toolCalls || $0.reason == .refusal }
    }
}
