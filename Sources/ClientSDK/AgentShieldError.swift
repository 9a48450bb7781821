/// Why a call failed.
///
/// A cancelled task gets `CancellationError` instead.
public struct AgentShieldError: Error, Sendable, Hashable {
    /// What went wrong: a number of the protocol's error registry, or from 9000 on one of this client's own, which never stand on
    /// the wire. Open: a newer gateway's codes are kept.
    public struct Code: RawRepresentable, Sendable, Hashable {
        public var rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }
    }

    public var code: Code
    /// The code's name in the registry, such as `rate_limited`; the number where this build does not know it.
    public var name: String
    /// One sentence for a person. Never holds what the conversation says.
    public var message: String
    /// Finds the call in the gateway's log; empty where no gateway saw it.
    public var requestID: String
    /// The same request may succeed later or elsewhere. The client has already retried what is safe to retry.
    public var isRetryable: Bool
    public var retryAfter: Duration?
    /// The field at fault.
    public var parameter: String?

    public init(
        _ code: Code, _ message: String, requestID: String = "", isRetryable: Bool = false, retryAfter: Duration? = nil,
        parameter: String? = nil
    ) {
        self.code = code
        name = code.name
        self.message = message
        self.requestID = requestID
        self.isRetryable = isRetryable
        self.retryAfter = retryAfter
        self.parameter = parameter
    }
}

extension AgentShieldError: CustomStringConvertible {
    public var description: String {
        var text = "\(name): \(message)"
        if let parameter { text += " (\(parameter))" }
        if !requestID.isEmpty { text += " [request \(requestID)]" }
        return text
    }
}

extension AgentShieldError.Code {
    public static let protocolError = Self(rawValue: 100)
    public static let unsupportedVersion = Self(rawValue: 104)
    public static let timeout = Self(rawValue: 106)
    public static let invalidRequest = Self(rawValue: 200)
    public static let malformedBody = Self(rawValue: 201)
    public static let requestTooLarge = Self(rawValue: 202)
    public static let unsupported = Self(rawValue: 203)
    public static let notFound = Self(rawValue: 204)
    public static let modelNotFound = Self(rawValue: 205)
    public static let blockedByPolicy = Self(rawValue: 206)
    public static let idempotencyConflict = Self(rawValue: 207)
    public static let cacheMiss = Self(rawValue: 209)
    public static let resumeUnavailable = Self(rawValue: 210)
    public static let answerTooLarge = Self(rawValue: 211)
    public static let feedbackGiven = Self(rawValue: 212)
    public static let notArbitrated = Self(rawValue: 213)
    public static let unauthenticated = Self(rawValue: 300)
    public static let permissionDenied = Self(rawValue: 301)
    public static let rateLimited = Self(rawValue: 400)
    public static let budgetExceeded = Self(rawValue: 401)
    public static let overloaded = Self(rawValue: 402)
    public static let draining = Self(rawValue: 403)
    public static let upstreamError = Self(rawValue: 500)
    public static let upstreamUnreachable = Self(rawValue: 501)
    public static let upstreamTimeout = Self(rawValue: 502)
    public static let upstreamBadAnswer = Self(rawValue: 503)
    public static let upstreamRejected = Self(rawValue: 504)
    public static let upstreamRateLimited = Self(rawValue: 505)
    public static let upstreamCredential = Self(rawValue: 506)
    public static let streamBroken = Self(rawValue: 507)
    public static let upstreamOverloaded = Self(rawValue: 508)
    public static let deadlineExceeded = Self(rawValue: 600)
    public static let cancelled = Self(rawValue: 601)
    public static let internalError = Self(rawValue: 602)
    public static let stalled = Self(rawValue: 603)

    /// No gateway could be reached, as often as the configuration allows.
    public static let unreachable = Self(rawValue: 9000)
    /// The connection was lost after the gateway had begun to answer.
    public static let connectionLost = Self(rawValue: 9001)
    /// As many calls wait for a connection as the configuration allows.
    public static let tooManyPending = Self(rawValue: 9002)
    /// The client was shut down.
    public static let clientShutDown = Self(rawValue: 9003)
    /// The configuration cannot be used.
    public static let invalidConfiguration = Self(rawValue: 9004)
    /// The credential could not be had.
    public static let credentialUnavailable = Self(rawValue: 9005)
    /// What stands at the address did not make a WebSocket of the connection; the message has its HTTP status, and what can be done.
    public static let upgradeRefused = Self(rawValue: 9006)
}
