/// The engine's bounds, in bytes. They are the same for whole texts and for streams: this is what makes a stream's result exact.
enum Limits {
    /// What a recogniser may look at before its trigger: the longest local part, credential name or context window, and a boundary byte.
    static let lookBehind = 224
    /// How far before its finding a trigger may stand: `password`'s `w`, `: ` and a quote.
    static let triggerLead = 16
    /// How far to the left of a value a context word counts.
    static let contextWindow = 64
    /// How far behind a value that a context word raised its neighbour of the same kind may stand.
    static let neighbourGap = 16
    /// The longest local part of an e-mail address (RFC 5321, 4.5.3.1.1).
    static let emailLocalPart = 64
    /// The longest `user:password` in a URL.
    static let userInfo = 120
    /// The longest value that is assigned to the name of a credential; a longer one is none.
    static let assignedValue = 256
    /// The longest armoured private key; what follows is other text.
    static let privateKey = 16 * 1024
    /// The longest domain (RFC 5321, 4.5.3.1.2).
    static let emailDomain = 255
    /// The longest date in words: six of at most eleven bytes, with two between.
    static let dateInWords = 78
    /// The longest number with its separators.
    static let numberPhrase = 48
    /// The longest credential that is one token; what follows is other text.
    static let token = 4096
    /// The longest name of a kind.
    static let kindName = 32
    /// The most digits in a placeholder's number.
    static let placeholderDigits = 7
    /// The longest finding that joins overlapping candidates.
    static let joinedSpan = 8192
    /// The longest match of a custom pattern. Of a longer text, the pattern matches as much as it can within this.
    static let customMatch = 256
    /// The most custom patterns of a policy.
    static let customPatterns = 64
    /// The most bytes of values that are numbered in one document.
    static let numberedBytes = 16 * 1024 * 1024
}
