/// What the names of Anthropic's models tell of how they are asked to think: that differs from version to version, and each refuses the words of the
/// others.
///
/// From Anthropic's pages on thinking and effort, and the migration guides of its models:
///
/// | models | thinking |
/// |---|---|
/// | before 3.7 | none |
/// | 3.7 to 4.5 | a budget of tokens |
/// | Opus and Sonnet 4.6 to 4.8 | adaptive, when asked for |
/// | 5, and Haiku 5.5 | adaptive unless it is disabled |
/// | Sonnet 5.5 | adaptive unless it is `between_tools`; takes no forced choice of tools |
/// | Opus 5.5, Fable, Mythos | always adaptive; take no forced choice of tools |
///
/// A later version is taken to be like the last one of its family, and a model of another maker to think by a budget, as the API first had it.
struct ClaudeModel: Equatable {
    enum Thinking: Equatable {
        case never
        /// `enabled`, with `budget_tokens`.
        case budget
        /// `adaptive`, steered by `output_config.effort`.
        case adaptive
    }

    /// How thinking is turned off.
    enum Off: Equatable {
        /// By not asking for it.
        case unasked
        case disabled
        /// `between_tools`.
        case betweenTools
        case impossible
    }

    let thinking: Thinking
    let off: Off
    /// Whether `tool_choice` may be `any` or `tool`.
    let takesForcedTools: Bool
    /// Whether `temperature`, `top_p` and `top_k` may differ from their defaults.
    let takesSampling: Bool
    /// Whether `temperature` and `top_p` may stand beside each other.
    let takesBothSamplings: Bool
    private let hasExtraHigh: Bool

    init(name: String) {
        let family = ["opus", "sonnet", "haiku", "fable", "mythos"].first { name.contains($0) }
        guard name.contains("claude-"), let family else {
            (thinking, off, takesForcedTools, takesSampling, takesBothSamplings, hasExtraHigh) = (
                .budget, .unasked, true, true, true, false
            )
            return
        }
        // A name without a number is the newest's.
        let version = Self.version(in: name) ?? 1_000
        let isAlwaysOn = ["fable", "mythos"].contains(family) || (family == "opus" && version >= 505)
        let isSonnet = family == "sonnet" && version >= 505
        thinking = version < 307 ? .never : version < 406 ? .budget : .adaptive
        off = isAlwaysOn ? .impossible : isSonnet ? .betweenTools : version < 500 ? .unasked : .disabled
        takesForcedTools = !isAlwaysOn && !isSonnet
        takesSampling = version < 407
        takesBothSamplings = version < 401
        hasExtraHigh = version >= 407
    }

    /// The model thinks unless it is told not to.
    var thinksUnasked: Bool { off != .unasked }

    /// 100 times the major version, and the minor one: of `claude-opus-4-6` 406, of `claude-3-7-sonnet-20250219` 307. Dates are none.
    private static func version(in name: String) -> Int? {
        var numbers: [Int] = []
        for part in name.split(whereSeparator: { "-.@".contains($0) }) {
            if let number = Int(part), part.utf8.count <= 2 { numbers.append(number) } else if !numbers.isEmpty { break }
        }
        guard let major = numbers.first else { return nil }
        return major * 100 + (numbers.count > 1 ? numbers[1] : 0)
    }

    /// A level of OpenAI's in Anthropic's words: never more than was asked for.
    func effort(_ level: ReasoningLevel) -> String {
        switch level {
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .extraHigh: hasExtraHigh ? "xhigh" : "high"
        case .most: "max"
        }
    }
}
