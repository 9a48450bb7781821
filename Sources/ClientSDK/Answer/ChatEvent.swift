/// What happens on a streamed answer: ``begin(_:)``, any number of pieces, ``finish(_:)``.
///
/// The pieces of one item (`choice` and, for tool calls, `item`) are to be concatenated; text is never cut inside a character.
public enum ChatEvent: Sendable, Hashable {
    case begin(AnswerHead)
    case text(String, choice: Int = 0)
    case reasoning(String, choice: Int = 0)
    case refusal(String, choice: Int = 0)
    case toolCall(ToolCallDelta)
    case providerBlock(ProviderBlockDelta)
    case finish(AnswerSummary)

    /// The text, if the event is a piece of the first choice's text.
    public var text: String? {
        if case .text(let text, 0) = self { return text }
        return nil
    }
}

/// A piece of a tool call.
public struct ToolCallDelta: Sendable, Hashable {
    public var choice: Int
    /// Tells the items of a choice apart.
    public var item: Int
    /// On the item's first piece; empty on the others.
    public var id: String
    /// The function; on the item's first piece.
    public var name: String
    /// A piece of the JSON text.
    public var arguments: String

    public init(choice: Int = 0, item: Int = 0, id: String = "", name: String = "", arguments: String) {
        self.choice = choice
        self.item = item
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

/// A piece of an opaque block.
public struct ProviderBlockDelta: Sendable, Hashable {
    public var choice: Int
    public var item: Int
    /// `provider/type`; on the item's first piece.
    public var name: String
    public var data: [UInt8]

    public init(choice: Int = 0, item: Int = 0, name: String = "", data: [UInt8]) {
        self.choice = choice
        self.item = item
        self.name = name
        self.data = data
    }
}

/// What is known when an answer begins.
public struct AnswerHead: Sendable, Hashable {
    public var responseID = ""
    /// Finds the call in the gateway's log.
    public var requestID = ""
    /// The model really used.
    public var model = ""
    public var provider = ""
    public var cache = CacheStatus.unknown
    /// Seconds since 1970.
    public var created: UInt64 = 0

    public init(model: String = "", provider: String = "", cache: CacheStatus = .unknown) {
        self.model = model
        self.provider = provider
        self.cache = cache
    }
}

/// How an answer and the gateway's response cache met.
public enum CacheStatus: String, Sendable, Hashable {
    case unknown
    case miss
    case hit
    case bypass
    /// Waited for an equal request that was under way.
    case coalesced
}

/// What is known when an answer has ended.
public struct AnswerSummary: Sendable, Hashable {
    /// One of each choice.
    public var finishes: [Finish] = []
    public var usage = Usage()
    /// In 10⁻⁹ US dollars.
    public var costNanoUSD: UInt64 = 0
    /// Usage or cost was not told by the provider but computed by the gateway.
    public var isEstimated = false
    /// How many findings of each kind the gateway replaced in the request.
    public var scrubbed: [ScrubCount] = []
    /// How long each phase of the gateway's pipeline took, in their order.
    public var timings: [PhaseTiming] = []
    /// Names the call in feedback and audit.
    public var receiptID = ""
    /// Why the gateway chose this model.
    public var routeReason = ""
    /// Calls to providers; 0 for an answer from the cache.
    public var attempts = 0
    /// What was left of the caller's limit of requests when this one was let in, it counted; `nil`: there is none.
    public var requestLimit: LimitStatus?
    /// The same of model tokens, this request counted as it was estimated.
    public var tokenLimit: LimitStatus?
    /// Places for requests under way. Nobody knows when one is free: its `reset` is zero.
    public var concurrencyLimit: LimitStatus?

    public init() {}

    public var costUSD: Double { Double(costNanoUSD) / 1e9 }
}

/// Why a choice ended.
public struct Finish: Sendable, Hashable {
    public enum Reason: String, Sendable, Hashable {
        case stop
        case length
        case toolCalls
        case contentFilter
        case refusal
        /// Of which ``Finish/providerReason`` may say more.
        case other
    }

    public var choice: Int
    public var reason: Reason
    /// The provider's own word.
    public var providerReason: String

    public init(choice: Int = 0, reason: Reason, providerReason: String = "") {
        self.choice = choice
        self.reason = reason
        self.providerReason = providerReason
    }
}

/// Model tokens by class. The classes are disjoint: ``total`` is their sum.
public struct Usage: Sendable, Hashable {
    /// Neither read from nor written to the provider's cache.
    public var input: UInt64 = 0
    public var cacheRead: UInt64 = 0
    public var cacheWrite: UInt64 = 0
    /// Without reasoning.
    public var output: UInt64 = 0
    public var reasoning: UInt64 = 0

    public init(input: UInt64 = 0, cacheRead: UInt64 = 0, cacheWrite: UInt64 = 0, output: UInt64 = 0, reasoning: UInt64 = 0) {
        self.input = input
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
        self.output = output
        self.reasoning = reasoning
    }

    public var total: UInt64 { [cacheRead, cacheWrite, output, reasoning].reduce(input) { $0 &+ $1 } }
}

/// How many findings of a kind were replaced.
public struct ScrubCount: Sendable, Hashable {
    public var kind: String
    public var count: Int

    public init(kind: String, count: Int) {
        self.kind = kind
        self.count = count
    }
}

/// What is left of a limit; of several the one that leaves least.
public struct LimitStatus: Sendable, Hashable {
    /// How many at once after a rest.
    public var limit: UInt64
    public var remaining: UInt64
    /// Until all of them are back.
    public var reset: Duration

    public init(limit: UInt64, remaining: UInt64, reset: Duration) {
        self.limit = limit
        self.remaining = remaining
        self.reset = reset
    }
}

/// How long a phase of the gateway's pipeline took.
public struct PhaseTiming: Sendable, Hashable {
    public var phase: String
    public var microseconds: Int

    public init(phase: String, microseconds: Int) {
        self.phase = phase
        self.microseconds = microseconds
    }
}

/// A model that can be named in a request.
public struct Model: Sendable, Hashable {
    public var id: String
    public var ownedBy: String
    /// Seconds since 1970; 0: not known.
    public var created: UInt64

    public init(id: String, ownedBy: String = "", created: UInt64 = 0) {
        self.id = id
        self.ownedBy = ownedBy
        self.created = created
    }
}
