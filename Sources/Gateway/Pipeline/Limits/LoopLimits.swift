import EmbeddedStore
import GatewayCore
import NIOCore
import RedisStore

/// The limits as one event loop asks them: of this process, or of Redis and, where Redis cannot be asked and the rule is so, of this process.
/// Confined to its loop.
final class LoopLimits {
    private let limiter: EmbeddedLimiter
    /// `nil`: this process counts alone.
    let redis: RedisLine?
    /// Where spending is counted.
    let wallets: WalletPlace
    private var budgets = BudgetTable()
    private let metrics: LimitMetrics
    private var memo = RefusalMemo()
    private var outcome = AdmissionModel.Outcome(isAdmitted: true, rates: [], leaseCounts: [])
    /// Made of the present configuration. Bound: ``maxPlans`` callers, each with a plan for each limited model; then all are made anew.
    private var plans: [ObjectIdentifier: CallerPlans] = [:]
    private static let maxPlans = 4_096

    private struct CallerPlans {
        /// Kept, so that no other principal gets its identity.
        let principal: Principal
        let limits: TenantLimits?
        let base: LimitPlan
        var models: [Models: LimitPlan] = [:]
    }

    /// Which of a tenant's limited models a request counts under, by their places.
    private struct Models: Hashable {
        var named: Int?
        /// The arm that an arbitrated name has chosen, where that is another one.
        var arm: Int?
    }

    init(limiter: EmbeddedLimiter, redis: RedisLine?, wallets: WalletPlace, metrics: LimitMetrics) {
        self.limiter = limiter
        self.wallets = wallets
        self.redis = redis
        self.metrics = metrics
    }

    /// The configuration has changed.
    func forget() {
        plans.removeAll()
        memo.removeAll()
    }

    /// The store has other budgets.
    func update(_ budgets: BudgetTable) {
        self.budgets = budgets
        plans.removeAll()
    }

    // MARK: plans

    /// What every request of the caller must pass.
    func plan(for principal: Principal, _ settings: LimitSettings) -> LimitPlan {
        callerPlans(principal, settings).base
    }

    /// The same for a request to one model, or to an arbitrated name and the arm that it has chosen.
    func plan(for principal: Principal, model: String, arm: String? = nil, _ settings: LimitSettings) -> LimitPlan {
        var caller = callerPlans(principal, settings)
        guard let limits = caller.limits, !limits.models.isEmpty else { return caller.base }
        var counted = Models(named: limits.modelIndex(of: model), arm: arm.flatMap { limits.modelIndex(of: $0) })
        if counted.arm == counted.named { counted.arm = nil }
        let indices = [counted.named, counted.arm].compactMap { $0 }
        guard !indices.isEmpty else { return caller.base }
        if let plan = caller.models[counted] { return plan }
        let plan = plan(principal, limits, models: indices.map { limits.models[$0] }, settings)
        caller.models[counted] = plan
        plans[ObjectIdentifier(principal)] = caller
        return plan
    }

    /// What the tenant's requests for a model are limited as; `nil`: they are not.
    func subject(of model: String, for principal: Principal, _ settings: LimitSettings) -> LimitSubject? {
        guard let limits = settings.tenants[principal.tenant], let index = limits.modelIndex(of: model) else { return nil }
        return .model(limits.models[index].name)
    }

    private func callerPlans(_ principal: Principal, _ settings: LimitSettings) -> CallerPlans {
        if let known = plans[ObjectIdentifier(principal)] { return known }
        if plans.count >= Self.maxPlans { plans.removeAll() }
        let limits = settings.tenants[principal.tenant]
        let made = CallerPlans(principal: principal, limits: limits, base: plan(principal, limits, models: [], settings))
        plans[ObjectIdentifier(principal)] = made
        return made
    }

    private func plan(
        _ principal: Principal, _ tenant: TenantLimits?, models: [TenantLimits.Model], _ settings: LimitSettings
    ) -> LimitPlan {
        var limits: [(subject: LimitSubject, limits: SubjectLimits)] = [(.key(principal.keyID), principal.limits)]
        if let tenant {
            if let user = principal.user { limits.append((.user(user), tenant.user)) }
            limits.append((.tenant, tenant.tenant))
        }
        for model in models { limits.append((.model(model.name), model.limits)) }
        let wallets = WalletPlan(
            tenant: principal.tenant,
            budgets.budgets(
                tenant: principal.tenant, department: principal.department, user: principal.user, configured: tenant?.budgets))
        return LimitPlan(
            tenant: principal.tenant, faultRule: tenant?.faultRule ?? settings.faultRule, wallets: wallets, limits: limits)
    }

    // MARK: memo

    /// - Returns: the refusal that the store would give, if that is known.
    func knownRefusal(_ plan: LimitPlan, now: NIODeadline) -> LimitRefusal? {
        guard memo.count > 0 else { return nil }
        let now = Int64(clamping: now.uptimeNanoseconds)
        for (rate, (subject, measure)) in zip(plan.rates, plan.rateSubjects) {
            guard let outcome = memo.refusal(rate.name, now: now) else { continue }
            return LimitRefusal(subject: subject, cause: .rate(measure, outcome))
        }
        return nil
    }

    /// Takes a store's answer in.
    ///
    /// - Returns: what refuses the request, if something does; ``refused(by:isFromMemo:)`` is told if it is refused.
    func learn(_ outcome: AdmissionModel.Outcome, of question: LimitQuestion, askedAt: NIODeadline) -> LimitRefusal? {
        let now = Int64(clamping: askedAt.uptimeNanoseconds)
        for (index, told) in outcome.rates.enumerated() where told.waitForOneNanoseconds > 0 {
            memo.learn(question.rates[index].name, question.subjects[index].measure, told, askedAt: now)
        }
        return outcome.isAdmitted ? nil : question.refusal(outcome)
    }

    /// Counts a request that is refused.
    ///
    /// - Parameter refusal: `nil`: a budget refuses it.
    func refused(by refusal: LimitRefusal?, isFromMemo: Bool = false) {
        switch refusal?.cause {
        case .rate(let measure, _): metrics.refused(measure, isFromMemo: isFromMemo)
        case .concurrency: metrics.refusedConcurrency()
        case nil: metrics.refusedByBudget()
        }
    }

    // MARK: this process

    /// Asks this process' own limits; `nil`: there is no room to keep them.
    func askProcess(_ question: LimitQuestion, now: NIODeadline) -> AdmissionModel.Outcome? {
        let hasRoom = limiter.admit(
            tenant: question.plan.tenant, question.rates, caps: question.caps, hold: question.hold, holder: question.holder, now: now,
            into: &outcome)
        return hasRoom ? outcome : nil
    }

    /// Counts a request that failed before it could be asked for, so that nobody sends broken ones without end. Nobody waits for it.
    ///
    /// - Returns: what the caller is told, if it is known at once.
    func countFailed(_ plan: LimitPlan, now: NIODeadline) -> LimitReport? {
        let question = LimitQuestion(plan: plan, tokens: 0, holder: "")
        guard !question.rates.isEmpty else { return nil }
        if let redis, redis.isUp {
            redis.count(question) { [self] outcome in learnCounted(outcome, of: question, askedAt: now) }
            return nil
        }
        guard let outcome = askProcess(question, now: now) else { return nil }
        learnCounted(outcome, of: question, askedAt: now)
        return question.report(outcome)
    }

    private func learnCounted(_ outcome: AdmissionModel.Outcome, of question: LimitQuestion, askedAt: NIODeadline) {
        let refusal = learn(outcome, of: question, askedAt: askedAt)
        if !outcome.isAdmitted { refused(by: refusal) }
    }

    /// The request is over: estimates are corrected, and its place is free.
    ///
    /// - Returns: what is left to be settled in Redis.
    func settle(_ grant: LimitGrant, usedTokens: UInt64, now: NIODeadline) -> RedisSettlement {
        let question = grant.question
        let corrections = question.corrections(usedTokens: usedTokens)
        guard !corrections.isEmpty || !question.plan.caps.isEmpty else { return RedisSettlement() }
        switch grant.store {
        case .process:
            let rates = question.plan.rates
            limiter.settle(
                tenant: question.plan.tenant, corrections.map { (rates[$0.index].name, rates[$0.index].demand.limit, $0.permits) },
                caps: question.plan.caps, holder: question.holder, now: now)
            return RedisSettlement()
        case .redis:
            redis?.letGo(question)
            let rates = question.plan.redisRates
            return RedisSettlement(
                corrections: corrections.map {
                    RedisSettlement.Correction(key: rates[$0.index].key, limit: rates[$0.index].demand.limit, permits: $0.permits)
                }, leases: question.plan.redisCaps.map(\.key), holder: question.holder)
        }
    }
}

extension Fault {
    /// No answer of Redis, and the rule is to refuse.
    static let limitsUnknown = Fault(
        .overloaded, origin: .gateway,
        message: "The store of limits does not answer, and requests are refused until it does. Nothing was done; try again shortly.",
        retryAfterMilliseconds: 1_000)
}
