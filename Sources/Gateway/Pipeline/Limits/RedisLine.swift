import GatewayCore
package import NIOCore
package import RedisStore

/// How the limits in Redis are reached.
package struct RedisLimitSettings: Sendable {
    package var options: RedisOptions
    /// For each question on a request's way.
    package var timeout: TimeAmount
    package var health: RedisHealth

    package init(options: RedisOptions, timeout: TimeAmount, health: RedisHealth) {
        self.options = options
        self.timeout = timeout
        self.health = health
        // Slower than a request waits is no answer, and that is counted as such.
        self.options.limits.breaker.slowAfter = max(.milliseconds(250), timeout)
    }
}

/// One event loop's way to the limits in Redis: asks, knows when asking is in vain, and keeps the leases of requests under way alive. Confined to
/// its loop.
///
/// While Redis' breaker is open nobody is asked: a probe of our own finds out when Redis is back, so no request pays for that.
final class RedisLine: RedisReceiver {
    /// What waits for a reply, beside requests.
    private enum Pending {
        case probe
        case settlement(((Result<RedisSettlement.Outcome, RedisFailure>) -> Void)?)
        case count(RedisAdmission, (AdmissionModel.Outcome) -> Void)
        case told
        case question((RedisReply?) -> Void)
        case heard((RedisReply?) -> Void)
        case look(RedisAdmission, (RedisLook.Found?) -> Void)
        case claim(RedisAdmission, (RedisClaim.Found?) -> Void)
        case renewal(RedisKey, [String])
        case retake(RedisAdmission)
        case last(EventLoopPromise<Void>)
    }

    /// The leases of one cap that are held here.
    private struct Held {
        var limit: Int
        var holders: Set<String> = []
    }

    private let client: RedisClient
    private let eventLoop: any EventLoop
    private let settings: RedisLimitSettings
    private(set) var isUp = true
    private var voice: RedisVoice
    private var pending: [UInt64: Pending] = [:]
    private var nextTag: UInt64 = 1
    /// Bound: the requests under way, times the caps of each.
    private var leases: [RedisKey: Held] = [:]
    private var renewalTimer: Scheduled<Void>?
    private var probeTimer: Scheduled<Void>?
    private var isClosed = false
    /// Memory of the last question, for the next.
    private var question = RedisCommand([])

    private static let leaseMilliseconds: Int64 = 15_000
    private static let renewalInterval = TimeAmount.seconds(5)
    private static let probeInterval = TimeAmount.milliseconds(1_050)
    private static let maxHoldersPerRenewal = 512
    /// For a record: an answer's end can wait longer for Redis' disk than its beginning for limits.
    private static let recordPatience = TimeAmount.seconds(1)
    /// For what nobody waits for.
    private static let patience = TimeAmount.seconds(5)

    init(settings: RedisLimitSettings, eventLoop: any EventLoop) {
        self.settings = settings
        self.eventLoop = eventLoop
        client = RedisClient(options: settings.options, eventLoop: eventLoop)
        voice = RedisVoice(settings.health)
    }

    /// Connects, so that the first request need not wait for that.
    func connect() {
        send(RedisCommand("PING"), .probe, timeout: settings.options.limits.connectTimeout + settings.timeout)
    }

    // MARK: requests

    /// Asks for a request; the receiver hears one answer, with tag 0, perhaps before this returns.
    func ask(_ admission: RedisAdmission, now: NIODeadline, receiver: any RedisReceiver) {
        admission.encode(into: &question)
        client.send(question, deadline: now + settings.timeout, to: receiver)
    }

    /// A request's question was answered.
    func answered() {
        voice.answered(now: eventLoop.now)
    }

    /// A request's question was not answered.
    ///
    /// - Parameter admission: the question, which may have been answered with yes after all: its leases are given back. What it holds of wallets is
    ///   settled with its record.
    func failed(_ failure: RedisFailure, of admission: RedisAdmission) {
        note(failure)
        if failure.mayHaveRun { release(admission) }
    }

    /// The request passed: its leases are renewed from now on.
    func hold(_ question: LimitQuestion) {
        guard !question.plan.redisCaps.isEmpty else { return }
        for cap in question.plan.redisCaps { leases[cap.key, default: Held(limit: cap.limit)].holders.insert(question.holder) }
        scheduleRenewal()
    }

    /// The request is over: its leases are not renewed any more.
    func letGo(_ question: LimitQuestion) {
        for cap in question.plan.redisCaps { drop(question.holder, of: cap.key) }
    }

    // MARK: the cache

    /// The lease to fetch an answer is renewed from now on.
    func hold(flight: RedisKey, holder: String) {
        leases[flight, default: Held(limit: 1)].holders.insert(holder)
        scheduleRenewal()
    }

    func letGo(flight: RedisKey, holder: String) {
        drop(holder, of: flight)
    }

    /// Asks the cache alone, beside any limit.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where there is no answer.
    func ask(_ look: RedisLook, holder: String, _ completion: @escaping (RedisLook.Found?) -> Void) {
        guard isUp else { return completion(nil) }
        let admission = RedisAdmission(rates: [], caps: [], look: look, holder: holder, leaseMilliseconds: Self.leaseMilliseconds)
        var command = RedisCommand([])
        admission.encode(into: &command)
        send(command, .look(admission, completion), timeout: settings.timeout)
    }

    /// Asks about an idempotency key alone, likewise.
    func ask(_ claim: RedisClaim, holder: String, _ completion: @escaping (RedisClaim.Found?) -> Void) {
        guard isUp else { return completion(nil) }
        let admission = RedisAdmission(rates: [], caps: [], claim: claim, holder: holder, leaseMilliseconds: Self.leaseMilliseconds)
        var command = RedisCommand([])
        admission.encode(into: &command)
        send(command, .claim(admission, completion), timeout: settings.timeout)
    }

    /// Asks something of the cache.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where there is no answer.
    func ask(_ command: RedisCommand, _ completion: @escaping (RedisReply?) -> Void) {
        guard isUp else { return completion(nil) }
        send(command, .question(completion), timeout: settings.timeout)
    }

    /// Asks what no request waits for: no answer is no trouble.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where there is no answer.
    func hear(_ command: RedisCommand, _ completion: @escaping (RedisReply?) -> Void) {
        guard isUp else { return completion(nil) }
        send(command, .heard(completion), timeout: Self.patience)
    }

    /// Sends a command of the cache, whose reply nobody needs: a server that is too full for an answer is no trouble of the limits'.
    func tell(_ command: RedisCommand) {
        guard isUp else { return }
        send(command, .told, timeout: Self.patience)
    }

    // MARK: settlements

    /// Settles a request. Nobody waits for the reply; if it is lost, estimates grow back and leases end by themselves.
    func settle(_ settlement: RedisSettlement) {
        guard isUp, !settlement.isEmpty else { return }
        send(settlement, nil, timeout: Self.patience)
    }

    /// Settles a request whose record is in it.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside.
    func settle(_ settlement: RedisSettlement, completion: @escaping (Result<RedisSettlement.Outcome, RedisFailure>) -> Void) {
        send(settlement, completion, timeout: max(settings.timeout, Self.recordPatience))
    }

    private func send(
        _ settlement: RedisSettlement, _ completion: ((Result<RedisSettlement.Outcome, RedisFailure>) -> Void)?, timeout: TimeAmount
    ) {
        var command = RedisCommand([])
        settlement.encode(into: &command)
        send(command, .settlement(completion), timeout: timeout)
    }

    /// Counts something that nobody waits for.
    func count(_ question: LimitQuestion, _ learn: @escaping (AdmissionModel.Outcome) -> Void) {
        let admission = question.forRedis
        var command = RedisCommand([])
        admission.encode(into: &command)
        send(command, .count(admission, learn), timeout: settings.timeout)
    }

    private func release(_ admission: RedisAdmission) {
        guard !admission.leases.isEmpty else { return }
        send(RedisSettlement(leases: admission.leases, holder: admission.holder), nil, timeout: Self.patience)
    }

    private func drop(_ holder: String, of key: RedisKey) {
        guard let index = leases.index(forKey: key) else { return }
        leases.values[index].holders.remove(holder)
        if leases.values[index].holders.isEmpty { leases.remove(at: index) }
    }

    // MARK: leases

    private func scheduleRenewal() {
        guard renewalTimer == nil, !isClosed else { return }
        renewalTimer = eventLoop.assumeIsolated().scheduleTask(in: Self.renewalInterval) { [self] in
            renewalTimer = nil
            renew()
        }
    }

    private func renew() {
        guard !leases.isEmpty else { return }
        scheduleRenewal()
        guard isUp else { return }
        for (key, held) in leases {
            var holders = Array(held.holders)[...]
            while !holders.isEmpty {
                let batch = Array(holders.prefix(Self.maxHoldersPerRenewal))
                holders = holders.dropFirst(batch.count)
                var command = RedisCommand([])
                RedisAdmission.encodeRenewal(into: &command, lease: key, holders: batch, leaseMilliseconds: Self.leaseMilliseconds)
                send(command, .renewal(key, batch), timeout: Self.patience)
            }
        }
    }

    /// A lease that ended while its request goes on (Redis was away for long, or this process was stopped) asks for a place again, now and with each
    /// renewal until there is one. The request goes on meanwhile: answers are not cut for that.
    private func renewed(_ key: RedisKey, _ holders: [String], _ reply: RedisReply) {
        guard let isThere = RedisAdmission.renewed(reply) else { return }
        for (holder, isThere) in zip(holders, isThere) where !isThere {
            guard let held = leases[key], held.holders.contains(holder) else { continue }
            let admission = RedisAdmission(
                rates: [], caps: [RedisAdmission.Cap(key: key, limit: held.limit)], holder: holder,
                leaseMilliseconds: Self.leaseMilliseconds)
            var command = RedisCommand([])
            admission.encode(into: &command)
            send(command, .retake(admission), timeout: Self.patience)
        }
    }

    private func retaken(_ admission: RedisAdmission, _ reply: RedisReply) {
        guard admission.outcome(of: reply)?.isAdmitted == true else { return }
        let isOver = admission.caps.contains { leases[$0.key]?.holders.contains(admission.holder) != true }
        if isOver { release(admission) }
    }

    // MARK: down and up

    private func note(_ failure: RedisFailure) {
        voice.failed(failure, now: eventLoop.now)
        if case .closed = client.breakerState { return }
        guard isUp, !isClosed else { return }
        isUp = false
        probeLater()
    }

    private func probeLater() {
        guard probeTimer == nil, !isClosed else { return }
        probeTimer = eventLoop.assumeIsolated().scheduleTask(in: Self.probeInterval) { [self] in
            probeTimer = nil
            // By a script, as requests ask: a server whose writes are held up answers PING.
            send(RedisCommand(RedisLimitScripts.probe, keyCount: 0), .probe, timeout: max(.seconds(1), settings.timeout))
        }
    }

    private func probed(_ isAnswered: Bool) {
        guard isAnswered else {
            isUp = false
            return probeLater()
        }
        answered()
        guard !isUp else { return }
        isUp = true
        renew()
    }

    // MARK: replies

    private func send(_ command: RedisCommand, _ waits: Pending, timeout: TimeAmount) {
        let tag = nextTag
        nextTag += 1
        pending[tag] = waits
        client.send(command, deadline: eventLoop.now + timeout, to: self, tag: tag)
    }

    package func redisAnswered(_ result: Result<RedisReply, RedisFailure>, tag: UInt64) {
        guard let waited = pending.removeValue(forKey: tag) else { return }
        switch (waited, result) {
        case (.last(let promise), _): promise.succeed(())
        case (.told, _): break
        case (.question(let completion), .success(let reply)), (.heard(let completion), .success(let reply)): completion(reply)
        case (.heard(let completion), .failure): completion(nil)
        case (.question(let completion), .failure(let failure)):
            if !isClosed { note(failure) }
            completion(nil)
        case (.probe, .success): probed(true)
        case (.probe, .failure(let failure)):
            note(failure)
            if !isClosed { probed(false) }
        case (.count(let admission, let learn), .success(let reply)): admission.outcome(of: reply).map(learn)
        case (.look(let admission, let completion), .success(let reply)): completion(admission.found(in: reply))
        case (.look(let admission, let completion), .failure(let failure)):
            if !isClosed { failed(failure, of: admission) }
            completion(nil)
        case (.claim(let admission, let completion), .success(let reply)): completion(admission.claimed(in: reply))
        case (.claim(let admission, let completion), .failure(let failure)):
            if !isClosed { failed(failure, of: admission) }
            completion(nil)
        case (.renewal(let key, let holders), .success(let reply)): renewed(key, holders, reply)
        case (.retake(let admission), .success(let reply)): retaken(admission, reply)
        case (.settlement(let completion), .success(let reply)):
            completion?(RedisSettlement.outcome(of: reply).map { .success($0) } ?? .failure(.unexpectedReply))
        case (.settlement(let completion?), .failure(let failure)):
            if !isClosed { note(failure) }
            completion(.failure(failure))
        case (_, .failure(let failure)): if !isClosed { note(failure) }
        }
    }

    /// Waits for what is under way, a moment at most, and closes.
    func close() -> EventLoopFuture<Void> {
        renewalTimer?.cancel()
        probeTimer?.cancel()
        isClosed = true
        let promise = eventLoop.makePromise(of: Void.self)
        // Replies come in order: when this one is here, all settlements have been done.
        send(RedisCommand("PING"), .last(promise), timeout: .seconds(1))
        let bound = NIOLoopBound(client, eventLoop: eventLoop)
        return promise.futureResult.map { bound.value.close() }
    }
}
