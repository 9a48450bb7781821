import EmbeddedStore
import GatewayCore
import NIOCore
package import RedisStore

/// A question that Redis has not answered yet.
struct LimitAsk {
    let question: LimitQuestion
    let admission: RedisAdmission
    let began: NIODeadline
}

/// The phase `limit`: who is known to be refused is refused before anything is done; all others are asked for when their request is read and scrubbed.
extension Exchange {
    /// Refuses who is known to have nothing left, without asking anybody.
    func refuseKnown() throws(Fault) {
        let plan = loop.limits.plan(for: request.principal, snapshot.limits)
        guard !plan.isEmpty else { return }
        let began = NIODeadline.now()
        defer { summary.timings[.limit] += (NIODeadline.now() - began).nanoseconds }
        if let refusal = loop.limits.knownRefusal(plan, now: began) {
            loop.limits.refused(by: refusal, isFromMemo: true)
            throw told(refusal)
        }
        uncounted = plan
    }

    /// Asks for the request. It goes on when the answer is there: at once, or when Redis has answered. What is asked for is the arm that was chosen; one
    /// that is refused by a limit of its own, or that the budgets do not reach for, is left out, and another one asked for.
    func askLimits() throws(Fault) {
        if fetched == nil { try chooseArm() }
        uncounted = nil
        let plan = try limitPlan()
        let (look, claim) = (look, claimQuestion)
        guard !plan.isEmpty || look != nil || claim != nil else { return try lookUp() }
        let began = NIODeadline.now()
        let tokens = snapshot.limits.estimatedTokens(
            requestBytes: request.body.readableBytes, maxOutputTokens: envelope.maxOutputTokens, choices: envelope.choices,
            rates: (arbitration?.chosen ?? target)?.settings.traits.tokenRates ?? .plain)
        var question = LimitQuestion(
            plan: plan, tokens: tokens,
            holder: plan.caps.isEmpty && !plan.wallets.isBudgeted && look == nil && claim == nil ? "" : holder,
            claim: claim, look: look)
        if plan.wallets.isBudgeted, !isCounting { question.hold = try hold(of: plan.wallets) }
        guard let redis = loop.limits.redis else { return try goOn(asking: question, since: began) }
        guard redis.isUp else { return try goOnWithoutRedis(question, since: began) }
        let ask = LimitAsk(question: question, admission: question.forRedis, began: began)
        self.ask = ask
        state = .asking
        redis.ask(ask.admission, now: began, receiver: self)
    }

    /// What the request must pass. Who is known to be refused is refused without asking.
    private func limitPlan() throws(Fault) -> LimitPlan {
        let began = NIODeadline.now()
        defer { summary.timings[.limit] += (NIODeadline.now() - began).nanoseconds }
        while true {
            let model = arbitration?.route.name ?? target?.model ?? envelope.model
            let plan = loop.limits.plan(for: request.principal, model: model, arm: arbitration?.chosen?.model, snapshot.limits)
            guard let refusal = loop.limits.knownRefusal(plan, now: began) else { return plan }
            guard choosesWithout(limited: refusal) else {
                loop.limits.refused(by: refusal, isFromMemo: true)
                throw told(refusal)
            }
        }
    }

    /// Asks this process' own limits.
    private func goOn(asking question: LimitQuestion, since began: NIODeadline) throws(Fault) {
        guard let outcome = loop.limits.askProcess(question, now: .now()) else { throw .overloaded }
        guard try goOn(with: outcome, of: question, .process, since: began) else { return try askLimits() }
        if let hold = question.hold, case .process(_, let file) = loop.limits.wallets { return keep(hold, in: file) }
        try lookUp()
    }

    private func goOnWithoutRedis(_ question: LimitQuestion, since began: NIODeadline) throws(Fault) {
        // Only the cache was asked, or an idempotency key.
        guard !question.plan.isEmpty else { return try lookUp() }
        loop.limitMetrics.withoutRedis(question.plan.faultRule)
        // Money is not counted alone: replicas would spend a budget each.
        guard question.plan.faultRule == .countAlone, question.hold == nil else {
            summary.timings[.limit] += (NIODeadline.now() - began).nanoseconds
            throw question.hold == nil ? .limitsUnknown : .budgetsUnknown
        }
        try goOn(asking: question, since: began)
    }

    /// - Returns: `false`: the request was refused, and another arm was chosen, which is to be asked for.
    private func goOn(
        with outcome: AdmissionModel.Outcome, of question: LimitQuestion, _ store: LimitGrant.Store, since began: NIODeadline
    ) throws(Fault) -> Bool {
        defer { summary.timings[.limit] += (NIODeadline.now() - began).nanoseconds }
        let refusal = loop.limits.learn(outcome, of: question, askedAt: began)
        if !question.plan.isEmpty { summary.rateLimit = question.report(outcome) }
        guard outcome.isAdmitted else {
            if choosesWithout(limited: refusal) || (refusal == nil && choosesCheaper()) {
                // Of limits that the request will not be held to.
                summary.rateLimit = nil
                return false
            }
            loop.limits.refused(by: refusal)
            let budget = question.budgetRefusal(outcome)?.fault(now: loop.clock.unixMilliseconds())
            throw refusal.map { told($0) } ?? budget ?? .overloaded
        }
        grant = LimitGrant(question: question, store: store)
        if store == .redis { loop.limits.redis?.hold(question) }
        return true
    }

    private func told(_ refusal: LimitRefusal) -> Fault {
        if case .rate(let measure, let outcome) = refusal.cause {
            var report = LimitReport()
            report.add(measure, outcome.status)
            if summary.rateLimit == nil { summary.rateLimit = report }
        }
        return refusal.fault
    }

    /// The request is over: what it was counted for becomes what it used. One that failed before it was asked for is counted now.
    ///
    /// - Returns: what is left to be settled in Redis, together with the record where that is journalled there; and what was charged before in place of the
    ///   request's cost, if something was.
    func settleLimits() -> (settlement: RedisSettlement, lateBound: Int64?) {
        if let plan = uncounted {
            uncounted = nil
            summary.rateLimit = loop.limits.countFailed(plan, now: .now()) ?? summary.rateLimit
        }
        // What Redis is being asked for, it is asked for before it is told of the end.
        let question = grant?.question ?? doubtful ?? ask?.question
        var settlement = grant.map { loop.limits.settle($0, usedTokens: usedTokens, now: .now()) } ?? RedisSettlement()
        grant = nil
        let (charge, lateBound) = charge(question)
        settlement.charge = charge
        settlement.holder = holder
        releaseFlight(with: &settlement)
        releaseClaim(with: &settlement)
        return (settlement, lateBound)
    }

    /// Tokens that a provider processed for this request; an answer from the cache used none.
    private var usedTokens: UInt64 {
        guard calls > 0 else { return 0 }
        let usage = summary.usage
        return [usage.cacheRead, usage.cacheWrite, usage.output, usage.reasoning].reduce(usage.input) { total, tokens in
            let (sum, overflow) = total.addingReportingOverflow(tokens)
            return overflow ? .max : sum
        }
    }
}

extension Exchange: RedisReceiver {
    package func redisAnswered(_ result: Result<RedisReply, RedisFailure>, tag: UInt64) {
        guard let ask else { return }
        self.ask = nil
        if case .success = result { loop.tally.redisAnswered(nanoseconds: (NIODeadline.now() - ask.began).nanoseconds) }
        let answer = result.flatMap { reply in ask.admission.outcome(of: reply).map { .success($0) } ?? .failure(.unexpectedReply) }
        let reply = try? result.get()
        let (found, claimed) = (reply.flatMap { ask.admission.found(in: $0) }, reply.flatMap { ask.admission.claimed(in: $0) })
        switch answer {
        case .success: loop.limits.redis?.answered()
        case .failure(let failure):
            loop.limits.redis?.failed(failure, of: ask.admission)
            if failure.mayHaveRun { doubtful = ask.question }
        }
        guard case .asking = state else { return giveBack(answer, found, claimed, ask) }
        state = .new
        attempt { () throws(Fault) in
            switch answer {
            case .success(let outcome):
                guard try goOn(with: outcome, of: ask.question, .redis, since: ask.began) else { return try askLimits() }
                try lookUp(found, claimed: claimed)
            case .failure: try goOnWithoutRedis(ask.question, since: ask.began)
            }
        }
    }

    /// Ends the request with what is thrown.
    func attempt(_ phase: () throws(Fault) -> Void) {
        do throws(Fault) {
            try phase()
        } catch {
            fail(error)
        }
    }

    /// The request has ended while Redis was asked for it.
    private func giveBack(
        _ answer: Result<AdmissionModel.Outcome, RedisFailure>, _ found: RedisLook.Found?, _ claimed: RedisClaim.Found?, _ ask: LimitAsk
    ) {
        guard case .success(let outcome) = answer, outcome.isAdmitted else { return }
        var settlement = loop.limits.settle(LimitGrant(question: ask.question, store: .redis), usedTokens: 0, now: .now())
        settlement.holder = ask.question.holder
        // Its hold was settled with its record, unless Redis has seen that first.
        if ask.question.hold != nil {
            let wallets = ask.question.plan.wallets
            settlement.charge = RedisSettlement.Charge(.held, bucket: wallets.bucket, wallets: wallets.keys, nanoUSD: 0, time: spendingTime)
        }
        if case .lead = found, let flight = ask.admission.look?.flight { settlement.leases.append(flight) }
        if case .mine = claimed, let claim = ask.admission.claim { settlement.leases.append(claim.lease) }
        loop.limits.redis?.settle(settlement)
    }
}
