import GatewayAuthentication
import GatewayCore
import GatewayPipeline
import HTTPShim
import NIOCore
import Scrubbing

/// A backend that does what a test tells it, and remembers what it was asked.
final class ScriptedBackend: ShimBackend {
    static let key = "sk-good"
    /// Known to the store alone.
    static let storedKey = "sk-stored"
    static let principal = principal(tenant: "acme")

    static func principal(tenant: String) -> Principal {
        Principal(
            keyID: "key_1", tenant: tenant,
            scrub: ScrubRules(name: "none", version: "1", policy: ScrubPolicy(), toolsWithRestoredArguments: []))
    }

    var settings = DoorSettings()
    var isDraining = false
    /// 30 November 2026, 12:00:00.5 in UTC.
    var unixMilliseconds: UInt64 = 1_796_040_000_500
    var listings = [
        ModelListing(name: "fast", owner: "alias"), ModelListing(name: "gpt-4o", owner: "openai"),
        ModelListing(name: "org/model name", owner: "local"),
    ]
    var receipts: [RequestID: LedgerRecord] = [:]
    /// Bytes that may be reserved at once.
    var byteBudget = Int.max
    /// Whether the next requests count as streamed.
    var isStreamed = false
    private(set) var reservedBytes = 0
    private(set) var mostReservedBytes = 0
    private(set) var authentications = 0
    private(set) var refusals: [FaultKind] = []
    /// Who waits for the store's word.
    var lookUps: [(Result<Principal, Fault>) -> Void] = []
    private(set) var exchanges: [ScriptedExchange] = []
    private var nextID: UInt64 = 1
    /// Called when a request has started, on its event loop.
    var onBegin: (ScriptedExchange) -> Void = { _ in }

    func refused(_ fault: FaultKind, at door: Door) { refusals.append(fault) }

    func makeRequestID() -> RequestID {
        defer { nextID += 1 }
        // swift-format-ignore: NeverForceUnwrap
        var id = RequestID("req_00000000000000000000000000000000")!
        id.low = nextID
        return id
    }

    func authenticate(_ credential: UnsafeRawBufferPointer) -> Recognition {
        authentications += 1
        if credential.elementsEqual(Self.key.utf8) { return .known(Self.principal) }
        if credential.elementsEqual(Self.storedKey.utf8), let digest = CredentialDigest([UInt8](repeating: 1, count: 32)) {
            return .unknown(Credential(digest))
        }
        return .refused(Fault(.unauthenticated, origin: .downstream, message: "The API key is unknown."))
    }

    func credential(_ bytes: UnsafeRawBufferPointer) -> Credential? {
        CredentialDigest([UInt8](repeating: 2, count: 32)).map { Credential($0) }
    }

    /// Whom a connection's credential stands for.
    var connectionsCaller = Recognition.known(ScriptedBackend.principal)

    func authenticate(_ credential: Credential) -> Recognition { connectionsCaller }

    func lookUp(_ credential: Credential, timeout: TimeAmount?, completion: @escaping (Result<Principal, Fault>) -> Void) {
        lookUps.append(completion)
    }

    /// What it says to requests that must have come through the edge.
    var onEdgeEvidence: (EdgeEvidence) -> Fault? = { _ in nil }

    func edgeFault(_ evidence: EdgeEvidence) -> Fault? { onEdgeEvidence(evidence) }

    func begin(_ request: CallerRequest, receiver: any AnswerReceiver) -> any ShimExchange {
        let exchange = ScriptedExchange(request, receiver: receiver, isStreamed: isStreamed)
        exchange.onStart = { [onBegin] in onBegin($0) }
        exchanges.append(exchange)
        return exchange
    }

    func models(for principal: Principal) -> [ModelListing] { listings }
    func model(_ name: String, for principal: Principal) -> ModelListing? { listings.first { $0.name == name } }

    /// Who waits for a receipt; `nil`: nobody has to.
    var receiptQuestions: [() -> Void]?

    /// What feedback is given on, with its scores; a receipt that was given a score before is refused.
    private(set) var feedback: [RequestID: Double] = [:]

    func feedback(
        _ id: RequestID, score: Double, for principal: Principal, timeout: TimeAmount?, completion: @escaping (Result<Void, Fault>) -> Void
    ) {
        guard feedback[id] == nil else {
            return completion(.failure(Fault(.feedbackGiven, origin: .downstream, message: "given before")))
        }
        feedback[id] = score
        completion(.success(()))
    }

    func receipt(_ id: RequestID, for principal: Principal, completion: @escaping (Result<LedgerRecord?, Fault>) -> Void) {
        let record = receipts[id].flatMap { $0.tenant == principal.tenant ? $0 : nil }
        guard receiptQuestions != nil else { return completion(.success(record)) }
        receiptQuestions?.append { completion(.success(record)) }
    }

    func reserveBytes(_ count: Int) -> Bool {
        guard reservedBytes + count <= byteBudget else { return false }
        reservedBytes += count
        mostReservedBytes = max(mostReservedBytes, reservedBytes)
        return true
    }

    func releaseBytes(_ count: Int) { reservedBytes -= count }
}

final class ScriptedExchange: ShimExchange {
    let request: CallerRequest
    let isStreamed: Bool
    var wantsUsage = false
    private let receiver: any AnswerReceiver
    private(set) var isCancelled = false
    private(set) var isPaused = false
    private(set) var pauses = 0

    init(_ request: CallerRequest, receiver: any AnswerReceiver, isStreamed: Bool) {
        self.request = request
        self.receiver = receiver
        self.isStreamed = isStreamed
    }

    var body: String { String(buffer: request.body) }

    /// Called when the door starts it.
    var onStart: (ScriptedExchange) -> Void = { _ in }

    func start() { onStart(self) }

    /// Called when the door cancels.
    var onCancel: () -> Void = {}

    func cancel() {
        isCancelled = true
        onCancel()
    }

    func pause() {
        isPaused = true
        pauses += 1
    }

    func resume() { isPaused = false }

    // MARK: What the script says

    func head(
        model: String = "gpt-4o", provider: String = "openai", routeReason: String = "exact", scrubbed: [ScrubCount] = [],
        rateLimit: LimitReport? = nil
    ) -> AnswerHead {
        AnswerHead(
            requestID: request.id, model: model, provider: provider, cache: .miss, routeReason: routeReason,
            createdUnixSeconds: 1_700_000_000,
            scrubbed: scrubbed, rateLimit: rateLimit)
    }

    func summary(cost: UInt64? = 1_234_500, rateLimit: LimitReport? = nil) -> AnswerSummary {
        var summary = AnswerSummary(requestID: request.id)
        summary.costNanoUSD = cost
        summary.timings[.scrub] = 42_000
        summary.rateLimit = rateLimit
        return summary
    }

    func begin(_ head: AnswerHead? = nil) { receiver.answerBegan(head ?? self.head()) }
    func send(_ chunk: AnswerChunk) { receiver.answerReceived(chunk) }
    func send(_ json: String) { send(AnswerChunk(raw: ByteBuffer(string: json))) }
    func end(_ summary: AnswerSummary? = nil) { receiver.answerEnded(summary ?? self.summary()) }

    func fail(_ fault: Fault, rateLimit: LimitReport? = nil) {
        receiver.answerFailed(fault, summary: summary(rateLimit: rateLimit))
    }

    /// An unstreamed answer as the pipeline gives it: all in one tick.
    func answer(_ json: String = #"{"id":"chatcmpl-1"}"#, _ head: AnswerHead? = nil) {
        begin(head)
        send(json)
        end()
    }
}

extension AnswerChunk {
    /// A chunk in which each of `rewritten`'s string literals, as they stand in `json`, is to read otherwise.
    init(_ json: String, rewritten: [(literal: String, text: String)]) {
        self.init(raw: ByteBuffer(string: json))
        for (literal, text) in rewritten {
            let start = json.firstRange(of: literal).map { json.utf8.distance(from: json.startIndex, to: $0.lowerBound) }
            fragments.append(
                AnswerFragment(
                    key: AnswerItemKey(choice: 0, kind: .text), text: ByteBuffer(string: text),
                    rawRange: start.map { $0..<($0 + literal.utf8.count) }, isRewritten: true))
        }
    }
}
