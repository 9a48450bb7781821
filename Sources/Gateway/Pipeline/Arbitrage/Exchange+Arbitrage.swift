import GatewayCore
import NIOCore
import Providers

/// A request for an arbitrated name: which of the models that could serve it does. It is decided before the limits are asked, so that those of the chosen
/// arm are; until it is called the arm whose rules hide most stands for all.
struct Arbitration {
    let route: ArbitratedRoute
    /// Arms that the caller may name.
    let allowed: [UpstreamTarget]
    /// The caller named a model, which the name may stand in for.
    let substitutes: Bool
    /// What the request asks, and its features: read once.
    var asked: (traits: RequestTraits, features: FeatureVector)?
    /// Arms that were chosen and may not be called: a limit of their own, or the budgets, keep them from it.
    var leftOut: [(arm: UpstreamTarget, reason: DecisionRecord.Infeasibility)] = []
    var record: DecisionRecord?
    /// When it was made.
    var decidedIn: RouteStatistics.Hour?
    /// The chosen arm, and those that are called behind it.
    var plan: RoutePlan?
    /// The chosen arm is called.
    var isCarriedOut = false
    var form: AnswerForm?
    /// The arm that was called last.
    var called: UpstreamTarget?
    /// Arms that gave no answer, by their own fault.
    var failed: [UpstreamTarget] = []

    var chosen: UpstreamTarget? { plan?.targets.first }

    /// How a route's reason begins where this model answers: whoever is answered by the model that was named has got no other in its place.
    func prefix(for model: String, asked: String) -> String { substitutes && model != asked ? "substitution" : "arbitrage" }
}

extension Exchange {
    /// The plan's targets are the arms that the caller may name and of which a price is known; the one whose rules hide most is the first.
    func arbitrated(_ plan: RoutePlan) throws(Fault) -> RoutePlan {
        guard let route = plan.arbitration else { return plan }
        guard request.operation != .embeddings else {
            throw .invalidField("model", "is a choice among models, whose embeddings cannot be compared: name one of them")
        }
        let allowed = plan.targets.filter { request.principal.models.allows($0.model) }
        guard !allowed.isEmpty else {
            throw Fault(
                .modelNotFound, origin: .downstream,
                message: "This key may name `\(envelope.model.prefix(128))`, and none of the models that it chooses among.",
                parameter: "model")
        }
        let priced = allowed.filter { price(of: $0) != nil }
        var targets = priced.isEmpty ? allowed : priced
        guard request.operation == .answer else { return RoutePlan(targets: targets, reason: plan.reason) }
        arbitration = Arbitration(route: route, allowed: allowed, substitutes: plan.reason == "substitution")
        // Features are kept: they are made of what no arm's rules would leave in the text.
        let hidden = targets.map { scrubRules(for: $0).hiddenKindCount }
        if let most = hidden.max(), let strictest = hidden.firstIndex(of: most), strictest > 0 {
            targets.insert(targets.remove(at: strictest), at: 0)
        }
        return RoutePlan(targets: targets, reason: plan.reason)
    }

    /// Arbitrated, and the chosen arm is not called yet.
    var awaitsChoice: Bool { arbitration.map { !$0.isCarriedOut } ?? false }

    /// Which arms an answer may be of, and by what they were weighed, for the cache's key: an answer of one arm may be told where all of them may be, and
    /// where it would be chosen by the same dials.
    var armsKey: String {
        guard let arbitration, let route else { return "" }
        let settings = arbitration.route.settings
        let dials = snapshot.models.tenant(request.principal.tenant).dials(settings.dials)
        let floor = settings.floor.map { "\($0)" } ?? ""
        return route.targets.reduce(
            " arbitrage \(arbitration.route.name) \(settings.policy) \(dials.qualityPerMilliUSD) \(dials.qualityPerSecond) \(floor)"
        ) { "\($0) \($1.model)" }
    }

    // MARK: the choice

    /// Chooses an arm, once.
    func chooseArm() throws(Fault) {
        if awaitsChoice, arbitration?.plan == nil { try choose() }
    }

    /// Calls the chosen arm; the others follow behind it in the order of what is expected of them.
    func callChosen() {
        attempt { () throws(Fault) in
            try chooseArm()
            guard let plan = arbitration?.plan, let chosen = arbitration?.chosen else { throw .noArm }
            arbitration?.isCarriedOut = true
            route = plan
            var sequence = AttemptSequence(plan: plan, policy: snapshot.resilience.retries)
            _ = sequence.start()
            self.sequence = sequence
            summary.routeReason = sequence.reason
            guard chosen !== target else { return call(chosen) }
            try call(behindFailure: chosen)
        }
    }

    /// Chooses among the arms that could serve the request, and were not left out. What was chosen before counts as not chosen.
    ///
    /// - Throws: there is none; nothing has changed then.
    private func choose() throws(Fault) {
        guard var arbitration, let priced = route?.targets else { throw .noArm }
        let began = NIODeadline.now()
        defer { summary.timings[.route] += (NIODeadline.now() - began).nanoseconds }
        let (traits, features) = arbitration.asked ?? loop.arbitrage.read(body, with: &loop.workspace)
        arbitration.asked = (traits, features)
        let tenant = snapshot.models.tenant(request.principal.tenant)
        let hour = hour
        let (candidates, infeasible) = try feasible(arbitration, priced, traits, tenant)
        let decided = loop.arbitrage.with(arbitration.route) { own in
            if let before = arbitration.record, let decidedIn = arbitration.decidedIn { own.undo(before, of: decidedIn) }
            return own.decide(
                features, candidates, infeasible: infeasible, dials: tenant.dials(arbitration.route.settings.dials),
                conversation: conversation(arbitration, traits), now: hour, random: &loop.random)
        }
        let arms = arbitration.route.arms
        guard let decided, arms.indices.contains(decided.arm) else { throw .noArm }
        let chosen = arms[decided.arm]
        arbitration.record = decided
        arbitration.decidedIn = hour
        arbitration.plan = RoutePlan(
            targets: [chosen] + behind(decided, candidates, arms),
            reason: "\(arbitration.prefix(for: chosen.model, asked: envelope.model)):\(decided.word)")
        if arbitration.form == nil, traits.wantsJSON || traits.tools > 0 { arbitration.form = AnswerForm(traits) }
        self.arbitration = arbitration
    }

    /// Who is called behind the chosen arm, in the order of the reward that is expected; last those that the quality floor has retired. One whose own limit is
    /// known to be used up is not.
    private func behind(_ decided: DecisionRecord, _ candidates: [ArmCandidate], _ arms: [UpstreamTarget]) -> [UpstreamTarget] {
        let weighed = decided.candidates.map(\.belief).sorted { $0.reward(decided.dials) > $1.reward(decided.dials) }.map(\.arm)
        let retired = candidates.map(\.arm).filter { !weighed.contains($0) }
        return (weighed + retired).filter { $0 != decided.arm && arms.indices.contains($0) }.map { arms[$0] }.filter { !isKnownLimited($0) }
    }

    /// Which arms could serve the request, and why the others could not. An arm that is left alone for its failures is one if there is no other: its caller
    /// hears why.
    private func feasible(
        _ arbitration: Arbitration, _ priced: [UpstreamTarget], _ traits: RequestTraits, _ tenant: TenantArbitration
    ) throws(Fault) -> ([ArmCandidate], [DecisionRecord.Infeasible]) {
        var candidates: [ArmCandidate] = []
        var unwell: [ArmCandidate] = []
        var infeasible: [DecisionRecord.Infeasible] = []
        let now = loop.eventLoop.now
        let output = envelope.maxOutputTokens ?? addedMaxTokens
        for (index, arm) in arbitration.route.arms.enumerated() {
            func refuse(_ reason: DecisionRecord.Infeasibility) { infeasible.append(.init(name: arm.model, reason: reason)) }
            guard arbitration.allowed.contains(where: { $0 === arm }) else {
                refuse(.notAllowed)
                continue
            }
            guard priced.contains(where: { $0 === arm }), let quote = price(of: arm) else {
                refuse(.unpriced)
                continue
            }
            let input = traits.inputTokens(bytes: body.readableBytes, rates: arm.settings.traits.tokenRates)
            let reason =
                arm.infeasibility(traits, inputTokens: input, maxOutputTokens: output, tenant: tenant)
                ?? arbitration.leftOut.first { $0.arm === arm }?.reason
            if let reason {
                refuse(reason)
                continue
            }
            let candidate = loop.arbitrage.with(arbitration.route) {
                $0.candidate(index, price: quote.price, inputTokens: input, maxOutputTokens: output, choices: envelope.choices)
            }
            guard let candidate else { continue }
            if loop.health.admits(arm.health, now: now) {
                candidates.append(candidate)
            } else {
                refuse(.unhealthy)
                unwell.append(candidate)
            }
        }
        if candidates.isEmpty, !unwell.isEmpty { return (unwell, infeasible.filter { $0.reason != .unhealthy }) }
        guard !candidates.isEmpty else { throw .noFeasibleArm(arbitration.route.name, infeasible) }
        return (candidates, infeasible)
    }

    // MARK: limits and budgets of arms

    /// Chooses anew without the arms that share this limit. False: it is not the chosen arm's own, or nothing else can serve the request.
    func choosesWithout(limited refusal: LimitRefusal?) -> Bool {
        guard let refusal, let plan = arbitration?.plan, let name = arbitration?.route.name else { return false }
        func isOf(_ model: String) -> Bool {
            loop.limits.subject(of: model, for: request.principal, snapshot.limits) == refusal.subject
        }
        guard !isOf(name) else { return false }
        return choosesWithout(plan.targets.filter { isOf($0.model) }, .limited)
    }

    /// Chooses anew among cheaper arms, where a budget has less left than what was chosen among may cost: first without the dearest one, then the cheapest
    /// alone, so that whoever has nothing left is told so after three questions. False: there is nothing cheaper.
    func choosesCheaper() -> Bool {
        guard let arbitration, let plan = arbitration.plan else { return false }
        let bounds = plan.targets.map { (target: $0, nanoUSD: bound(of: [$0])?.nanoUSD ?? .max) }
        guard let least = bounds.map(\.nanoUSD).min(), let most = bounds.map(\.nanoUSD).max(), least < most else { return false }
        let keepsCheapest = arbitration.leftOut.contains { $0.reason == .budget }
        return choosesWithout(bounds.filter { $0.nanoUSD > least && (keepsCheapest || $0.nanoUSD == most) }.map(\.target), .budget)
    }

    private func choosesWithout(_ arms: [UpstreamTarget], _ reason: DecisionRecord.Infeasibility) -> Bool {
        guard let before = arbitration, !arms.isEmpty else { return false }
        arbitration?.leftOut += arms.map { ($0, reason) }
        do throws(Fault) {
            try choose()
            return true
        } catch {
            arbitration = before
            return false
        }
    }

    private func isKnownLimited(_ arm: UpstreamTarget) -> Bool {
        let plan = loop.limits.plan(for: request.principal, model: arm.model, snapshot.limits)
        guard case .model? = loop.limits.knownRefusal(plan, now: .now())?.subject else { return false }
        return true
    }

    /// The route's reason where this target answers in the end: also behind a failure the caller is told that it is not the model that was named.
    func told(_ reason: String, of target: UpstreamTarget) -> String {
        guard let arbitration, arbitration.prefix(for: target.model, asked: envelope.model) == "substitution" else { return reason }
        return reason.hasPrefix("substitution") ? reason : "substitution:\(reason)"
    }

    // MARK: conversations

    /// Of the caller's tenant, key and end user alone: equal words of others are other conversations.
    func conversationKey(_ arbitration: Arbitration) -> UInt64? {
        guard arbitration.route.settings.isSticky, let traits = arbitration.asked?.traits else { return nil }
        return ownKey(arbitration, traits.conversation)
    }

    func ownKey(_ arbitration: Arbitration, _ text: UInt64) -> UInt64 {
        var hasher = Hasher()
        for part in [request.principal.tenant, request.principal.keyID, arbitration.route.name] { hasher.combine(part) }
        hasher.combine(request.endUser)
        hasher.combine(text)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// What it is worth to stay at the arm of the conversation's last answer; `nil`: there was none.
    private func conversation(_ arbitration: Arbitration, _ traits: RequestTraits) -> ConversationChoice? {
        guard traits.turns > 1, let key = conversationKey(arbitration),
            let last = loop.arbitrage.learner?.conversation(key),
            let arm = arbitration.route.arms.firstIndex(where: { $0.model == last.arm }), let quote = price(of: arbitration.route.arms[arm])
        else { return nil }
        let rates = arbitration.route.arms[arm].settings.traits.tokenRates
        let cached = min(last.cachedTokens(at: unixMilliseconds), traits.inputTokens(bytes: body.readableBytes, rates: rates))
        return ConversationChoice(incumbent: arm, cachedTokens: cached, price: quote.price)
    }

    var unixMilliseconds: Int64 { Int64(clamping: loop.clock.unixMilliseconds()) }
    var hour: RouteStatistics.Hour { RouteStatistics.Hour(unixSeconds: unixMilliseconds / 1_000) }
}

extension Fault {
    fileprivate static let noArm = Fault(.internalError, origin: .gateway, message: "No arm could be chosen.")

    /// Nothing that the name chooses among can serve the request.
    fileprivate static func noFeasibleArm(_ name: String, _ infeasible: [DecisionRecord.Infeasible]) -> Fault {
        let reasons = infeasible.map { "`\($0.name)`: \($0.reason.rawValue)" }.joined(separator: ", ")
        return Fault(
            .invalidRequest, origin: .downstream,
            message:
                "None of the models that `\(name)` chooses among can serve this request (\(reasons)). Ask for less, or name another model.",
            parameter: "model")
    }
}
