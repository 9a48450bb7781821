import GatewayCore
import RedisStore

/// Who pays for a caller's requests, in the words of both stores, and what they may spend.
struct WalletPlan: Sendable {
    let bucket: UInt8
    let subjects: [BudgetSubject]
    let limits: [BudgetSet]
    let keys: [RedisKey]
    let names: [String]
    /// Whether a limit applies, so that something must be reserved.
    let isBudgeted: Bool

    init(tenant: String, _ budgets: [(subject: BudgetSubject, limits: BudgetSet)]) {
        bucket = RedisKey.bucket(of: tenant)
        subjects = budgets.map(\.subject)
        limits = budgets.map(\.limits)
        keys = subjects.map { .wallet(tenant: tenant, $0) }
        names = keys.map(\.name)
        isBudgeted = limits.contains { !$0.isEmpty }
    }
}

/// Everything that a request of one caller must pass, in the words of both stores: made once for each caller and model, then shared.
final class LimitPlan: Sendable {
    let tenant: String
    let faultRule: LimitFaultRule
    /// What each of `rates` counts.
    let rateSubjects: [(subject: LimitSubject, measure: LimitMeasure)]
    let capSubjects: [LimitSubject]
    let rates: [AdmissionModel.Rate]
    let caps: [AdmissionModel.Cap]
    let redisRates: [RedisAdmission.Rate]
    let redisCaps: [RedisAdmission.Cap]
    /// Which of `rates` count tokens.
    let tokenIndices: [Int]
    let wallets: WalletPlan

    /// - Parameter limits: who is limited, and by what.
    init(tenant: String, faultRule: LimitFaultRule, wallets: WalletPlan, limits: [(subject: LimitSubject, limits: SubjectLimits)]) {
        var rates: [(subject: LimitSubject, measure: LimitMeasure, limit: RateLimit)] = []
        var caps: [(subject: LimitSubject, limit: Int)] = []
        for (subject, limits) in limits {
            if let limit = limits.requests { rates.append((subject, .requests, limit)) }
            if let limit = limits.tokens { rates.append((subject, .tokens, limit)) }
            if let limit = limits.concurrentRequests { caps.append((subject, limit)) }
        }
        self.tenant = tenant
        self.faultRule = faultRule
        self.wallets = wallets
        rateSubjects = rates.map { ($0.subject, $0.measure) }
        capSubjects = caps.map(\.subject)
        tokenIndices = rates.indices.filter { rates[$0].measure == .tokens }
        redisRates = rates.map {
            RedisAdmission.Rate(key: .rate(tenant: tenant, $0.subject, $0.measure), demand: RateDemand(limit: $0.limit))
        }
        redisCaps = caps.map { RedisAdmission.Cap(key: .leases(tenant: tenant, $0.subject), limit: $0.limit) }
        self.rates = redisRates.map { AdmissionModel.Rate(name: $0.key.name, demand: $0.demand) }
        self.caps = redisCaps.map { AdmissionModel.Cap(name: $0.key.name, limit: $0.limit) }
    }

    var isEmpty: Bool { rates.isEmpty && caps.isEmpty && !wallets.isBudgeted }

    /// Permits that so many tokens take of one limit. More than the burst can never be there at once: a request that is estimated at more waits for
    /// a full bucket.
    func permits(_ tokens: UInt64, at index: Int) -> UInt64 { min(max(1, tokens), rates[index].demand.limit.burst) }
}

/// What is asked of a plan for one request, or for one that failed before it could be asked for.
struct LimitQuestion {
    let plan: LimitPlan
    /// The estimate; 0: only requests are counted, and nothing is under way.
    let tokens: UInt64
    /// Names the request's leases and its hold; empty where there are neither.
    let holder: String
    /// What is asked of wallets; `nil`: no budget applies.
    var hold: WalletHold?
    /// What is asked of the request's idempotency key.
    var claim: RedisClaim?
    /// What is asked of the cache that replicas share.
    var look: RedisLook?

    var countsWhole: Bool { tokens > 0 }

    var rates: [AdmissionModel.Rate] {
        guard countsWhole else { return plan.rates.indices.filter { !plan.tokenIndices.contains($0) }.map { plan.rates[$0] } }
        guard !plan.tokenIndices.isEmpty else { return plan.rates }
        var rates = plan.rates
        for index in plan.tokenIndices { rates[index].demand.permits = plan.permits(tokens, at: index) }
        return rates
    }

    var caps: [AdmissionModel.Cap] { countsWhole ? plan.caps : [] }

    /// What each of ``rates`` counts.
    var subjects: [(subject: LimitSubject, measure: LimitMeasure)] {
        countsWhole ? plan.rateSubjects : plan.rateSubjects.filter { $0.measure == .requests }
    }

    var forRedis: RedisAdmission {
        guard countsWhole else {
            let rates = plan.redisRates.indices.filter { !plan.tokenIndices.contains($0) }.map { plan.redisRates[$0] }
            return RedisAdmission(rates: rates, caps: [], holder: holder)
        }
        var rates = plan.redisRates
        for index in plan.tokenIndices { rates[index].demand.permits = plan.permits(tokens, at: index) }
        return RedisAdmission(
            rates: rates, caps: plan.redisCaps,
            hold: hold.map { RedisAdmission.Hold(bucket: plan.wallets.bucket, keys: plan.wallets.keys, demand: $0) }, claim: claim,
            look: look, holder: holder)
    }

    /// Permits to take or give back, now that it is known how many tokens were used; limits that were estimated rightly are left out.
    func corrections(usedTokens: UInt64) -> [(index: Int, permits: Int64)] {
        plan.tokenIndices.compactMap { index in
            let change = Int64(clamping: usedTokens) - Int64(clamping: plan.permits(tokens, at: index))
            return change == 0 ? nil : (index, change)
        }
    }

    /// Which limit the store's answer means, for one that refuses.
    func refusal(_ outcome: AdmissionModel.Outcome) -> LimitRefusal? {
        for ((subject, measure), rate) in zip(subjects, outcome.rates) where rate.waitNanoseconds != 0 {
            return LimitRefusal(subject: subject, cause: .rate(measure, rate))
        }
        for ((subject, cap), count) in zip(zip(plan.capSubjects, plan.caps), outcome.leaseCounts) where count >= cap.limit {
            return LimitRefusal(subject: subject, cause: .concurrency(limit: cap.limit))
        }
        return nil
    }

    /// Which budget the store's answer means, where one has too little left.
    func budgetRefusal(_ outcome: AdmissionModel.Outcome) -> BudgetRefusal? {
        guard let refusal = outcome.wallet, let hold, plan.wallets.subjects.indices.contains(refusal.wallet) else { return nil }
        return BudgetRefusal(
            subject: plan.wallets.subjects[refusal.wallet], period: refusal.period,
            limitNanoUSD: plan.wallets.limits[refusal.wallet][refusal.period] ?? 0, boundNanoUSD: hold.bound, time: hold.time)
    }

    /// What the wallets are charged for a request.
    func charge(_ kind: RedisSettlement.Charge.Kind, _ nanoUSD: Int64, _ time: SpendingTime) -> RedisSettlement.Charge {
        RedisSettlement.Charge(kind, bucket: plan.wallets.bucket, wallets: plan.wallets.keys, nanoUSD: nanoUSD, time: time)
    }

    func report(_ outcome: AdmissionModel.Outcome) -> LimitReport {
        var report = LimitReport()
        for ((_, measure), rate) in zip(subjects, outcome.rates) { report.add(measure, rate.status) }
        for (cap, taken) in zip(caps, outcome.leaseCounts) { report.add(placesOf: cap.limit, taken: taken) }
        return report
    }
}

/// What a request holds of its limits until it is over.
struct LimitGrant {
    enum Store { case process, redis }

    let question: LimitQuestion
    let store: Store
}
