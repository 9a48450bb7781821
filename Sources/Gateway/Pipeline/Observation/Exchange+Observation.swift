package import GatewayCore
import NIOCore
import Providers

/// What is counted and traced of a request.
extension Exchange {
    /// A call to a provider is over.
    ///
    /// - Parameter fault: why it gave no answer; `nil`: it did.
    func observeCall(_ upstream: UpstreamHealth.Call, _ fault: FaultKind?, usage: TokenUsage?) {
        guard let target = attempted else { return }
        let now = NIODeadline.now()
        loop.tally.callEnded(
            RequestTally.Model(target, request.operation), nanoseconds: (now - upstream.began).nanoseconds, fault)
        trace?.callEnded(upstream, fault, usage: usage, now: now)
    }

    /// The request is over, and its record is written or given up.
    func observeEnd(_ outcome: Outcome, _ fault: Fault?) {
        let now = NIODeadline.now()
        // A record that did not become durable in time makes a failure of an answer.
        let outcome = fault != nil && outcome == .answered ? .failed : outcome
        let kind = RequestTally.Kind(
            door: request.door, surface: request.surface, operation: request.operation, isStreamed: envelope.isStreamed,
            outcome: outcome, fault: fault?.kind, status: status(outcome, fault))
        loop.tally.requestEnded(
            RequestTally.Ended(
                kind: kind, model: target.map { RequestTally.Model($0, request.operation) },
                nanoseconds: (now - request.receivedAt).nanoseconds,
                firstContentNanoseconds: firstContentAt.map { ($0 - request.receivedAt).nanoseconds }), summary)
        if let trace { loop.export(spans(trace, outcome, fault, now: now)) }
    }

    private static let rejections: Set = [400, 404, 409, 413, 422]

    private func status(_ outcome: Outcome, _ fault: Fault?) -> UInt16 {
        if let fault {
            // A provider's own statuses are not counted one by one: it could think of a hundred.
            let isKnown = fault.kind != .upstreamRejected || Self.rejections.contains(fault.httpStatus)
            return isKnown ? UInt16(clamping: fault.httpStatus) : 400
        }
        // What nginx calls a client that has left.
        return outcome == .answered ? 200 : 499
    }

    private func spans(_ trace: RequestTrace, _ outcome: Outcome, _ fault: Fault?, now: NIODeadline) -> [Span] {
        let operation = request.operation.spanName(request.surface)
        var attributes = [
            Span.Attribute("gen_ai.operation.name", .text(operation)),
            Span.Attribute("agentshield.request.id", .text(request.id.description)),
            Span.Attribute("agentshield.door", .text(request.door.name)),
            Span.Attribute("agentshield.surface", .text(request.surface.surfaceName)),
            Span.Attribute("agentshield.tenant", .text(request.principal.tenant)),
            Span.Attribute("agentshield.cache", .text(summary.cache.name)),
            Span.Attribute("agentshield.attempts", .integer(Int64(summary.attempts))),
            Span.Attribute("agentshield.overhead_us", .integer(Int64(summary.timings.overheadMicroseconds))),
        ]
        if let target {
            attributes.append(Span.Attribute("gen_ai.provider.name", .text(target.provider)))
            attributes.append(Span.Attribute("gen_ai.request.model", .text(target.configuredName)))
        }
        if !summary.routeReason.isEmpty { attributes.append(Span.Attribute("agentshield.route_reason", .text(summary.routeReason))) }
        if let cost = summary.costNanoUSD { attributes.append(Span.Attribute("agentshield.cost_usd", .number(Double(cost) / 1e9))) }
        attributes += summary.usage.attributes
        for finding in summary.scrubbed {
            attributes.append(Span.Attribute("agentshield.scrubbed.\(finding.kind)", .integer(Int64(finding.count))))
        }
        let error = fault?.kind.presentation.name ?? (outcome == .answered ? nil : outcome.rawValue)
        return trace.spans(
            named: target.map { "\(operation) \($0.configuredName)" } ?? operation, attributes, error: error, now: now,
            wallOffset: loop.wallOffset(now: now))
    }
}

extension RequestOperation {
    /// OpenTelemetry's names of operations, as far as it has them.
    package func spanName(_ surface: Dialect) -> String {
        switch self {
        case .answer: surface == .completions ? "text_completion" : "chat"
        case .countTokens: "count_tokens"
        case .embeddings: "embeddings"
        }
    }
}

extension Dialect {
    /// What callers know the surface by.
    package var surfaceName: String {
        switch self {
        case .openAI: "chat_completions"
        case .anthropic: "messages"
        case .responses: "responses"
        case .completions: "completions"
        case .ollama: "ollama"
        case .gemini: "gemini"
        }
    }
}
