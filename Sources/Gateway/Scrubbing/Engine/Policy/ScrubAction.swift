/// What becomes of a finding.
public enum ScrubAction: Hashable, Sendable {
    /// `<EMAIL_1>`: numbered, and restored in the answer.
    case placeholder
    /// `<EMAIL>`: not numbered, never restored.
    case redact
    /// `*` for every character but spaces and hyphens and the last `keepLast` ones; all of a value that is not longer than twice that.
    case mask(keepLast: Int)
    /// `<EMAIL#kfpdbhmnacge>`: the same for the same value, in every request, and never restored. Needs ``ScrubPolicy/setDigest(_:)``.
    case hash
    /// The whole request is refused; an answer ends before the value.
    case block
    /// Shadow mode: counted, text left as it is.
    case logOnly
    /// Not looked for.
    case ignore
}

/// A keyed digest of a value's bytes, such as the first eight bytes of HMAC-SHA256. `nil` when it cannot be made: the value is then redacted.
public typealias ValueDigest = @Sendable (UnsafeRawBufferPointer) -> UInt64?

/// What is done with findings in texts that come from a provider.
public enum AnswerHandling: Hashable, Sendable, CaseIterable {
    /// What the policy says for the kind; `placeholder` as `redact`, since nothing is behind a number that the provider made up.
    case scrub
    /// They are counted.
    case logOnly
    /// They are not looked for, which costs nothing.
    case off
}

/// What is done with findings in the keys of JSON objects, which are never rewritten: a program reads them.
public enum KeyHandling: Hashable, Sendable, CaseIterable {
    /// The request is refused, whatever the kind's action is, unless that is `logOnly` or `ignore`.
    case block
    /// They are counted, and the request refused only where the kind's action is `block`.
    case logOnly
}

/// Why a policy is refused when it is configured.
public enum PolicyError: Error, Hashable, Sendable {
    /// Secrets may only be redacted, blocked, logged or ignored: see ``EntityKind/isSecret``.
    case actionNotForSecrets(EntityKind)
    /// `keepLast` is outside of 0–8.
    case keepLastOutOfRange(Int)
    /// A minimum score, or a pattern's score, is outside of 0–1.
    case scoreOutOfRange(Float)
    /// ``ScrubAction/hash`` without ``ScrubPolicy/setDigest(_:)``.
    case noDigest
    /// More than 4,096 entries.
    case allowListTooLong
    /// An allowed value that is empty or longer than 256 bytes, or a domain that is none.
    case allowedEntry(String)
    /// More than 64 custom patterns.
    case tooManyPatterns
    /// A custom pattern's name that is not of the form that it must have, or that another kind has.
    case patternName(String)
    /// More than 32 context words, or one that is empty or longer than 32 bytes.
    case patternContext(name: String)
    /// A custom pattern that is not understood or too complex; an empty name stands for all of them together.
    case pattern(name: String, PatternError)
}
