import GatewayCore
import Logging
import NIOCore

/// The request log: one line for each request, and never a word of its text.
extension GatewayLoop {
    /// - Parameter clientAddress: where the request came from, if that may be written down.
    func log(_ record: LedgerRecord, clientAddress: String?) {
        let level: Logger.Level = record.outcome == .failed ? levelOfFailure() : .info
        guard level >= logger.logLevel else { return }
        var metadata: Logger.Metadata =
            [
                "request_id": "\(record.summary.requestID)",
                "tenant": "\(record.tenant)",
                "key": "\(record.keyID)",
                "model": "\(record.usedModel ?? "-")",
                "provider": "\(record.provider ?? "-")",
                "route": "\(record.summary.routeReason)",
                "cache": "\(record.summary.cache.name)",
                "attempts": "\(record.summary.attempts)",
                "error": "\(record.fault ?? "-")",
                "input_tokens": "\(record.summary.usage.input)",
                "output_tokens": "\(record.summary.usage.output)",
                "cost_nano_usd": "\(record.summary.costNanoUSD.map(String.init) ?? "-")",
                "scrubbed": "\(record.summary.scrubbed.map { "\($0.kind)=\($0.count)" }.joined(separator: ","))",
                "call_us": "\(record.summary.timings.microseconds(.call))",
                "overhead_us": "\(record.summary.timings.overheadMicroseconds)",
            ]
        if let clientAddress { metadata["client"] = "\(clientAddress)" }
        logger.log(level: level, "request \(record.outcome.rawValue)", metadata: metadata)
    }

    func logFallback(_ id: RequestID, from failed: UpstreamTarget, to next: UpstreamTarget, fault: Fault) {
        logger.log(
            level: levelOfFailure(),
            "upstream failed, trying the next",
            metadata: [
                "request_id": "\(id)", "failed": "\(failed.provider)/\(failed.model)", "next": "\(next.provider)/\(next.model)",
                "error": "\(fault.kind.presentation.name)",
            ])
    }

    func logRetry(_ id: RequestID, of target: UpstreamTarget, in wait: TimeAmount, fault: Fault) {
        logger.debug(
            "upstream failed, trying it again",
            metadata: [
                "request_id": "\(id)", "provider": "\(target.provider)", "model": "\(target.model)",
                "wait_ms": "\(wait.nanoseconds / 1_000_000)", "error": "\(fault.kind.presentation.name)",
            ])
    }

    /// What is written of an upstream's failures: one line when it is left alone, and one when it serves again.
    func logBreaker(_ call: UpstreamHealth.Call, _ transition: CircuitBreaker.Transition) {
        var metadata: Logger.Metadata = [
            "provider": "\(call.name.provider)", "upstream_model": "\(call.name.model)", "endpoint": "\(call.endpoint)",
        ]
        switch transition {
        case .opened(let time):
            metadata["for_ms"] = "\(time.nanoseconds / 1_000_000)"
            logger.warning("upstream fails too often, and is left alone", metadata: metadata)
        case .closed: logger.notice("upstream serves again", metadata: metadata)
        }
    }
}
