import Tracing

/// W3C trace context for a request.
struct TraceHeaders: Sendable, Equatable {
    var traceparent = ""
    var tracestate = ""
}

/// The span around one call, from the caller's request to the end of the answer. Names and attributes are OpenTelemetry's `gen_ai.*`.
struct CallSpan: Sendable {
    private struct HeaderInjector: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout TraceHeaders) {
            switch key.lowercased() {
            case "traceparent": carrier.traceparent = value
            case "tracestate": carrier.tracestate = value
            default: break
            }
        }
    }

    private let span: any Span

    /// Starts a span in the task's service context.
    init(operation: String, model: String?) {
        span = startSpan(model.map { "\(operation) \($0)" } ?? operation, ofKind: .client)
        span.attributes["gen_ai.operation.name"] = operation
        if let model { span.attributes["gen_ai.request.model"] = model }
    }

    /// What makes the gateway's spans children of this one.
    var headers: TraceHeaders {
        var headers = TraceHeaders()
        InstrumentationSystem.instrument.inject(span.context, into: &headers, using: HeaderInjector())
        return headers
    }

    func end(_ outcome: CallOutcome) {
        switch outcome {
        case .finished(let head, let summary):
            if !head.model.isEmpty { span.attributes["gen_ai.response.model"] = head.model }
            if !head.responseID.isEmpty { span.attributes["gen_ai.response.id"] = head.responseID }
            let usage = summary.usage
            span.attributes["gen_ai.usage.input_tokens"] = Int64(clamping: usage.input &+ usage.cacheRead &+ usage.cacheWrite)
            span.attributes["gen_ai.usage.output_tokens"] = Int64(clamping: usage.output &+ usage.reasoning)
        case .failed(let error):
            span.attributes["error.type"] = error.name
            span.setStatus(SpanStatus(code: .error))
        case .abandoned:
            span.attributes["error.type"] = "cancelled"
        }
        span.end()
    }
}
