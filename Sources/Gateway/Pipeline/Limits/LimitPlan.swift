import GatewayCore
import RedisStore

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

    /// - Parameter limits: who is limited, and by what.
    init(tenant: String, faultRule: LimitFaultRule, limits: [(subject: LimitSubject, limits: SubjectLimits)]) {
        var rates: [(subject: LimitSubject, measure: LimitMeasure, limit: RateLimit)] = []
        var caps: [(subject: LimitSubject, limit: Int)] = []
        for (subject, limits) in limits {
            if let limit = limits.requests { rates.append((subject, .requests, limit)) }
            if let limit = limits.tokens { rates.append((subject, .tokens, limit)) }
            if let limit = limits.concurrentRequests { caps.append((subject, limit)) }
        }
        self.tenant = tenant
        self.faultRule = faultRule
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

    var isEmpty: Bool { rates.isEmpty && caps.isEmpty }

    /// Permits that so many tokens take of one limit. More than the burst can never be there at once: a request that is estimated at more waits for
    /// a full bucket.
    func permits(_ tokens: UInt64, at index: Int) -> UInt64 { min(max(1, tokens), rates[index].demand.limit.burst) }
}

/// What is asked of a plan for one request, or for one that failed before it could be asked for.
struct LimitQuestion {
    let plan: LimitPlan
    /// The estimate; 0: only requests are counted, and nothing is under way.
    let tokens: UInt64
    /// Names the request's leases; empty where there are no caps.
    let holder: String

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
        return RedisAdmission(rates: rates, caps: plan.redisCaps, holder: holder)
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
