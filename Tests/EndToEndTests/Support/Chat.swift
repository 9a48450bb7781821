import Foundation
import NIOCore

/// One chat request, in words that both doors can say.
struct Chat: Sendable {
    var model: String
    var text: String
    var isStreamed: Bool
    var choices: Int
    var deadlineMilliseconds: Int?
    /// `off`, `refresh`, `only`.
    var cache: String?
    var idempotencyKey: String?
    /// In place of the connection's key, for this request alone.
    var key: String?

    init(
        _ model: String, _ text: String = "Hello out there", streamed: Bool = false, choices: Int = 1, deadlineMilliseconds: Int? = nil,
        cache: String? = nil, idempotencyKey: String? = nil, key: String? = nil
    ) {
        self.model = model
        self.text = text
        isStreamed = streamed
        self.choices = choices
        self.deadlineMilliseconds = deadlineMilliseconds
        self.cache = cache
        self.idempotencyKey = idempotencyKey
        self.key = key
    }

    /// In OpenAI's dialect.
    func json() throws -> Data {
        var body: [String: Any] = ["model": model, "messages": [["role": "user", "content": text]]]
        if isStreamed { body["stream"] = true }
        if choices > 1 { body["n"] = choices }
        return try JSONSerialization.data(withJSONObject: body, options: .sortedKeys)
    }
}

/// What a caller was told in answer to a chat.
struct Reply: Sendable {
    /// A fault as a door tells it: `404 model_not_found` through HTTP, `205 model_not_found` on the wire.
    struct Fault: Sendable, Equatable {
        var told: String
        var parameter: String?
        var retryAfterMilliseconds: Int?
        var message: String
    }

    /// The text of each choice, as far as it came.
    var texts: [Int: String] = [:]
    /// Pieces in which it came.
    var pieces = 0
    var fault: Fault?
    /// The answer ended as its protocol says: END, `[DONE]`, or the whole body.
    var isWhole = false
    /// `hit`, `miss`, `bypass`, `coalesced`.
    var cache: String?
    var provider: String?
    var routeReason: String?
    var scrubbed: String?
    var requestID: String?
    var finishReason: String?
    var outputTokens: Int?

    var text: String { texts[0] ?? "" }
}

/// A fault of the registry, as each door tells it; the numbers are those of `protocol/error-codes.json` and `shim.md`.
struct Documented: Sendable {
    var wire: String
    var http: String

    private init(_ code: Int, _ name: String, _ status: Int, http: String? = nil) {
        wire = "\(code) \(name)"
        self.http = "\(status) \(http ?? name)"
    }

    /// - Parameter midStream: the answer has begun, so that its HTTP status has been sent.
    func told(by door: Door, midStream: Bool = false) -> String {
        guard door == .http else { return wire }
        return midStream ? "200 " + http.drop { $0 != " " }.dropFirst() : http
    }

    static let invalidRequest = Documented(200, "invalid_request", 400)
    static let requestTooLarge = Documented(202, "request_too_large", 413)
    static let unsupported = Documented(203, "unsupported", 501)
    static let modelNotFound = Documented(205, "model_not_found", 404)
    static let cacheMiss = Documented(209, "cache_miss", 504)
    static let idempotencyConflict = Documented(207, "idempotency_conflict", 409)
    static let blockedByPolicy = Documented(206, "blocked_by_policy", 422)
    static let unauthenticated = Documented(300, "unauthenticated", 401, http: "invalid_api_key")
    static let tenantPaused = Documented(302, "tenant_paused", 403)
    static let wrongRegion = Documented(303, "wrong_region", 451)
    static let trafficStopped = Documented(405, "traffic_stopped", 503)
    static let authorityUnavailable = Documented(311, "authority_unavailable", 503)
    static let priceUnknown = Documented(407, "price_unknown", 403)
    static let rateLimited = Documented(400, "rate_limited", 429, http: "rate_limit_exceeded")
    static let budgetExceeded = Documented(401, "budget_exceeded", 402)
    static let overloaded = Documented(402, "overloaded", 503)
    static let draining = Documented(403, "draining", 503)
    static let upstreamError = Documented(500, "upstream_error", 502)
    static let upstreamUnreachable = Documented(501, "upstream_unreachable", 502)
    static let upstreamTimeout = Documented(502, "upstream_timeout", 504)
    static let upstreamBadAnswer = Documented(503, "upstream_bad_answer", 502)
    static let upstreamRejected = Documented(504, "upstream_rejected", 400)
    static let upstreamRateLimited = Documented(505, "upstream_rate_limited", 429)
    static let upstreamCredential = Documented(506, "upstream_credential", 502)
    static let upstreamOverloaded = Documented(508, "upstream_overloaded", 503)
    static let streamBroken = Documented(507, "stream_broken", 502)
    static let deadlineExceeded = Documented(600, "deadline_exceeded", 504)
}

/// A chat under way.
struct Call: Sendable {
    /// The first content; or the end, if there is none.
    let firstContent: EventLoopFuture<Void>
    let whole: EventLoopFuture<Reply>
    /// Leaves: CANCEL on the wire, a closed connection through HTTP.
    let cancel: @Sendable () -> Void
    /// Whether what comes is read.
    let setReading: @Sendable (Bool) -> Void

    func reply() async throws -> Reply {
        try await whole.within("a reply")
    }

    func begun() async throws {
        try await firstContent.within("the first content of a reply")
    }
}

/// One connection of a client.
protocol Caller: AnyObject, Sendable {
    func begin(_ chat: Chat) async throws -> Call
    /// When the connection is gone.
    var closed: EventLoopFuture<Void> { get }
    func close()
}

extension Caller {
    func chat(_ chat: Chat) async throws -> Reply {
        try await begin(chat).reply()
    }
}

/// The two ways into the gateway.
enum Door: String, CaseIterable, Sendable {
    case wire
    case http

    /// A connection. Closed by whoever asked for it.
    func connect(_ stack: Stack, key: String?) async throws -> any Caller {
        switch self {
        case .wire: try await WireCaller.connect(stack, key: key)
        case .http: try await HTTPCaller.connect(stack, key: key)
        }
    }

    /// Runs the body with a connection of the stack's own key.
    func withCaller<Result>(_ stack: Stack, _ body: (any Caller) async throws -> Result) async throws -> Result {
        let caller = try await connect(stack, key: stack.keys.main)
        defer { caller.close() }
        return try await body(caller)
    }

    /// A caller for each of many chats at once: on the wire one connection serves them all, HTTP/1.1 needs one each.
    func withCallers<Result>(_ count: Int, _ stack: Stack, _ body: ([any Caller]) async throws -> Result) async throws -> Result {
        var connections: [any Caller] = []
        defer { connections.forEach { $0.close() } }
        for _ in 0..<(self == .wire ? 1 : count) { connections.append(try await connect(stack, key: stack.keys.main)) }
        return try await body((0..<count).map { connections[$0 % connections.count] })
    }
}
