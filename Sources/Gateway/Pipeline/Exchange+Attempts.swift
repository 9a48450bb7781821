import GatewayCore
import NIOCore
import NIOHTTP1
import Providers

/// Between two calls: at which endpoint a target is called, and what follows when a call gave no answer. The decisions are ``AttemptSequence``'s and
/// ``UpstreamHealth``'s.
extension Exchange {
    /// Chooses where the target is called; `nil`: nowhere at present, and whatever follows from that has been done.
    func chooseEndpoint(of target: UpstreamTarget, _ provider: ProviderBinding) -> ProviderBinding? {
        let now = loop.eventLoop.now
        if attempted !== target {
            attempted = target
            tried.removeAll()
            loop.retryBudgets[target.provider, default: RetryBudget(snapshot.resilience.budget)].requestBegan(now: now)
        }
        switch loop.health.begin(target.health, weights: provider.weights, tried: tried, now: now, random: &loop.random) {
        case .call(let upstream):
            self.upstream = upstream
            hasAnswered = false
            if provider.weights.count > 1 { tried.insert(upstream.endpoint) }
            return provider.using(upstream.endpoint)
        case .none(let obstacle, let retryAfter):
            loop.metrics.targetPassedOver(target.provider)
            passOver(.leftAlone(target, obstacle, retryAfter))
            return nil
        }
    }

    /// The call gave no answer: the same target again, another one, or the end.
    ///
    /// - Parameters:
    ///   - isAdvisedAgainst: the provider says that it should not be asked again.
    ///   - wasGivenUp: it was a timeout of the gateway's that ended the call: its provider has the request, and bills it.
    func attemptFailed(_ fault: Fault, isAdvisedAgainst: Bool = false, wasGivenUp: Bool = false) {
        guard !isOver, let target else { return }
        leaveCall(fault, wasGivenUp: wasGivenUp)
        armFailed(target, fault.kind)
        failure = fault
        // The second call is under way already.
        if let hedge, fault.allowsFallback, !hasBegun { return goOn(with: hedge) }
        let (began, now) = (NIODeadline.now(), loop.eventLoop.now)
        let count = snapshot.providers[target.provider]?.weights.count ?? 1
        let failed = AttemptSequence.Failure(
            fault, contentWasDelivered: hasBegun,
            hasOtherEndpoint: loop.health.hasOther(target.health, count: count, tried: tried, now: now),
            isAdvisedAgainst: isAdvisedAgainst, timeLeft: latest - now)
        let decision =
            sequence?.failed(
                failed, budget: &loop.retryBudgets[target.provider, default: RetryBudget(snapshot.resilience.budget)], now: now,
                random: &loop.random) ?? .fail(fault)
        follow(decision, fault, since: began)
    }

    /// The target's dialect has no place for something in the request. Behind another target that is passed over: the caller, whose request was good for
    /// the model that it named, hears of that one's failure. Who named a choice among several is refused only if none of them can be asked.
    func untranslatable(_ fault: Fault) {
        guard let failure else { return arbitration == nil ? fail(fault) : passOver(fault) }
        passOver(failure)
    }

    /// The target is not called.
    private func passOver(_ fault: Fault) {
        failure = fault
        follow(sequence?.passOver(fault) ?? .fail(fault), fault, since: .now())
    }

    private func follow(_ decision: AttemptSequence.Decision, _ fault: Fault, since began: NIODeadline) {
        guard let target else { return }
        switch decision {
        case .fail(let fault): fail(fault)
        case .wait(let wait, let same):
            noteRetry(of: same, in: wait, fault)
            state = .backingOff
            retryTimer = loop.eventLoop.assumeIsolated().scheduleTask(in: wait) { [self] in
                guard case .backingOff = state else { return }
                call(same)
            }
        case .call(let same) where same === target:
            noteRetry(of: same, in: .zero, fault)
            call(same)
        case .call(let next):
            loop.logFallback(request.id, from: target, to: next, fault: fault)
            summary.routeReason = told(sequence?.reason ?? summary.routeReason, of: next)
            summary.timings[.route] += (NIODeadline.now() - began).nanoseconds
            attempt { () throws(Fault) in try call(behindFailure: next) }
        }
    }

    private func noteRetry(of target: UpstreamTarget, in wait: TimeAmount, _ fault: Fault) {
        loop.metrics.callRepeated(target.provider, fault.kind.presentation.name)
        loop.logRetry(request.id, of: target, in: wait, fault: fault)
    }

    /// Closes a call that failed, and keeps account of what it says that it used.
    private func leaveCall(_ fault: Fault, wasGivenUp: Bool) {
        hedgeTimer?.cancel()
        hedgeTimer = nil
        call?.cancel()
        if call != nil { summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds }
        call = nil
        callEnded(fault.outcomeForUpstream, fault.kind)
        guard !hasBegun else { return }
        releaseAnswer()
        if let told = usage ?? usageSoFar { pay(told) } else if wasGivenUp { payByEstimate() }
        (usage, usageSoFar) = (nil, nil)
    }

    /// What was held of an answer is not needed any more.
    func releaseAnswer() {
        release(heldAnswerBytes)
        heldAnswerBytes = 0
    }

    // MARK: what calls say of their upstreams

    /// The first content of the present call's answer is there.
    func contentCame() {
        guard let upstream, !hasAnswered else { return }
        hasAnswered = true
        leaveHedge()
        tell(upstream, .answered, isOver: false)
    }

    /// The present call is over.
    ///
    /// - Parameter fault: why it gave no answer, or not a whole one.
    func callEnded(_ outcome: UpstreamHealth.Outcome, _ fault: FaultKind?) {
        guard let upstream else { return }
        self.upstream = nil
        observeCall(upstream, fault, usage: usage ?? usageSoFar)
        guard !hasAnswered || outcome == .failed else { return loop.health.left(upstream) }
        tell(upstream, outcome, isOver: true)
    }

    func tell(_ upstream: UpstreamHealth.Call, _ outcome: UpstreamHealth.Outcome, isOver: Bool) {
        let transition = loop.health.ended(upstream, outcome, isOver: isOver, now: loop.eventLoop.now, random: &loop.random)
        guard let transition else { return }
        loop.metrics.breakerChanged(upstream.name.provider, isOpen: transition != .closed)
        switch transition {
        case .opened(let time): loop.hints?.tell(upstream, leftAloneFor: time)
        case .closed: loop.hints?.withdraw(upstream)
        }
        loop.logBreaker(upstream, transition)
    }

    /// What the end of the request says of the upstream that has it still.
    ///
    /// A deadline says that it is slow only where the call has lasted a good part of what the model may take: callers may be in any hurry.
    func outcomeForUpstream(isWhole: Bool, _ fault: Fault?) -> UpstreamHealth.Outcome {
        guard !isWhole else { return .answered }
        guard fault?.kind == .deadlineExceeded, let upstream, let target else { return .abandoned }
        let half = target.settings.firstByteTimeoutNanoseconds / 2
        return (loop.eventLoop.now - upstream.began).nanoseconds >= half ? .failed : .abandoned
    }

    /// When the provider wants to be asked again, by its `retry-after`, or, where it has refused for a limit, by what it says is left of its limits.
    ///
    /// What is left is of use for the choice of an endpoint too, where there are several.
    func retryAfter(_ headers: HTTPHeaders, isLimited: Bool, from upstream: UpstreamHealth.Call?) -> Int64? {
        let now = loop.clock.unixMilliseconds()
        let advice = RetryAfter.milliseconds(
            headers.first(name: "retry-after"), milliseconds: headers.first(name: "retry-after-ms"),
            unixSeconds: Int64(clamping: now / 1_000))
        let hasOthers = target.flatMap { snapshot.providers[$0.provider] }?.others.isEmpty == false
        guard isLimited || hasOthers, let upstream,
            let exhausted = RateHeadroom.exhaustedMilliseconds(unixMilliseconds: now, header: { headers.first(name: $0) })
        else { return advice }
        loop.health.exhausted(upstream, for: .milliseconds(exhausted), now: loop.eventLoop.now)
        return isLimited ? advice ?? exhausted : advice
    }
}

extension UpstreamTarget {
    var health: UpstreamHealth.Name { UpstreamHealth.Name(provider: provider, model: upstreamModel) }
}

extension Fault {
    /// What a failed call says of its upstream.
    var outcomeForUpstream: UpstreamHealth.Outcome {
        switch kind {
        case .upstreamError, .upstreamOverloaded, .upstreamUnreachable, .upstreamTimeout, .upstreamBadAnswer, .streamBroken: .failed
        case .upstreamRateLimited: .limited(retryAfterMilliseconds.map { .milliseconds($0) })
        case .upstreamCredential: .refused(isCredential: true)
        case .upstreamRejected: .refused(isCredential: false)
        default: .abandoned
        }
    }

    /// No call was made.
    fileprivate static func leftAlone(
        _ target: UpstreamTarget, _ obstacle: UpstreamHealth.Obstacle, _ retryAfter: TimeAmount
    ) -> Fault {
        let milliseconds = max(1, (retryAfter.nanoseconds + 999_999) / 1_000_000)
        switch obstacle {
        case .broken:
            return Fault(
                .overloaded, origin: .upstream,
                message:
                    "The provider `\(target.provider)` has failed too often with this model and is left alone for a while. Nothing was done; try again later.",
                retryAfterMilliseconds: milliseconds)
        case .limited:
            return Fault(
                .upstreamRateLimited, origin: .upstream, message: "The provider `\(target.provider)` limits the gateway's requests.",
                retryAfterMilliseconds: milliseconds)
        }
    }
}
