import DequeModule
import EmbeddedStore
package import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import RedisStore
import Scrubbing

/// One request under way: carries out what the phases decide. Confined to its event loop.
///
/// ```
/// authenticate → known refusal? → scrub → limit ─ repetition ───────────────────→ answer → record
///                                           └ cache ─ hit ──────────────────────→ answer → record
///                                               ├ wait ─ answered ──────────────→ answer → record
///                                               └ lead, miss → route → call ────→ answer → record
/// ```
package final class Exchange {
    enum State {
        case new
        /// A large body waits for its next slice, or for its first one.
        case scrubbing(AfterScrub)
        /// Redis is asked for the limits.
        case asking
        /// An equal request is under way in this process.
        case waiting(CacheKey, FlightWaiterID)
        /// An equal request is under way in another replica.
        case watching
        /// A request with the same idempotency key is under way in this process.
        case repeating(FlightWaiterID)
        /// One is under way in another replica.
        case repeatingElsewhere
        /// A provider has the request.
        case calling
        /// A call has failed, and the next one is not made yet. No provider has the request.
        case backingOff
        /// A stored answer is being told.
        case replaying
        case over
    }

    package var requestID: RequestID { request.id }
    /// Names its leases and its hold in Redis.
    private(set) lazy var holder = request.id.description
    /// Whether the caller asked for a stream; known when the answer begins.
    package var isStreamed: Bool { envelope.isStreamed }
    /// Whether the caller of a stream asked for its usage; known when the answer begins.
    package var wantsUsage: Bool { envelope.wantsUsageChunk }
    let request: CallerRequest
    let loop: GatewayLoop
    /// The configuration that the request began with.
    let snapshot: GatewaySnapshot
    /// The price list that it began with.
    private let prices: PriceTable
    var state = State.new
    private var receiver: (any AnswerReceiver)?
    /// The request is over, and its record is being written.
    var ending: Ending?
    private(set) var isPaused = false

    // What the phases find out.
    var envelope = ChatEnvelope(model: "")
    /// The scrubbed body, in the surface's dialect.
    var body = ByteBuffer()
    /// What the present target's dialect has no place for, and the request allowed to be left out.
    var dropped: [String] = []
    var sequence: AttemptSequence?
    /// Where the request may go.
    var route: RoutePlan?
    var target: UpstreamTarget?
    /// How its model is chosen among several; `nil`: it is not.
    var arbitration: Arbitration?
    var summary: AnswerSummary
    /// The scrubbing rules for the present target.
    var rules: ScrubRules
    var placeholders = PlaceholderMap()
    /// Findings in the request.
    var requestCounts = EntityCounts()
    var slicedScrub: SlicedScrub?
    var reservedBytes = 0
    var holdsPlace = false

    // limit
    /// What the request would be asked for, as long as it has not been.
    var uncounted: LimitPlan?
    var ask: LimitAsk?
    var grant: LimitGrant?
    /// Redis did not answer, and may have reserved what was asked for.
    var doubtful: LimitQuestion?
    /// What is reserved stands in the ledger's file, until the request's row is there.
    var hasKeptHold = false
    var holdTimer: Scheduled<Void>?
    /// Output tokens that a budget has been asked for; `nil`: no budget applies.
    var outputCap: OutputCap?
    /// The answer was cut at the cap.
    var wasCut = false

    // idempotency
    /// What its idempotency key stands for; `nil`: it has none.
    var claim: IdempotencyClaim?
    /// The same for Redis, made once; `nil`: Redis is not asked about keys.
    var sharedClaim: RedisClaim?
    /// Where it is known that this request is the one that is carried out.
    var heldClaim: ClaimPlace?
    /// What it is told was the answer to another one with its key.
    var isRepetition = false
    var repetitionSilences = 0

    // cache
    var cachePlan = CachePlan(CacheSettings(mode: .off, timeToLiveNanoseconds: 0), directive: .off, isDeterministic: false)
    var cacheKey: CacheKey?
    /// What its answer is called among replicas, whoever gives it in the end; `nil`: they share none, or it is neither looked up nor stored.
    var answerName: AnswerName?
    /// What a server of answers alone had.
    var fetched: StoredAnswer?
    var leadsFlight = false
    /// Whether its answer may be told to others, now or later.
    var isShared = true
    /// What comes of the stream that this request leads or follows.
    var flightLog: FlightLog?
    /// How far it has followed a stream that another one fetches.
    var following: Following?
    /// How it ended for its caller, though the answer goes on for those who follow it.
    var departure: Departure?
    /// What came while the caller did not read, and others did.
    var behind: Deque<AnswerChunk> = []
    /// What it tells the other replicas of its stream.
    var relay: Relay?
    /// What it has heard of a stream that another replica fetches.
    var tail: Tail?
    /// The lease of all replicas to fetch the answer.
    var heldFlight: RedisKey?
    var stored: StoredAnswer?
    var replay: [ByteBuffer] = []

    // call and answer
    var call: UpstreamCall?
    /// What is told of the present call's upstream when it has ended.
    var upstream: UpstreamHealth.Call?
    /// Content of the present call has come.
    var hasAnswered = false
    /// The target that was called last, and places of its endpoints that were.
    var attempted: UpstreamTarget?
    var tried: Set<Int> = []
    var retryTimer: Scheduled<Void>?
    /// What failed calls say that they used.
    var spent: [(usage: TokenUsage, quote: PriceQuote)] = []
    /// Some of that is estimated.
    var paidByEstimate = false
    /// A second call of the same model, which races with the first one.
    var hedge: HedgedCall?
    var hedgeTimer: Scheduled<Void>?
    /// Bytes of the present call's answer that are held until it is whole.
    var heldAnswerBytes = 0
    /// Why the last target gave no answer.
    var failure: Fault?
    /// Whose answer the caller was told; `nil`: none has begun.
    var answeredBy: (model: String, provider: String)?
    /// Calls to providers so far.
    var calls = 0
    var callStartedAt = NIODeadline.uptimeNanoseconds(0)
    /// Of the present call.
    var stopwatch: UpstreamStopwatch?
    var reader: AnswerReader?
    var errorStatus: (status: Int, retryAfterMilliseconds: Int64?, isAdvisedAgainst: Bool)?
    var errorBody = ByteBuffer()
    var rewriter: AnswerRewriter?
    var heldChunks: [AnswerChunk] = []
    var hasBegun = false
    /// When the caller was told of the answer's beginning.
    var firstContentAt: NIODeadline?
    /// `nil`: its trace is not recorded.
    var trace: RequestTrace?
    var usage: TokenUsage?
    /// What the provider had counted when it was last heard of, while its answer went on.
    var usageSoFar: TokenUsage?
    var outputBytes = 0
    /// The provider's whole answer was taken while a long chunk of it was being rewritten.
    var wasRead = false
    var alarmPosition: Int?
    /// When the caller last heard something of the answer, or, before it did, when the request came. Kept only where ``CallerRequest/silenceTimeout``
    /// is there.
    private var lastHeardAt: NIODeadline

    init(_ request: CallerRequest, loop: GatewayLoop, receiver: any AnswerReceiver) {
        self.request = request
        self.loop = loop
        self.receiver = receiver
        snapshot = loop.snapshot
        prices = loop.prices
        lastHeardAt = request.receivedAt
        rules = request.principal.scrub
        summary = AnswerSummary(requestID: request.id)
        summary.timings[.authenticate] = request.authenticationNanoseconds
    }

    var isOver: Bool {
        if case .over = state { true } else { false }
    }

    /// A call has failed, and the next one waits for its time.
    var isBackingOff: Bool {
        if case .backingOff = state { true } else { false }
    }

    // MARK: for doors

    /// The caller has left. The provider's request is closed at once, what was produced is booked, and the receiver hears nothing more.
    package func cancel() {
        guard !isOver else { return leaveEnding() }
        receiver = nil
        if !departs(.cancelled, nil) { close(.cancelled, fault: nil) }
    }

    /// The caller reads no further for now: the provider is not read either. What is already on its way may still come.
    package func pause() {
        guard !isOver, !isPaused else { return }
        isPaused = true
        if !isFollowed { pauseCall() }
    }

    package func resume() {
        guard !isOver, isPaused else { return }
        isPaused = false
        if !isRewriting { goOn() }
    }

    /// Goes on telling the answer.
    func goOn() {
        if case .replaying = state { continueReplay() } else { continueReading() }
    }

    // MARK: the phases before the call

    /// Takes the request through the phases; once. The receiver may hear everything from inside this method, so the door must be ready for it.
    package func start() {
        guard case .new = state else { return }
        armDeadline()
        do {
            try loop.checkAuthority(of: request.principal)
            try loop.journal.checkRoom(tenant: request.principal.tenant)
            try admit()
            try refuseKnown()
            try prepare()
        } catch {
            fail(error)
        }
    }

    var timeout: TimeAmount { min(request.timeout ?? snapshot.pipeline.defaultTimeout, snapshot.pipeline.maxTimeout) }

    /// Where others follow the answer, it may take longer than its own caller waits.
    var latest: NIODeadline { request.receivedAt + (departure == nil ? timeout : snapshot.pipeline.maxTimeout) }

    func armDeadline() {
        let deadline = latest
        let next = request.silenceTimeout.map { min(deadline, lastHeardAt + $0) } ?? deadline
        loop.alarms.set(self, at: next)
    }

    private func deadlinePassed() {
        let now = loop.eventLoop.now
        guard now < latest else { return fail(.deadlinePassed(timeout)) }
        // A caller that does not read waits for nothing.
        if isPaused || departure != nil { lastHeardAt = now }
        if let silence = request.silenceTimeout, now >= lastHeardAt + silence { return fail(.silent(silence)) }
        armDeadline()
    }

    /// Takes a place and the bytes in the in-flight budget.
    private func admit() throws(Fault) {
        guard loop.budget.openRequest() else { throw .overloaded }
        holdsPlace = true
        // The body, its rendered copy, and an answer of about the same size.
        let bytes = 3 * request.body.readableBytes + 4096
        guard loop.budget.reserve(bytes) else { throw .overloaded }
        reservedBytes = bytes
    }

    // MARK: telling the caller

    /// Tells the caller that the answer begins; once.
    func begin(cache: CacheStatus, model: String, provider: String) {
        guard !hasBegun else { return }
        hasBegun = true
        answeredBy = (model, provider)
        firstContentAt = .now()
        summary.cache = cache
        receiver?.answerBegan(
            AnswerHead(
                requestID: request.id, model: model, provider: provider, cache: cache, routeReason: summary.routeReason,
                createdUnixSeconds: loop.clock.unixMilliseconds() / 1_000, scrubbed: summary.scrubbed, rateLimit: summary.rateLimit,
                isRepetition: isRepetition, dropped: dropped))
    }

    func deliver(_ chunk: AnswerChunk) {
        if chunk.isUsageOnly, !envelope.wantsUsageChunk { return }
        if request.silenceTimeout != nil { lastHeardAt = loop.eventLoop.now }
        receiver?.answerReceived(chunk)
    }

    /// The answer is whole.
    func end() {
        guard !isOver else { return }
        if let rewriter, !rewriter.counts.isEmpty { tellCounts(of: rewriter.counts) }
        rewriter?.close()
        close(.answered, fault: nil)
    }

    func fail(_ fault: Fault) {
        guard !isOver, !departs(.failed, fault) else { return }
        close(.failed, fault: fault)
    }

    /// Ends a request for everybody, also where others follow its answer.
    func end(for fault: Fault) {
        guard !isOver else { return }
        close(.failed, fault: fault)
    }

    /// Tells the caller that it hears nothing more, though the request is not over.
    func dismiss(_ fault: Fault?) {
        isPaused = false
        let receiver = self.receiver
        self.receiver = nil
        if let fault { receiver?.answerFailed(fault, summary: summary) }
    }

    // MARK: record

    /// The request is over: gives back what it holds, books it and writes it down. Its place it keeps until the caller has heard of the end.
    func close(_ outcome: Outcome, fault: Fault?) {
        // Where the caller has left and others have not, the provider's answer may be whole all the same.
        let isWhole = outcome == .answered && !wasCut
        let (outcome, fault) = departure.map { ($0.outcome, $0.fault) } ?? (outcome, fault)
        leaveFlights()
        state = .over
        loop.sliceLane.remove(self)
        slicedScrub = nil
        let receiver = self.receiver
        self.receiver = nil
        loop.alarms.cancel(self)
        holdTimer?.cancel()
        holdTimer = nil
        retryTimer?.cancel()
        retryTimer = nil
        // A call that is still there was not ended by its provider, which may have read the whole prompt.
        let wasWithProvider = call?.mayBeWorkedOn == true
        callEnded(outcomeForUpstream(isWhole: isWhole, fault), isWhole ? nil : fault?.kind ?? .cancelled)
        leaveHedge()
        if !isWhole { call?.cancel() }
        if call != nil { summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds }
        call = nil
        let began = NIODeadline.now()
        settle(wasWithProvider: wasWithProvider)
        let (settlement, lateBound) = settleLimits()
        abandonFlight()
        behind.removeAll()
        if reservedBytes > 0 { loop.budget.release(reservedBytes) }
        body = ByteBuffer()
        summary.timings[.record] += (NIODeadline.now() - began).nanoseconds
        let unanswered = awaitsChoice ? nil : target
        learn(isWhole: isWhole, fault?.kind, wasWithProvider: wasWithProvider)
        let record = LedgerRecord(
            summary: summary, principal: request.principal, endUser: request.endUser, callerRequestID: request.callerRequestID,
            requestedModel: envelope.model, usedModel: answeredBy?.model ?? unanswered?.model,
            provider: answeredBy?.provider ?? unanswered?.provider, outcome: outcome, fault: fault?.kind,
            receivedUnixMilliseconds: request.id.unixMilliseconds)
        loop.log(record, clientAddress: snapshot.pipeline.logsClientAddress ? request.clientAddress : nil)
        write(record, lateBound: lateBound, settling: settlement, telling: receiver, fault)
    }

    /// The request waits for no other one any more.
    func leaveFlights() {
        switch state {
        case .waiting(let key, let waiter):
            _ = loop.stores.cache.leave(key, waiter)
            flightLog?.leave(waiter)
        case .repeating(let waiter): if let claim { loop.stores.claims.leave(claim.key, waiter) }
        default: stopFollowing()
        }
    }

    /// What the request cost. Without the provider's last word, what it told at the start counts for the prompt, and tokens of which it told nothing are
    /// counted as a quarter of the bytes; the summary says so.
    ///
    /// - Parameter wasWithProvider: a provider had the request to the end, or until the gateway ended it: it bills what it read and wrote, also
    ///   where nothing of that reached the caller. One that failed by itself bills nothing unless its answer had begun.
    private func settle(wasWithProvider: Bool) {
        summary.attempts = calls
        guard summary.attempts > 0 else {
            summary.usage = usage ?? TokenUsage()
            summary.costNanoUSD = 0
            return
        }
        if let usage {
            summary.usage = usage
            summary.isEstimated = wasCut
        } else if wasWithProvider || hasBegun {
            let cap = outputCap?.tokens ?? .max
            let output = wasCut ? cap : min(UInt64((outputBytes + 3) / 4), cap)
            summary.usage = usageSoFar ?? TokenUsage(input: estimatedInput)
            // Of an answer that went on the provider's count is behind, if it counts at all before the end.
            let (told, overflow) = summary.usage.output.addingReportingOverflow(summary.usage.reasoning)
            if !overflow { summary.usage.output = max(told, output) - summary.usage.reasoning }
            summary.isEstimated = true
        }
        for attempt in spent { summary.usage.add(attempt.usage) }
        if paidByEstimate { summary.isEstimated = true }
        // A row has one price: where calls at several were paid, the dearest of them.
        summary.costNanoUSD = nil
        summary.priceVersion = nil
        if let quote = target.flatMap({ price(of: $0) }) { charge(by: quote) }
        for attempt in spent { charge(by: attempt.quote) }
    }

    private func charge(by quote: PriceQuote) {
        let cost = quote.price.cost(of: summary.usage)
        guard summary.costNanoUSD.map({ cost > $0 }) ?? true else { return }
        summary.costNanoUSD = cost
        summary.priceVersion = quote.version
    }

    // MARK: prices

    /// By what a call of the target is charged, since the request's arrival; `nil`: nobody knows, and there is no ceiling.
    func price(of target: UpstreamTarget) -> PriceQuote? {
        target.price(in: prices, on: UTCDay(unixMilliseconds: request.id.unixMilliseconds)) ?? snapshot.priceCeiling
    }

    /// Refuses a route on which a model without a price may be called: what cannot be charged is not done.
    func checkPrices(of plan: RoutePlan) throws(Fault) {
        for target in plan.targets where price(of: target) == nil { throw .priceUnknown(target) }
    }
}

extension Exchange: AlarmReceiver {
    func alarmRang() {
        if isOver { waitedTooLong() } else { deadlinePassed() }
    }
}

extension Fault {
    static func deadlinePassed(_ timeout: TimeAmount) -> Fault {
        Fault(
            .deadlineExceeded, origin: .gateway, message: "The request's deadline of \(timeout.nanoseconds / 1_000_000) ms passed.")
    }

    fileprivate static func priceUnknown(_ target: UpstreamTarget) -> Fault {
        Fault(
            .priceUnknown, origin: .gateway,
            message:
                """
                The model `\(target.model)` has no known price at the provider `\(target.provider)`, and is not used without one. Whoever runs the gateway \
                can import its price (`agentshield prices import`), give it as `price` of the model in the configuration, or set `prices.ceiling`.
                """)
    }

    fileprivate static func silent(_ timeout: TimeAmount) -> Fault {
        Fault(
            .deadlineExceeded, origin: .gateway,
            message:
                "Nothing of the answer came for \(timeout.nanoseconds / 1_000_000) ms, which is as long as the request says to wait for it."
        )
    }
}
