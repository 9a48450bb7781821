import GatewayCore
import NIOCore
import NIOHTTP1
import Providers

/// Hedging (J. Dean, L. Barroso, "The Tail at Scale", 2013): where a model's first call has no content after a while, a second one is made, at another
/// endpoint if there is one. Whichever has content first goes on, and the other one is cancelled and paid.
extension Exchange {
    /// Sets the time for a second call, where the model has one and this is the request's first call.
    func armHedge(_ provider: ProviderBinding, _ body: ByteBuffer) {
        guard calls == 1, request.operation == .answer, let nanoseconds = target?.settings.hedgeAfterNanoseconds else { return }
        hedgeTimer = loop.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(nanoseconds)) { [self] in
            hedgeTimer = nil
            makeHedge(provider, body)
        }
    }

    private func makeHedge(_ provider: ProviderBinding, _ body: ByteBuffer) {
        guard case .calling = state, !hasAnswered, let target, let call else { return }
        // A call that still waits for a connection is not slow because of its provider, nor is one whose caller does not read.
        guard call.wasSent, !isPaused else { return armHedge(provider, body) }
        let now = loop.eventLoop.now
        let budget = RetryBudget(snapshot.resilience.budget)
        guard loop.retryBudgets[target.provider, default: budget].withdraw(now: now),
            case .call(let upstream) = loop.health.begin(
                target.health, weights: provider.weights, tried: tried, now: now, random: &loop.random)
        else { return }
        if provider.weights.count > 1 { tried.insert(upstream.endpoint) }
        calls += 1
        let hedge = HedgedCall(of: self, upstream: upstream)
        self.hedge = hedge
        hedge.call = loop.pool.send(upstreamRequest(to: target, provider.using(upstream.endpoint), body, for: upstream), receiver: hedge)
        loop.metrics.callHedged(target.provider, isTaken: false)
    }

    /// The second call has content, or is the only one left: it is the request's call from now on.
    func goOn(with hedge: HedgedCall) {
        guard case .calling = state, let target, self.hedge === hedge else { return }
        self.hedge = nil
        loop.metrics.callHedged(target.provider, isTaken: true)
        if let call {
            let (isPaid, told) = (call.mayBeWorkedOn, usage ?? usageSoFar)
            call.cancel()
            summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds
            releaseAnswer()
            if let upstream { overtaken(upstream, usage: told, isPaid: isPaid) }
        }
        prepareForAnswer(of: target)
        (call, upstream, hasAnswered) = (hedge.call, hedge.upstream, false)
        // The time until now has been counted.
        callStartedAt = .now()
        stopwatch = UpstreamStopwatch(began: hedge.began)
        if isPaused { pauseCall() }
        hedge.passOn()
    }

    /// The second call came to nothing; the first one goes on.
    func hedgeFailed(_ hedge: HedgedCall, _ fault: Fault, wasGivenUp: Bool = false) {
        guard self.hedge === hedge else { return }
        self.hedge = nil
        if let told = hedge.usage { pay(told) } else if wasGivenUp { payByEstimate() }
        observeCall(hedge.upstream, fault.kind, usage: hedge.usage)
        tell(hedge.upstream, fault.outcomeForUpstream, isOver: true)
    }

    /// The first call has content, or the request is over.
    func leaveHedge() {
        hedgeTimer?.cancel()
        hedgeTimer = nil
        guard let hedge else { return }
        self.hedge = nil
        let isPaid = hedge.call?.mayBeWorkedOn == true
        hedge.cancel()
        overtaken(hedge.upstream, usage: hedge.usage, isPaid: isPaid)
    }

    /// A call is cancelled in favour of another one. Its provider has read the prompt and says nothing more, so that is estimated as it is everywhere.
    private func overtaken(_ upstream: UpstreamHealth.Call, usage: TokenUsage?, isPaid: Bool) {
        tell(upstream, .overtaken, isOver: true)
        observeCall(upstream, .cancelled, usage: usage)
        guard isPaid else { return }
        if let usage { pay(usage) } else { payByEstimate() }
    }

    /// Keeps account of the prompt of a call that was ended here before its provider told what it used.
    func payByEstimate() {
        paidByEstimate = true
        pay(TokenUsage(input: estimatedInput))
    }

    /// Tokens of the prompt where no provider has counted them.
    var estimatedInput: UInt64 { UInt64(Double(request.body.readableBytes) / (target?.settings.traits.tokenRates ?? .plain).ascii) }

    /// Keeps account of what a call used that gave no answer.
    func pay(_ usage: TokenUsage) {
        guard usage != TokenUsage(), let quote = target.flatMap({ price(of: $0) }) else { return }
        spent.append((usage, quote))
    }

    // MARK: bytes of answers that are kept

    func reserve(_ count: Int) -> Bool {
        guard loop.budget.extend(reservedBytes, by: count) else { return false }
        reservedBytes += count
        return true
    }

    func release(_ count: Int) {
        guard count > 0 else { return }
        loop.budget.release(count)
        reservedBytes -= count
    }
}
