import GatewayAuthentication
import GatewayCore
import GatewayPipeline
import HTTPShim
import NIOCore
import Scrubbing

/// A gateway that answers every request at once, or later, in the way that an input says.
final class FuzzBackend: ShimBackend {
    static let principal = Principal(
        keyID: "key_1", tenant: "acme",
        scrub: ScrubRules(name: "none", version: "1", policy: ScrubPolicy(), toolsWithRestoredArguments: []))
    private static let models = [ModelListing(name: "fast", owner: "alias"), ModelListing(name: "gpt-4o", owner: "openai")]

    enum Manner { case whole, streamed, fails, late }

    let settings = DoorSettings()
    let isDraining = false
    let unixMilliseconds: UInt64 = 1_796_040_000_500
    private let manner: Manner
    private let eventLoop: any EventLoop
    private(set) var reservedBytes = 0
    /// What was begun: the body of each request.
    private(set) var begun: [ByteBuffer] = []
    /// Requests that were begun, and neither answered nor cancelled.
    fileprivate(set) var underWay = 0
    private var nextID: UInt64 = 0

    init(_ manner: Manner, on eventLoop: any EventLoop) {
        self.manner = manner
        self.eventLoop = eventLoop
    }

    func refused(_ fault: FaultKind, at door: Door) {}

    func makeRequestID() -> RequestID {
        nextID += 1
        return RequestID(high: 0, low: nextID)
    }

    func authenticate(_ credential: UnsafeRawBufferPointer) -> Recognition {
        switch credential.count {
        case 7: .known(Self.principal)
        // Known to the store alone.
        case 9: CredentialDigest([UInt8](repeating: 1, count: 32)).map { .unknown(Credential($0)) } ?? .known(Self.principal)
        default: .refused(Fault(.unauthenticated, origin: .downstream, message: "The API key is unknown."))
        }
    }

    func credential(_ bytes: UnsafeRawBufferPointer) -> Credential? {
        CredentialDigest([UInt8](repeating: 2, count: 32)).map { Credential($0) }
    }

    func authenticate(_ credential: Credential) -> Recognition { .known(Self.principal) }

    func lookUp(_ credential: Credential, timeout: TimeAmount?, completion: @escaping (Result<Principal, Fault>) -> Void) {
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { completion(.success(Self.principal)) }
    }

    func edgeFault(_ evidence: EdgeEvidence) -> Fault? { nil }

    func begin(_ request: CallerRequest, receiver: any AnswerReceiver) -> any ShimExchange {
        begun.append(request.body)
        underWay += 1
        return FuzzExchange(request.id, manner, receiver, self, eventLoop)
    }

    func models(for principal: Principal) -> [ModelListing] { Self.models }
    func model(_ name: String, for principal: Principal) -> ModelListing? { Self.models.first { $0.name == name } }

    func feedback(
        _ id: RequestID, score: Double, for principal: Principal, timeout: TimeAmount?, completion: @escaping (Result<Void, Fault>) -> Void
    ) {
        precondition((0...1).contains(score), "a score of \(score) was let through")
        completion(.success(()))
    }

    func receipt(_ id: RequestID, for principal: Principal, completion: @escaping (Result<LedgerRecord?, Fault>) -> Void) {
        completion(.success(nil))
    }

    func reserveBytes(_ count: Int) -> Bool {
        reservedBytes += count
        return true
    }

    func releaseBytes(_ count: Int) {
        reservedBytes -= count
        precondition(reservedBytes >= 0, "more is given back than was reserved")
    }
}

private final class FuzzExchange: ShimExchange {
    private let id: RequestID
    private let manner: FuzzBackend.Manner
    private let receiver: any AnswerReceiver
    private let backend: FuzzBackend
    private let eventLoop: any EventLoop
    private var isOver = false

    init(
        _ id: RequestID, _ manner: FuzzBackend.Manner, _ receiver: any AnswerReceiver, _ backend: FuzzBackend, _ eventLoop: any EventLoop
    ) {
        self.id = id
        self.manner = manner
        self.receiver = receiver
        self.backend = backend
        self.eventLoop = eventLoop
    }

    var isStreamed: Bool { manner == .streamed || manner == .late }
    let wantsUsage = true

    func start() {
        // Longer than a stream waits for its answer, so that it begins without one.
        guard manner == .late else { return answer() }
        eventLoop.assumeIsolated().scheduleTask(in: .seconds(16)) { self.answer() }
    }

    private func answer() {
        guard !isOver else { return }
        over()
        guard manner != .fails else {
            return receiver.answerFailed(
                Fault(.upstreamError, origin: .upstream, message: "The provider is down."), summary: AnswerSummary(requestID: id))
        }
        receiver.answerBegan(
            AnswerHead(
                requestID: id, model: "gpt-4o", provider: "openai", cache: .miss, routeReason: "exact", createdUnixSeconds: 0, scrubbed: [],
                rateLimit: nil))
        receiver.answerReceived(AnswerChunk(raw: ByteBuffer(string: #"{"id":"chatcmpl-1","choices":[]}"#)))
        receiver.answerEnded(AnswerSummary(requestID: id))
    }

    private func over() {
        guard !isOver else { return }
        isOver = true
        backend.underWay -= 1
    }

    func cancel() { over() }
    func pause() {}
    func resume() {}
}
