import GatewayCore
import GatewayJSON
import NIOCore

/// What came of a choice among models.
extension Exchange {
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
            route: arbitration.route.name, arm: arm.model, features: arbitration.asked?.features ?? FeatureVector(SIMD32(repeating: 0)))
    }

    /// Learns from how the request ended, and writes down what was decided.
    ///
    /// - Parameters:
    ///   - isWhole: a provider's answer was told to its end.
    ///   - wasWithProvider: one had the request when it ended.
    func learn(isWhole: Bool, _ fault: FaultKind?, wasWithProvider: Bool) {
        // A caller that does not read has only itself to wait for.
        if let called = arbitration?.called, fault == .deadlineExceeded, wasWithProvider, !isWhole, !isPaused {
            armFailed(called, .upstreamTimeout)
        }
        guard let arbitration, let record = arbitration.record, let decidedIn = arbitration.decidedIn else { return }
        guard let target = arbitration.called else {
            // The cache had an answer, or nobody could be called.
            _ = loop.arbitrage.with(arbitration.route) { own -> Void? in own.undo(record, of: decidedIn) }
            return
        }
        loop.arbitrage.count(arbitration.route, record)
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
            let seconds = stopwatch?.time.map { Double($0.nanoseconds) / 1e9 }
            _ = loop.arbitrage.with(arbitration.route) { own -> Void? in
                let told = usage ?? summary.usage
                let tokens = (told.output &+ told.reasoning) / max(1, envelope.choices)
                own.answered(arm: arm, outputTokens: tokens, seconds: seconds)
            }
            if let conversation = conversationKey(arbitration) { remember(conversation, target) }
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

    /// The next turn begins with what this answer's prompt was, of which the provider says how much it has cached.
    private func remember(_ conversation: UInt64, _ arm: UpstreamTarget) {
        let (cached, overflow) = (usage?.cacheRead ?? 0).addingReportingOverflow(usage?.cacheWrite ?? 0)
        loop.arbitrage.learner?.remember(
            conversation,
            ArbitrageLearner.Conversation(arm: arm.model, cachedTokens: overflow ? .max : cached, at: unixMilliseconds))
    }

    /// The same question again: the answer before this one was not good enough.
    private func noteRetry(_ own: ArbitratedAnswer, _ arbitration: Arbitration, _ weight: Double, _ hour: RouteStatistics.Hour) {
        guard weight > 0, let learner = loop.arbitrage.learner, let traits = arbitration.asked?.traits else { return }
        let before = learner.asked(ownKey(arbitration, ~traits.question), own, unixMilliseconds: unixMilliseconds)
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
