import GatewayAuthentication
import GatewayCore
import NIOHTTP1

/// What the door reads of a request's headers, taken out in one pass.
struct RequestHeaders {
    private(set) var authorization: String?
    private(set) var apiKey: String?
    private(set) var azureKey: String?
    private(set) var contentLength: String?
    private(set) var contentType: String?
    private(set) var contentEncoding: String?
    private(set) var expect: String?
    private(set) var cacheControl: String?
    private(set) var cacheDirective: String?
    private(set) var cacheTimeToLive: String?
    private(set) var deadlineMilliseconds: String?
    private(set) var readTimeoutSeconds: String?
    private(set) var route: String?
    private(set) var callerRequestID: String?
    private(set) var idempotencyKey: String?
    private(set) var anthropicVersion: String?
    private(set) var anthropicBeta: String?
    private(set) var dropUnsupported: String?
    private(set) var traceparent: String?
    private(set) var tracestate: String?
    private(set) var isChunked = false
    /// The body is coded in a way that is not undone here.
    private(set) var hasForeignCoding = false
    private(set) var acceptsTrailers = false
    private(set) var isUpgrade = false
    /// What the edge, or who pretends to be it, has added.
    private(set) var edge = EdgeEvidence()
    /// How often, and how, the request names its host.
    private(set) var hosts = Hosts.none
    /// A header that may stand once and stands twice with different values.
    private(set) var contradiction: String?

    enum Hosts: Equatable {
        case none
        case one(String)
        /// More than once, always the same.
        case several
        case contradictory
    }

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers { read(name, value) }
    }

    /// The length decides first, so that most headers cost one comparison of integers.
    private mutating func read(_ name: String, _ value: String) {
        switch name.utf8.count {
        case 2 where name.isHeader("te"):
            if value.listsToken("trailers") { acceptsTrailers = true }
        case 4 where name.isHeader("host"): takeHost(value)
        case 6 where name.isHeader("expect"): take(value, \.expect, "expect")
        case 7:
            if name.isHeader("api-key") { take(value, \.azureKey, "api-key") }
            if name.isHeader("upgrade") { isUpgrade = true }
        case 9 where name.isHeader("x-api-key"): take(value, \.apiKey, "x-api-key")
        case 10 where name.isHeader("tracestate"): tracestate = tracestate.map { "\($0),\(value)" } ?? value
        case 11 where name.isHeader("traceparent"): take(value, \.traceparent, "traceparent")
        case 12:
            if name.isHeader("content-type") { take(value, \.contentType, "content-type") }
            if name.isHeader("x-request-id") { callerRequestID = callerRequestID ?? value }
        case 13:
            if name.isHeader("authorization") { take(value, \.authorization, "authorization") }
            if name.isHeader("cache-control") { cacheControl = cacheControl.map { "\($0),\(value)" } ?? value }
        case 14:
            if name.isHeader("content-length") { take(value, \.contentLength, "content-length") }
            if name.isHeader("anthropic-beta") { anthropicBeta = anthropicBeta.map { "\($0),\(value)" } ?? value }
        case 15 where name.isHeader("idempotency-key"): take(value, \.idempotencyKey, "idempotency-key")
        case 16:
            if name.isHeader("content-encoding") { take(value, \.contentEncoding, "content-encoding") }
            if name.isHeader("cf-connecting-ip") { takeOnce(value, \.connectingAddress) }
        case 17:
            if name.isHeader("transfer-encoding") {
                isChunked = true
                if value.trimmed.lowercased() != "chunked" { hasForeignCoding = true }
            }
            if name.isHeader("anthropic-version") { take(value, \.anthropicVersion, "anthropic-version") }
        case 19:
            if name.isHeader("x-agentshield-cache") { take(value, \.cacheDirective, "x-agentshield-cache") }
            if name.isHeader("x-agentshield-route") { take(value, \.route, "x-agentshield-route") }
        case 23:
            if name.isHeader("cf-access-jwt-assertion") { takeOnce(value, \.assertion) }
            if name.isHeader("x-agentshield-cache-ttl") { take(value, \.cacheTimeToLive, "x-agentshield-cache-ttl") }
        case 27 where name.isHeader("x-agentshield-origin-secret"): takeOnce(value, \.originSecret)
        case 24 where name.isHeader("x-stainless-read-timeout"): readTimeoutSeconds = value
        case 25 where name.isHeader("x-agentshield-deadline-ms"): take(value, \.deadlineMilliseconds, "x-agentshield-deadline-ms")
        case 30 where name.isHeader("x-agentshield-drop-unsupported"):
            take(value, \.dropUnsupported, "x-agentshield-drop-unsupported")
        default: break
        }
    }

    /// Whose dialect a caller speaks where its path does not say it.
    var surface: Dialect { anthropicVersion == nil ? .openAI : .anthropic }

    private mutating func takeHost(_ value: String) {
        switch hosts {
        case .none: hosts = .one(value)
        case .one(let first): hosts = first == value ? .several : .contradictory
        case .several, .contradictory: hosts = .contradictory
        }
    }

    /// Of the edge's headers even two equal ones are refused: one of them is not the edge's.
    private mutating func takeOnce(_ value: String, _ slot: WritableKeyPath<EdgeEvidence, String?>) {
        if edge[keyPath: slot] != nil { edge.isAmbiguous = true }
        edge[keyPath: slot] = value
    }

    private mutating func take(_ value: String, _ slot: WritableKeyPath<RequestHeaders, String?>, _ name: String) {
        if let before = self[keyPath: slot], before != value { contradiction = contradiction ?? name }
        self[keyPath: slot] = value
    }
}

extension String {
    /// Whether this header name is `other`, which is in lower case and of the same length.
    fileprivate func isHeader(_ other: StaticString) -> Bool {
        var position = 0
        for byte in utf8 {
            guard position < other.utf8CodeUnitCount else { return false }
            let lowered = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
            guard lowered == other.utf8Start[position] else { return false }
            position += 1
        }
        return position == other.utf8CodeUnitCount
    }

    /// Whether a comma-separated list holds `token`, in any case, with or without parameters.
    func listsToken(_ token: String) -> Bool {
        split(separator: ",").contains { element in
            let bare = element.prefix { $0 != ";" }.trimmed
            return bare.utf8.count == token.utf8.count && bare.lowercased() == token
        }
    }
}

extension StringProtocol {
    /// Without the spaces and tabs around it.
    var trimmed: SubSequence {
        guard let first = firstIndex(where: { $0 != " " && $0 != "\t" }), let last = lastIndex(where: { $0 != " " && $0 != "\t" }) else {
            return self[endIndex..<endIndex]
        }
        return self[first...last]
    }
}

// MARK: Credential

extension RequestHeaders {
    /// The one credential that a request presents. Several are taken if they are equal: which of them would count must not be guessed.
    func credential() throws(Fault) -> String {
        var found: String?
        for candidate in [try bearerToken(), apiKey, azureKey] {
            guard let candidate else { continue }
            guard found == nil || found == candidate else { throw .differingCredentials }
            found = candidate
        }
        if contradiction == "authorization" || contradiction == "x-api-key" || contradiction == "api-key" { throw .differingCredentials }
        guard let found, !found.isEmpty else { throw .missingCredential }
        return found
    }

    private func bearerToken() throws(Fault) -> String? {
        guard let authorization else { return nil }
        let value = authorization.trimmed
        let scheme = value.prefix { $0 != " " }
        guard scheme.lowercased() == "bearer" else { throw .unknownScheme }
        return String(value.dropFirst(scheme.count).trimmed)
    }
}

extension Fault {
    fileprivate static let missingCredential = Fault(
        .unauthenticated, origin: .downstream,
        message: "No API key was given. Send it as `Authorization: Bearer YOUR_KEY`, or in the header `x-api-key`.")
    fileprivate static let unknownScheme = Fault(
        .unauthenticated, origin: .downstream, message: "The authorization header must read `Bearer YOUR_KEY`.")
    fileprivate static let differingCredentials = Fault(
        .unauthenticated, origin: .downstream, message: "The request presents different API keys in its headers. Send one.")
}
