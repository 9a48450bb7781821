/// How long a model is to think, as `reasoning_effort` says it.
enum ReasoningLevel: Comparable {
    case low
    case medium
    case high
    case extraHigh
    case most

    /// `nil` for any other word, `none` among them.
    init?(_ word: String) {
        switch word {
        case "minimal", "low": self = .low
        case "medium": self = .medium
        case "high": self = .high
        case "xhigh": self = .extraHigh
        case "max": self = .most
        default: return nil
        }
    }

    /// Tokens for thinking where they must be said, or come on top of a cap that is assumed.
    var tokens: Int64 {
        switch self {
        case .low: 1_024
        case .medium: 4_096
        case .high: 16_384
        case .extraHigh, .most: 32_768
        }
    }
}
