package import GatewayCore
package import GatewayPipeline
package import NIOCore

/// What stands behind the HTTP door on one event loop: the gateway, or a script in tests.
///
/// Event-loop confined: every connection is given the backend of its own loop when it is accepted.
package protocol ShimBackend: AnyObject {
    /// Read at the start of every connection and request, so a reload reaches the next one.
    var shimSettings: ShimSettings { get }
    /// Whether this replica is going away: answers then end their HTTP/1.1 connections.
    var isDraining: Bool { get }
    func makeRequestID() -> RequestID
    /// Finds who presents a credential: one keyed hash and a table look-up, called as soon as a request's head is there.
    func authenticate(_ credential: UnsafeRawBufferPointer) -> Result<Principal, Fault>
    /// Starts a chat request. The receiver is never called before this has returned.
    func begin(_ request: CallerRequest, receiver: any AnswerReceiver) -> any ShimExchange
    /// The models that a principal may name, sorted by name.
    func models(for principal: Principal) -> [ModelListing]
    /// The record of a finished request of the principal's own tenant; `nil`: unknown, or another tenant's.
    func receipt(_ id: RequestID, for principal: Principal) -> LedgerRecord?
    /// Takes bytes from the budget for requests that are still arriving; `false`: shed the request.
    func reserveBytes(_ count: Int) -> Bool
    func releaseBytes(_ count: Int)
}

/// A chat request under way, as the door holds it.
package protocol ShimExchange: AnyObject {
    /// Whether the caller asked for a stream. Asked for in `answerBegan` and afterwards only.
    var isStreamed: Bool { get }
    /// The caller left: the receiver hears nothing more.
    func cancel()
    /// Stops reading the upstream; a chunk or two may still come.
    func pause()
    func resume()
}

/// Limits and times of the HTTP door.
package struct ShimSettings: Sendable, Equatable {
    /// Bytes of a request's body; a longer one is a 413.
    package var maxRequestBytes: Int
    /// How long a request's head may take, and its body beyond what ``minimumBodyBytesPerSecond`` allows for; then 408.
    package var slowRequestTimeout: TimeAmount
    /// The rate at which a body must arrive: each second's worth of bytes buys a second more. At least 1.
    package var minimumBodyBytesPerSecond: Int
    /// How long a stream may be silent before it carries a comment.
    package var keepAliveInterval: TimeAmount
    /// How long a connection may be without a request.
    package var idleTimeout: TimeAmount
    /// How long a client may leave its answer unread before it is taken for gone.
    package var stalledReaderTimeout: TimeAmount
    /// How long HTTP/2 streams may go on after GOAWAY.
    package var drainDeadline: TimeAmount

    package init(
        maxRequestBytes: Int = 32 * 1024 * 1024, slowRequestTimeout: TimeAmount = .seconds(20), minimumBodyBytesPerSecond: Int = 16 * 1024,
        keepAliveInterval: TimeAmount = .seconds(15), idleTimeout: TimeAmount = .seconds(75), stalledReaderTimeout: TimeAmount = .seconds(120),
        drainDeadline: TimeAmount = .seconds(30)
    ) {
        self.maxRequestBytes = maxRequestBytes
        self.slowRequestTimeout = slowRequestTimeout
        self.minimumBodyBytesPerSecond = max(1, minimumBodyBytesPerSecond)
        self.keepAliveInterval = keepAliveInterval
        self.idleTimeout = idleTimeout
        self.stalledReaderTimeout = stalledReaderTimeout
        self.drainDeadline = drainDeadline
    }
}
