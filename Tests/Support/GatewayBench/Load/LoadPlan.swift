import NIOCore
import NIOSSL

/// Whom the load calls, and how.
struct LoadTarget: Sendable {
    enum Door: String, Sendable, CaseIterable {
        /// The wire protocol, over TLS.
        case wire
        /// HTTP/1.1 over TLS.
        case https
        case http
        /// The wire protocol by the SDK: what its user has, not what the gateway can do.
        case sdk
    }

    var door: Door
    var port: Int
    var credential: String
    /// The file of the authority that signed the server's certificate; the SDK alone asks.
    var authority = ""
}

/// One run of load.
struct LoadPlan: Sendable {
    enum Pace: Sendable, Equatable {
        /// As many in flight as there may be: the next request goes out when an answer has come.
        case closed
        /// A request at its time, whether others have been answered or not; its latency counts from that time, so waiting for a connection
        /// is part of it.
        case open(perSecond: Int)
    }

    /// What is asked.
    enum Variety: Sendable, Equatable {
        case same
        /// No two alike.
        case unique
        /// An agent's conversations, one after the other, each turn with all that came before it; then all of them again.
        case conversations(Int, turns: Int)
    }

    var target: LoadTarget
    var model = "bench"
    var prompts = Variety.same
    /// Each request takes the next.
    var texts = [PromptText()]
    /// Of each request's answer, at most; `nil`: none is said.
    var maxTokens: Int?
    var isStreamed = false
    /// So many deltas of each stream have the provider's clock in them (``DeltaClock``); `nil`: none.
    var clockedDeltas: Int?
    var pace: Pace
    var inFlight: Int
    /// A wire connection carries this many requests at once, an HTTP/1.1 connection one.
    var streamsPerConnection = 16
    /// Before the measurement starts.
    var warmUp: TimeAmount
    var duration: TimeAmount
    /// The run is over when so many have been answered after the warm-up's time, if that comes first.
    var requests: Int?
    /// The measured process; `nil`: only times are measured.
    var probe: ProcessProbe?

    /// An SDK's client makes its own.
    var connections: Int { target.door == .sdk ? 1 : max(1, inFlight / streamsOfConnection) }
    var streamsOfConnection: Int {
        switch target.door {
        case .wire: streamsPerConnection
        case .http, .https: 1
        case .sdk: inFlight
        }
    }

    /// Requests of an open load that wait for a connection at most; those beyond count as failed.
    static let maxWaiting = 100_000
    /// How long what an open load has under way at its end is waited for.
    static let drain = TimeAmount.seconds(5)
}

/// What one run measured.
struct LoadResult: Sendable {
    /// Those before the measurement started too.
    var sent = 0
    var answered = 0
    /// Refused because there was too much to do: 503, or `overloaded` on the wire.
    var shed = 0
    var failed = 0
    /// What the first failure was.
    var firstFailure: String?
    /// Of an open load: those that had no answer ``LoadPlan/drain`` after the end, or no connection at the end. Their latency is told as what it
    /// was by then.
    var unanswered = 0
    var seconds = 0.0
    /// From the request's time to its answer's last byte.
    var latencies = LatencyHistogram()
    /// The same of those that were refused.
    var refusals = LatencyHistogram()
    /// From the request's time to its answer's first byte; of the wire, to the first DELTA.
    var firstBytes = LatencyHistogram()
    /// From the provider's sending a delta to its arrival, where the plan has clocks.
    var deltas = LatencyHistogram()
    /// Deltas that streams which ended well had too few.
    var lostDeltas = 0
    /// Without TLS; the SDK's are not counted.
    var bytesReceived = 0
    var cpuNanoseconds: UInt64 = 0
    var allocations: UInt64 = 0

    var perSecond: Double { seconds > 0 ? Double(answered) / seconds : 0 }
    /// Refused requests cost as well.
    var cpuMicrosecondsPerRequest: Double {
        answered + shed > 0 ? Double(cpuNanoseconds) / 1_000 / Double(answered + shed) : 0
    }
    var allocationsPerRequest: Double { answered > 0 ? Double(allocations) / Double(answered) : 0 }
}

/// How a request ended.
enum LoadOutcome: Sendable, Equatable {
    case answered
    case shed
    case failed(String)
}
