/// What a caller's idempotency key stands for: one request, carried out once.
package struct IdempotencyClaim: Sendable, Equatable {
    /// Whose key it is, and for which operation.
    package var key: CacheKey
    /// Of the request's bytes as the caller sent them.
    package var fingerprint: CacheKey
    /// What its answer is kept under: another scrubbing policy numbers placeholders otherwise, and must not be served with it.
    package var answer: CacheKey

    package init(key: CacheKey, fingerprint: CacheKey, answer: CacheKey) {
        self.key = key
        self.fingerprint = fingerprint
        self.answer = answer
    }

    /// The longest key, in bytes.
    package static let maxKeyBytes = 255

    /// The longest answer that is kept for repetitions, in bytes: a longer one, such as the embeddings of a whole book, would hold up its event loop while
    /// it is sealed, and push out the answers of others.
    package static let maxAnswerBytes = 1 << 20

    /// Whether a caller's text may be a key: 1 to ``maxKeyBytes`` visible ASCII characters.
    package static func isKey(_ text: some StringProtocol) -> Bool {
        (1...maxKeyBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}

extension Fault {
    /// The same key has come with another request.
    package static let idempotencyConflict = Fault(
        .idempotencyConflict, origin: .downstream,
        message: "This idempotency key was used for another request: the bodies differ. Send the same body again, or take a new key.",
        parameter: "idempotency-key")

    package static let badIdempotencyKey = Fault(
        .invalidRequest, origin: .downstream,
        message: "An idempotency key has 1 to \(IdempotencyClaim.maxKeyBytes) visible ASCII characters.", parameter: "idempotency-key")

    /// More repetitions wait for the first one than may.
    package static let tooManyRepetitions = Fault(
        .overloaded, origin: .gateway,
        message: "The request is under way, and as many repetitions of it wait as may. Try again when it is over.",
        retryAfterMilliseconds: 1_000)
}
