package import GatewayAuthentication
package import GatewayCore
package import GatewayPipeline
package import NIOCore

/// What stands behind the HTTP door on one event loop: the gateway, or a script in tests.
///
/// Event-loop confined: every connection is given the backend of its own loop when it is accepted.
package protocol ShimBackend: AnyObject {
    /// Read at the start of every connection and request, so a reload reaches the next one.
    var settings: DoorSettings { get }
    /// Whether this replica is going away: answers then end their HTTP/1.1 connections.
    var isDraining: Bool { get }
    func makeRequestID() -> RequestID
    /// The time of day, for answers that tell one.
    var unixMilliseconds: UInt64 { get }
    /// Finds who presents a credential: one keyed hash and a table look-up, called as soon as a request's head is there.
    func authenticate(_ credential: UnsafeRawBufferPointer) -> Recognition
    /// What a connection's credential, which is good now, is called in ``authenticate(_:)-(Credential)`` from now on.
    func credential(_ bytes: UnsafeRawBufferPointer) -> Credential?
    /// Whom a connection's credential stands for now.
    func authenticate(_ credential: Credential) -> Recognition
    /// Asks the store about a credential that is unknown here; the answer comes once, on the event loop, perhaps from inside.
    func lookUp(_ credential: Credential, timeout: TimeAmount?, completion: @escaping (Result<Principal, Fault>) -> Void)
    /// Why a request that must have come through the edge did not; `nil`: it did.
    func edgeFault(_ evidence: EdgeEvidence) -> Fault?
    /// Takes a chat request in; its exchange must be started.
    func begin(_ request: CallerRequest, receiver: any AnswerReceiver) -> any ShimExchange
    /// A request is refused before it has begun; counted.
    func refused(_ fault: FaultKind, at door: Door)
    /// The models that a principal may name, sorted by name.
    func models(for principal: Principal) -> [ModelListing]
    /// The model that a request with this name would be answered by, also one of a family, which is not listed; `nil`: none, or not for this principal.
    func model(_ name: String, for principal: Principal) -> ModelListing?
    /// Finds the record of a finished request of the principal's own tenant; `nil`: unknown, or another tenant's. The answer comes once, on the event
    /// loop, perhaps from inside.
    func receipt(_ id: RequestID, for principal: Principal, completion: @escaping (Result<LedgerRecord?, Fault>) -> Void)
    /// Takes a caller's word, from 0 to 1, for what an answer of its tenant's was worth. The answer comes once, on the event loop, perhaps from inside, and
    /// no later than the caller waits.
    func feedback(
        _ id: RequestID, score: Double, for principal: Principal, timeout: TimeAmount?, completion: @escaping (Result<Void, Fault>) -> Void)
    /// Takes bytes from the budget for requests that are still arriving; `false`: shed the request.
    func reserveBytes(_ count: Int) -> Bool
    func releaseBytes(_ count: Int)
}

/// A chat request under way, as the door holds it.
package protocol ShimExchange: AnyObject {
    /// Whether the caller asked for a stream; known once `start` has read the request.
    var isStreamed: Bool { get }
    /// Whether the caller of a stream asked for its usage; known when the answer begins.
    var wantsUsage: Bool { get }
    /// Takes the request through the pipeline. The receiver may be called from inside.
    func start()
    /// The caller left: the receiver hears nothing more.
    func cancel()
    /// Stops reading the upstream; a chunk or two may still come.
    func pause()
    func resume()
}

/// Limits of the HTTP door that no configuration changes.
enum ShimLimits {
    /// The rate at which a body must arrive: after the slow-request timeout, every so many bytes have bought a second more.
    static let minimumBodyBytesPerSecond = 16 * 1024
    /// Bytes of a refused request that are read and dropped to keep its connection; a longer rest costs the connection.
    static let maxDrainedBytes = 64 * 1024
    /// How long the rest of a refused request is read after its connection's last answer, so that the client comes to read that answer and
    /// does not find the connection reset.
    static let lingerTimeout = TimeAmount.seconds(5)
    /// How long a client may leave its answer unread before it is taken for gone.
    static let stalledReaderTimeout = TimeAmount.seconds(120)
    /// Requests of an HTTP/1.1 connection that wait behind the first unanswered one. Later ones are dropped, and the connection ends after
    /// the last answer.
    static let maxPipelinedRequests = 64
    /// Bytes of unstreamed answers that an HTTP/2 connection may have unread. More: `answer_too_large`, unless it is the only one.
    static let maxUnreadAnswerBytes = 32 << 20
    /// Answers up to this size are not counted: there are no more of them than streams.
    static let uncountedAnswerBytes = 16 * 1024
    /// One header's name or value or the request's target, all of them together, in bytes, and how many headers there may be.
    static let maxHeaderFieldBytes = 16 * 1024
    static let maxHeaderBytes = 64 * 1024
    static let maxHeaders = 128
    /// What may frame an HTTP/1.1 body, in bytes: so many, in which the head and what came in one read before it count, and so many for each byte of
    /// the body. Chunks of a byte each need six.
    static let maxFramingBytes = 256 * 1024
    static let maxFramingPerBodyByte = 16
    /// Bytes that are read and dropped on a connection that was given up.
    static let maxDroppedBytes = 1 << 20
    /// Bytes that an HTTP/1.1 client may send behind a request that asks for an upgrade, before it is answered. More: the connection is closed.
    static let maxBytesBehindUpgrade = 64 * 1024
    /// How many bytes an HTTP/2 client may send ahead, in one stream and in all of them together.
    static let streamWindowBytes = 256 * 1024
    static let connectionWindowBytes = 1024 * 1024
}
