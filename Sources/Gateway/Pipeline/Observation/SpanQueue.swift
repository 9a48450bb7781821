package import GatewayCore
import NIOConcurrencyHelpers

/// Finished spans on their way from the event loops to whoever exports them. Nobody waits: what does not fit is dropped and counted.
package final class SpanQueue: Sendable {
    private struct State {
        var spans: [Span] = []
        var dropped: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())
    private let capacity: Int

    package init(capacity: Int) { self.capacity = capacity }

    /// Spans that did not fit, since the start.
    package var dropped: UInt64 { state.withLockedValue { $0.dropped } }
    package var count: Int { state.withLockedValue { $0.spans.count } }

    /// Takes a request's spans, all or none.
    func append(_ spans: [Span]) {
        state.withLockedValue { state in
            guard state.spans.count + spans.count <= capacity else {
                state.dropped &+= UInt64(spans.count)
                return
            }
            state.spans.append(contentsOf: spans)
        }
    }

    /// The oldest ones, so many at most.
    package func take(_ count: Int) -> [Span] {
        state.withLockedValue { state in
            guard state.spans.count > count else {
                defer { state.spans.removeAll() }
                return state.spans
            }
            defer { state.spans.removeFirst(count) }
            return Array(state.spans.prefix(count))
        }
    }
}

/// How requests are traced.
package struct TracingSettings: Sendable {
    package var sampling: TraceSampling
    package var queue: SpanQueue

    package init(sampling: TraceSampling, queue: SpanQueue) { (self.sampling, self.queue) = (sampling, queue) }
}
