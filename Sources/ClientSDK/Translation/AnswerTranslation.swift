import NIOCore
import Wire

// What is told to the application is copied out of the receive buffer: a slice would keep the whole buffer alive for as long as a
// slow reader lets it wait.

extension AnswerHead {
    init(_ begin: Begin) {
        self.init(model: begin.model.string, provider: begin.provider.string, cache: CacheStatus(begin.cache))
        responseID = begin.responseID.string
        requestID = begin.requestID.string
        created = begin.created
    }
}

extension CacheStatus {
    fileprivate init(_ status: Wire.CacheStatus) {
        switch status {
        case .miss: self = .miss
        case .hit: self = .hit
        case .bypass: self = .bypass
        case .coalesced: self = .coalesced
        default: self = .unknown
        }
    }
}

extension ChatEvent {
    /// `nil`: a kind that this build does not know.
    init?(_ delta: Delta) {
        let choice = Int(delta.choice)
        switch delta.kind {
        case .text: self = .text(String(buffer: delta.data), choice: choice)
        case .reasoning: self = .reasoning(String(buffer: delta.data), choice: choice)
        case .refusal: self = .refusal(String(buffer: delta.data), choice: choice)
        case .toolCall:
            self = .toolCall(
                ToolCallDelta(
                    choice: choice, item: Int(delta.item), id: delta.id.string, name: delta.name.string,
                    arguments: String(buffer: delta.data)))
        case .providerBlock:
            self = .providerBlock(
                ProviderBlockDelta(
                    choice: choice, item: Int(delta.item), name: delta.name.string, data: Array(delta.data.readableBytesView)))
        default: return nil
        }
    }
}

extension AnswerPiece {
    /// `nil`: a kind that this build does not know.
    init?(_ result: ResultBody) {
        switch result.body {
        case .chat(let chat): self = .choices(chat.choices.map { ChatAnswer.Choice($0) })
        case .models(let result):
            self = .models(result.models.map { Model(id: $0.id.string, ownedBy: $0.ownedBy.string, created: $0.created) })
        case .embeddings(let result): self = .embeddings(result.embeddings.sorted { $0.index < $1.index }.map(\.values))
        case .feedback(let result) where result.accepted: self = .feedbackTaken
        case .feedback, nil: return nil
        }
    }
}

extension ChatAnswer.Choice {
    fileprivate init(_ choice: Wire.Choice) {
        self.init(index: Int(choice.index))
        for item in choice.items {
            switch item.kind {
            case .text: text += String(buffer: item.data)
            case .reasoning: reasoning += String(buffer: item.data)
            case .refusal: refusal += String(buffer: item.data)
            case .toolCall:
                toolCalls.append(ToolCall(id: item.id.string, name: item.name.string, arguments: String(buffer: item.data)))
            case .providerBlock:
                providerBlocks.append(ProviderBlock(name: item.name.string, data: Array(item.data.readableBytesView)))
            default: break
            }
        }
    }
}

extension AnswerSummary {
    init(_ end: End) {
        self.init()
        finishes = end.finishes.map { Finish(choice: Int($0.choice), reason: .init($0.reason), providerReason: $0.providerReason.string) }
        if let usage = end.usage {
            self.usage = Usage(
                input: usage.input, cacheRead: usage.cacheRead, cacheWrite: usage.cacheWrite, output: usage.output,
                reasoning: usage.reasoning)
        }
        costNanoUSD = end.costNanoUSD
        isEstimated = end.estimated
        scrubbed = end.scrubbed.map { ScrubCount(kind: $0.kind.string, count: Int($0.count)) }
        timings = end.timings.map { PhaseTiming(phase: $0.phase.string, microseconds: Int($0.microseconds)) }
        receiptID = end.receiptID.string
        routeReason = end.routeReason.string
        attempts = Int(end.attempts)
        requestLimit = end.limits.first { $0.measure == .requests }.map { LimitStatus($0) }
        tokenLimit = end.limits.first { $0.measure == .tokens }.map { LimitStatus($0) }
        concurrencyLimit = end.limits.first { $0.measure == .concurrentRequests }.map { LimitStatus($0) }
    }
}

extension LimitStatus {
    fileprivate init(_ status: Wire.LimitStatus) {
        self.init(limit: status.limit, remaining: status.remaining, reset: .milliseconds(Int64(status.resetMs)))
    }
}

extension Finish.Reason {
    fileprivate init(_ reason: Wire.Finish.Reason) {
        switch reason {
        case .stop: self = .stop
        case .length: self = .length
        case .toolCalls: self = .toolCalls
        case .contentFilter: self = .contentFilter
        case .refusal: self = .refusal
        default: self = .other
        }
    }
}

extension AgentShieldError {
    init(_ body: ErrorBody) {
        self.init(
            Code(rawValue: body.code.rawValue), body.message.string, requestID: body.requestID.string, isRetryable: body.retryable,
            retryAfter: body.retryAfterMs > 0 ? .milliseconds(Int64(body.retryAfterMs)) : nil,
            parameter: body.param.isEmpty ? nil : body.param.string)
    }
}

extension AgentShieldError.Code {
    private static let clientNames: [Self: String] = [
        .unreachable: "unreachable", .connectionLost: "connection_lost", .tooManyPending: "too_many_pending",
        .clientShutDown: "client_shut_down", .invalidConfiguration: "invalid_configuration",
        .credentialUnavailable: "credential_unavailable", .upgradeRefused: "upgrade_refused",
    ]

    /// The registry's name, or the number.
    var name: String {
        ErrorCode(rawValue: rawValue).entry?.name ?? Self.clientNames[self] ?? String(rawValue)
    }
}

extension CallFailure {
    /// What the gateway said of one request.
    init(stream body: ErrorBody) {
        let retry: Retry =
            switch body.code.entry?.retry {
            case _ where !body.retryable: .never
            case .safe where body.retryAfterMs == 0, .elsewhere where body.retryAfterMs == 0: .atOnce
            default: .later
            }
        self.init(error: AgentShieldError(body), retry: retry)
    }

    /// Why a connection failed. What it was trying to do may be tried on another one, unless that would fail alike.
    init(connection body: ErrorBody) {
        let isFinal = !body.retryable && body.code.entry?.retry == .never
        self.init(error: AgentShieldError(body), retry: isFinal ? .never : .later)
    }
}
