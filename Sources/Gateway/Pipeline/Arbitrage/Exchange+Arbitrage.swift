import GatewayCore
import GatewayJSON
import NIOCore
import Providers

/// A request for an arbitrated name: which of the models that could serve it does. It is decided when the limits and the cache have been asked, before the
/// first call; until then the first arm stands for all.
struct Arbitration {
    let route: ArbitratedRoute
    /// Arms that the caller may name.
    let allowed: [UpstreamTarget]
    /// `substitution`, or `arbitrage`.
    let reason: String
    var traits = RequestTraits()
    var record: DecisionRecord?
    var features = FeatureVector(SIMD32(repeating: 0))
    var form: AnswerForm?
    /// The arm that was called last.
    var called: UpstreamTarget?
    /// Arms that gave no answer, by their own fault.
    var failed: [UpstreamTarget] = []
}

extension Exchange {
    /// The plan's targets are the arms that the caller may name and of which a price is known.
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
        let targets = priced.isEmpty ? allowed : priced
        if request.operation == .answer { arbitration = Arbitration(route: route, allowed: allowed, reason: plan.reason) }
        return RoutePlan(targets: targets, reason: plan.reason)
    }

    /// Arbitrated, and not decided yet.
    var awaitsDecision: Bool { arbitration.map { $0.record == nil } ?? false }

    /// Which arms an answer may be of, for the cache's key: an answer of one arm may be told where all of them may be.
    var armsKey: String {
        guard let arbitration, let route else { return "" }
        return " arbitrage \(arbitration.route.name) \(route.targets.map(\.model).joined(separator: " "))"
    }

    /// Chooses an arm, and calls it; the others follow behind it in the order of what is expected of them.
    func decide() {
        let began = NIODeadline.now()
        let chosen: UpstreamTarget
        do throws(Fault) {
            chosen = try choose()
        } catch {
            return fail(error)
        }
        summary.timings[.route] += (NIODeadline.now() - began).nanoseconds
        guard chosen !== target else { return call(chosen) }
        attempt { () throws(Fault) in try call(behindFailure: chosen) }
    }

    private func choose() throws(Fault) -> UpstreamTarget {
        guard var arbitration, let priced = route?.targets else { throw .noArm }
        let (traits, features) = loop.arbitrage.read(body, with: &loop.workspace)
        arbitration.traits = traits
        arbitration.features = features
        let tenant = snapshot.models.tenant(request.principal.tenant)
        let (candidates, infeasible) = try feasible(arbitration, priced, tenant)
        let decided = loop.arbitrage.with(arbitration.route) { own in
            own.decide(
                features, candidates, infeasible: infeasible, dials: tenant.dials(arbitration.route.settings.dials),
                incumbent: incumbent(arbitration), now: hour, random: &loop.random)
        }
        guard let decided, arbitration.route.arms.indices.contains(decided.arm) else { throw .noArm }
        let chosen = arbitration.route.arms[decided.arm]
        let behind = decided.candidates.filter { $0.belief.arm != decided.arm }
            .sorted { $0.belief.reward(decided.dials) > $1.belief.reward(decided.dials) }
            .compactMap { arbitration.route.arms.indices.contains($0.belief.arm) ? arbitration.route.arms[$0.belief.arm] : nil }
        arbitration.record = decided
        if traits.wantsJSON || traits.tools > 0 { arbitration.form = AnswerForm(traits) }
        self.arbitration = arbitration
        let plan = RoutePlan(targets: [chosen] + behind, reason: "\(arbitration.reason):\(decided.word)")
        route = plan
        var sequence = AttemptSequence(plan: plan, policy: snapshot.resilience.retries)
        _ = sequence.start()
        self.sequence = sequence
        summary.routeReason = sequence.reason
        return chosen
    }

    /// Which arms could serve the request, and why the others could not. An arm that is left alone for its failures is one if there is no other: its caller
    /// hears why.
    private func feasible(
        _ arbitration: Arbitration, _ priced: [UpstreamTarget], _ tenant: TenantArbitration
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
            let input = arbitration.traits.inputTokens(bytes: body.readableBytes, rates: arm.settings.traits.tokenRates)
            let reason = arm.infeasibility(
                arbitration.traits, inputTokens: input, maxOutputTokens: output, tenant: tenant)
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

    // MARK: conversations

    /// Of the caller's tenant, key and end user alone: equal words of others are other conversations.
    private func conversationKey(_ arbitration: Arbitration) -> UInt64? {
        arbitration.route.settings.isSticky ? ownKey(arbitration, arbitration.traits.conversation) : nil
    }

    private func ownKey(_ arbitration: Arbitration, _ text: UInt64) -> UInt64 {
        var hasher = Hasher()
        for part in [request.principal.tenant, request.principal.keyID, arbitration.route.name] { hasher.combine(part) }
        hasher.combine(request.endUser)
        hasher.combine(text)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private func incumbent(_ arbitration: Arbitration) -> Int? {
        guard arbitration.traits.turns > 1, let key = conversationKey(arbitration), let arm = loop.arbitrage.learner?.arm(of: key) else {
            return nil
        }
        return arbitration.route.arms.firstIndex { $0.model == arm }
    }

    // MARK: what came of it

    var hour: RouteStatistics.Hour { RouteStatistics.Hour(unixSeconds: Int64(clamping: loop.clock.unixMilliseconds() / 1_000)) }

    /// A piece of the answer: kept where its form will be judged.
    func judge(_ chunk: AnswerChunk) { arbitration?.form?.take(chunk) }

    /// An arm gave no answer. What is no fault of its own, such as a request that it refuses, its limits or a wrong credential, says nothing of it.
    func armFailed(_ target: UpstreamTarget, _ fault: FaultKind) {
        guard fault.speaksAgainstArm, arbitration?.failed.contains(where: { $0 === target }) == false else { return }
        arbitration?.failed.append(target)
    }

    private func answer(of arm: UpstreamTarget, _ arbitration: Arbitration) -> ArbitratedAnswer {
        let principal = request.principal
        return ArbitratedAnswer(
            id: request.id, tenant: principal.tenant, department: principal.department, user: principal.user, keyID: principal.keyID,
            route: arbitration.route.name, arm: arm.model, features: arbitration.features)
    }

    /// Learns from how the request ended, and writes down what was decided.
    ///
    /// - Parameters:
    ///   - isWhole: a provider's answer was told to its end.
    ///   - wasWithProvider: one had the request when it ended.
    func learn(isWhole: Bool, _ fault: FaultKind?, wasWithProvider: Bool) {
        if let called = arbitration?.called, fault == .deadlineExceeded, wasWithProvider, !isWhole { armFailed(called, .upstreamTimeout) }
        guard let arbitration, let record = arbitration.record, let target = arbitration.called else { return }
        let weights = arbitration.route.settings.weights
        let learner = loop.arbitrage.learner
        let hour = hour
        var signals: [ObservedQuality] = []
        for arm in arbitration.failed where !(isWhole && arm === target) {
            let signal = ObservedQuality(.error, quality: 0, weight: weights.error)
            guard weights.error > 0 else { continue }
            // The decision's row has the signs of one arm, the last.
            guard arm !== target else {
                signals.append(signal)
                continue
            }
            let other = answer(of: arm, arbitration)
            learner?.observe(other, quality: 0, weight: signal.weight, hour: hour)
            loop.journal.append(.reward(LedgerReward(other, signal)))
        }
        let own = answer(of: target, arbitration)
        if isWhole, let arm = arbitration.route.index(of: target) {
            let seconds = Double((NIODeadline.now() - callStartedAt).nanoseconds) / 1e9
            _ = loop.arbitrage.with(arbitration.route) { own -> Void? in
                let tokens = (summary.usage.output &+ summary.usage.reasoning) / max(1, envelope.choices)
                own.answered(arm: arm, outputTokens: tokens, seconds: seconds)
            }
            if let conversation = conversationKey(arbitration) { learner?.remember(conversation, target.model) }
            let form = arbitration.form ?? AnswerForm(RequestTraits())
            signals += form.signals(summary.finishes, weights, index: &loop.answerIndex)
            noteRetry(own, arbitration, weights.retry, hour)
            learner?.keep(own)
        }
        if let combined = signals.combined { learner?.observe(own, quality: combined.quality, weight: combined.weight, hour: hour) }
        loop.journal.append(
            .decision(
                LedgerDecision(
                    requestID: request.id, tenant: own.tenant, department: own.department, user: own.user, keyID: own.keyID,
                    route: own.route, model: target.model, record: String(buffer: record.json), signals: signals)))
    }

    /// The same question again: the answer before this one was not good enough.
    private func noteRetry(_ own: ArbitratedAnswer, _ arbitration: Arbitration, _ weight: Double, _ hour: RouteStatistics.Hour) {
        guard weight > 0, let learner = loop.arbitrage.learner else { return }
        let question = ownKey(arbitration, ~arbitration.traits.question)
        let before = learner.asked(question, own, unixMilliseconds: Int64(clamping: loop.clock.unixMilliseconds()))
        guard let before else { return }
        learner.observe(before, quality: 0, weight: weight, hour: hour)
        loop.journal.append(.reward(LedgerReward(before, ObservedQuality(.retry, quality: 0, weight: weight))))
    }
}

extension FaultKind {
    /// Whether a call that ended so says that its arm is no good one: it took too long, failed by itself, or gave what is no answer.
    fileprivate var speaksAgainstArm: Bool {
        switch self {
        case .upstreamTimeout, .upstreamError, .upstreamOverloaded, .upstreamBadAnswer, .streamBroken: true
        default: false
        }
    }
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
