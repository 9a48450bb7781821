import GatewayCore
import NIOCore
import Providers

/// The spans of a request whose trace is recorded: its own, and one for each call to a provider. Confined to its event loop.
final class RequestTrace {
    private struct Call {
        var upstream: UpstreamHealth.Call
        var context: TraceContext
        var attributes: [Span.Attribute]
        var name: String
        var end: NIODeadline?
        var error: String?
    }

    /// Calls whose spans are kept; configuration allows fewer for a request.
    private static let maxCalls = 64

    private let context: TraceContext
    private let parent: UInt64
    private let state: String?
    private let began: NIODeadline
    private var calls: [Call] = []

    /// - Parameter context: the request's own place in the trace.
    init(_ context: TraceContext, request: CallerRequest) {
        self.context = context
        parent = request.traceparent.flatMap { TraceContext($0) }?.span ?? 0
        state = request.tracestate
        began = request.receivedAt - .nanoseconds(request.door == .http ? request.authenticationNanoseconds : 0)
    }

    /// A call begins.
    ///
    /// - Returns: the `traceparent` that makes what the provider does a child of it.
    func callBegan(
        _ upstream: UpstreamHealth.Call, of target: UpstreamTarget, _ operation: String, at endpoint: UpstreamEndpoint,
        random: inout some RandomNumberGenerator
    ) -> String {
        let context = TraceContext(trace: context.trace, span: TraceSampling.id(&random), isSampled: true)
        guard calls.count < Self.maxCalls else { return self.context.header }
        calls.append(
            Call(
                upstream: upstream, context: context,
                attributes: [
                    Span.Attribute("gen_ai.operation.name", .text(operation)),
                    Span.Attribute("gen_ai.provider.name", .text(target.provider)),
                    Span.Attribute("gen_ai.request.model", .text(target.configuredName)),
                    Span.Attribute("server.address", .text(endpoint.host)),
                    Span.Attribute("server.port", .integer(Int64(endpoint.port))),
                ], name: "\(operation) \(target.configuredName)"))
        return context.header
    }

    func callEnded(_ upstream: UpstreamHealth.Call, _ fault: FaultKind?, usage: TokenUsage?, now: NIODeadline) {
        guard let index = calls.lastIndex(where: { $0.upstream == upstream && $0.end == nil }) else { return }
        calls[index].end = now
        calls[index].error = fault?.presentation.name
        if let usage { calls[index].attributes += usage.attributes }
    }

    /// The request is over.
    ///
    /// - Parameters:
    ///   - attributes: of its own span.
    ///   - wallOffset: what makes nanoseconds since 1970 of those that deadlines are told in.
    func spans(
        named name: String, _ attributes: [Span.Attribute], error: String?, now: NIODeadline, wallOffset: Int64
    ) -> [Span] {
        func unix(_ time: NIODeadline) -> UInt64 { UInt64(max(0, Int64(clamping: time.uptimeNanoseconds) &+ wallOffset)) }
        let own = Span(
            context: context, parent: parent, state: state, name: name, kind: .server, start: unix(began), end: unix(now),
            attributes: attributes, error: error)
        return [own]
            + calls.map { call in
                Span(
                    context: call.context, parent: context.span, state: state, name: call.name, kind: .client,
                    start: unix(call.upstream.began), end: unix(call.end ?? now), attributes: call.attributes, error: call.error)
            }
    }
}

extension TokenUsage {
    /// Under OpenTelemetry's names, of which input includes what was read from and written to the provider's cache.
    var attributes: [Span.Attribute] {
        guard self != TokenUsage() else { return [] }
        return [
            Span.Attribute("gen_ai.usage.input_tokens", .integer(Int64(clamping: input &+ cacheRead &+ cacheWrite))),
            Span.Attribute("gen_ai.usage.output_tokens", .integer(Int64(clamping: output &+ reasoning))),
        ]
    }
}
