import GatewayCore
import GatewayJSON

/// How a request asks the model to think, in the words of that model.
struct ThinkingPlan {
    enum Block {
        case budget(Int64)
        case adaptive
        case off(StaticString)
        /// The caller's own, which passes.
        case caller(JSONValue)
    }

    var block: Block?
    /// For `output_config`.
    var effort: String?
    /// On top of a cap that is assumed.
    var tokens: Int64 = 0
    /// Whether the model may think in this answer.
    var thinks = false

    func write(to json: inout JSONWriter) {
        guard let block else { return }
        json.key("thinking")
        switch block {
        case .budget(let tokens):
            json.object { json in
                json.member("type", "enabled")
                json.member("budget_tokens", tokens)
            }
        case .adaptive: json.object { $0.member("type", "adaptive") }
        case .off(let word):
            json.object { json in
                json.key("type")
                json.string("\(word)")
            }
        case .caller(let thinking): json.raw(thinking)
        }
    }
}

/// Anthropic's API refuses thinking beside a forced choice of tools, and thinking by a budget behind calls of tools that were made without it. There the
/// rest of the request counts for more than how long the model thinks: the thinking is left out, and the answer says so (`x-agentshield-dropped`).
extension ChatToMessages {
    mutating func planThinking(_ root: JSONValue, _ model: ClaudeModel, cap: Int64?) throws(Fault) -> ThinkingPlan {
        let word = try root.string("reasoning_effort")?.string
        let level = word.flatMap(ReasoningLevel.init)
        if let word, level == nil, word != "none" {
            throw .invalidField("reasoning_effort", "must be none, minimal, low, medium, high or xhigh")
        }
        if let thinking = try root.object("thinking") { return try plan(callers: thinking, level, model) }
        let choice = try ChatToolChoice(of: root)
        let isForced = model.takesForcedTools && choice?.isForced == true
        if word == "none" { return try planNone(model) }
        if isForced, model.thinksUnasked, let off = Self.off(model) { return planOff(off, level, model) }
        guard let level else {
            return ThinkingPlan(tokens: model.thinksUnasked ? ReasoningLevel.medium.tokens : 0, thinks: model.thinksUnasked)
        }
        switch model.thinking {
        case .never:
            try gaps.refuse("reasoning_effort", "has no counterpart: this model does not think")
            return ThinkingPlan()
        case .adaptive:
            guard !isForced else { return ThinkingPlan(effort: model.effort(level)) }
            return ThinkingPlan(block: .adaptive, effort: model.effort(level), tokens: level.tokens, thinks: true)
        case .budget:
            let lacksThinking = try Self.lacksThinking(root)
            guard !isForced, !lacksThinking else {
                gaps.tell("reasoning_effort")
                return ThinkingPlan()
            }
            return try planBudget(level, cap: cap)
        }
    }

    private func plan(callers thinking: JSONValue, _ level: ReasoningLevel?, _ model: ClaudeModel) throws(Fault) -> ThinkingPlan {
        let type = try thinking.string("type")
        let budget = try thinking.field("budget_tokens")?.int ?? 0
        return ThinkingPlan(
            block: .caller(thinking), effort: model.thinking == .adaptive ? level.map { model.effort($0) } : nil,
            tokens: min(max(0, budget), 1 << 32), thinks: type?.equals("enabled") == true || type?.equals("adaptive") == true)
    }

    private mutating func planNone(_ model: ClaudeModel) throws(Fault) -> ThinkingPlan {
        guard model.thinksUnasked else { return ThinkingPlan() }
        if let off = Self.off(model) { return ThinkingPlan(block: .off(off)) }
        try gaps.refuse("reasoning_effort", "cannot be none: this model always thinks")
        return ThinkingPlan(tokens: ReasoningLevel.medium.tokens, thinks: true)
    }

    /// Where thinking is off, these models take no more effort than `high`.
    private func planOff(_ off: StaticString, _ level: ReasoningLevel?, _ model: ClaudeModel) -> ThinkingPlan {
        ThinkingPlan(block: .off(off), effort: level.map { model.effort(min($0, .high)) })
    }

    private static func off(_ model: ClaudeModel) -> StaticString? {
        switch model.off {
        case .disabled: "disabled"
        case .betweenTools: "between_tools"
        case .unasked, .impossible: nil
        }
    }

    /// Of the cap a quarter at least is left for the answer itself, and 1,024 tokens of thinking are the least that the API takes.
    private mutating func planBudget(_ level: ReasoningLevel, cap: Int64?) throws(Fault) -> ThinkingPlan {
        guard let cap else { return ThinkingPlan(block: .budget(level.tokens), tokens: level.tokens, thinks: true) }
        let most = cap - cap / 4
        guard most >= ReasoningLevel.low.tokens else {
            try gaps.refuse("reasoning_effort", "needs a cap on the output of at least 1365 tokens at this model's provider")
            return ThinkingPlan()
        }
        return ThinkingPlan(block: .budget(min(level.tokens, most)), thinks: true)
    }

    /// Whether the conversation ends in a text of the assistant's that is to be gone on with, or in calls of tools that were made without thinking.
    private static func lacksThinking(_ root: JSONValue) throws(Fault) -> Bool {
        var (lacks, followsResult) = (false, false)
        for message in try root.elements("messages") {
            let role = try message.requiredString("role")
            if role.equals("assistant") {
                let first = try message.elements("thinking_blocks").first { _ in true }
                let thought = try first?.field("type")
                lacks = thought?.equals("thinking") != true && thought?.equals("redacted_thinking") != true
            } else if role.equals("user"), !followsResult {
                lacks = false
            }
            followsResult = role.equals("tool") || (followsResult && role.equals("user"))
        }
        return lacks
    }

    // MARK: sampling

    /// Writes `temperature`, `top_p` or `top_k`, as far as the model takes it.
    mutating func write(sampling key: StaticString, _ value: JSONValue, _ model: ClaudeModel, thinks: Bool, root: JSONValue) throws(Fault) {
        guard !value.isNull else { return }
        guard let number = value.double else { throw .invalidField("\(key)", "must be a number") }
        let isTemperature = "\(key)" == "temperature"
        let isDefault = number == 1 && "\(key)" != "top_k"
        if isTemperature, number > 1 { return try gaps.refuse("temperature", "must not be above 1 at this model's provider") }
        // It changes nothing.
        if isDefault, thinks || !model.takesSampling { return }
        guard model.takesSampling else {
            return try gaps.refuse("\(key)", "cannot be chosen for this model")
        }
        if thinks, isTemperature || "\(key)" == "top_k" || number < 0.95 {
            let rule = isTemperature ? "must be 1" : "\(key)" == "top_k" ? "cannot be chosen" : "must be from 0.95 to 1"
            return try gaps.refuse("\(key)", "\(rule) where this model thinks")
        }
        if "\(key)" == "top_p", !model.takesBothSamplings, try root.field("temperature")?.double.map({ $0 != 1 }) == true {
            return try gaps.refuse("top_p", "cannot stand beside `temperature` for this model")
        }
        json.member(key, value)
    }
}
