import GatewayCore
import Wire

/// The pipeline's words in those of the wire protocol.
extension ErrorBody {
    init(_ fault: Fault, requestID: RequestID?) {
        self.init(
            code: ErrorCode(rawValue: fault.kind.rawValue), message: Text(fault.message), retryable: fault.isRetryable,
            retryAfterMs: UInt32(clamping: fault.retryAfterMilliseconds ?? 0),
            requestID: requestID.map { Text($0.description) } ?? Text(), param: fault.parameter.map { Text($0) } ?? Text())
    }
}

extension End {
    init(_ summary: AnswerSummary) {
        let usage = summary.usage
        self.init(
            finishes: summary.finishes.map {
                Finish(choice: UInt32(clamping: $0.choice), reason: Finish.Reason($0.reason), providerReason: Text($0.providerReason))
            },
            usage: Usage(
                input: usage.input, cacheRead: usage.cacheRead, cacheWrite: usage.cacheWrite, output: usage.output,
                reasoning: usage.reasoning),
            costNanoUSD: summary.costNanoUSD ?? 0, estimated: summary.isEstimated,
            scrubbed: summary.scrubbed.map { Wire.ScrubCount(kind: Text($0.kind), count: UInt32(clamping: $0.count)) },
            timings: Phase.allCases.map { PhaseTiming(phase: Self.phases[$0.rawValue], microseconds: summary.timings.microseconds($0)) },
            receiptID: Text(summary.requestID.description), routeReason: Text(summary.routeReason),
            attempts: UInt32(clamping: summary.attempts), limits: Self.limits(summary.rateLimit))
    }

    /// The phases' names, made once: they are told at the end of every request.
    private static let phases = Phase.allCases.map { Text($0.name) }

    private static func limits(_ report: LimitReport?) -> [LimitStatus] {
        guard let report, report != LimitReport() else { return [] }
        var told: [LimitStatus] = []
        told.reserveCapacity(3)
        let measures = [(LimitStatus.Measure.requests, report.requests), (.tokens, report.tokens), (.concurrentRequests, report.places)]
        for (measure, status) in measures {
            guard let status else { continue }
            told.append(
                LimitStatus(
                    measure: measure, limit: status.limit, remaining: status.remaining,
                    resetMs: UInt32(clamping: status.resetMilliseconds)))
        }
        return told
    }
}

extension Finish.Reason {
    init(_ reason: FinishReason) {
        self =
            switch reason {
            case .stop: .stop
            case .length: .length
            case .toolCalls: .toolCalls
            case .contentFilter: .contentFilter
            case .refusal: .refusal
            case .other: .other
            }
    }
}

extension ItemKind {
    init(_ kind: AnswerItemKind) {
        self =
            switch kind {
            case .text: .text
            case .reasoning: .reasoning
            case .toolCall: .toolCall
            case .refusal: .refusal
            case .block: .providerBlock
            // Nobody tells these here.
            case .aside: .text
            }
    }
}

extension Wire.CacheStatus {
    init(_ status: GatewayCore.CacheStatus) {
        self =
            switch status {
            case .miss: .miss
            case .hit: .hit
            case .bypass: .bypass
            case .coalesced: .coalesced
            }
    }
}

extension GatewayCore.CacheDirective {
    /// Unknown directives mean what the configuration means: nothing is switched on that the caller did not ask for by a known name.
    init(_ directive: Wire.CacheDirective) {
        self =
            switch directive {
            case .use: .use
            case .off: .off
            case .refresh: .refresh
            case .only: .only
            default: .modelDefault
            }
    }
}
