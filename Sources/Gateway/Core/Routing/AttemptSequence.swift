package import NIOCore

/// Which upstream is called next, and when. A pure machine: faults, the time that is left and a random source in, decisions out.
///
/// A target is called again, after a wait, as ``RetryPolicy`` says; then the next one is called, at once. No target is called again after another one.
package struct AttemptSequence: Sendable {
    package enum Decision: Sendable {
        case call(UpstreamTarget)
        /// The same target again, after a wait in which nothing is held at the provider.
        case wait(TimeAmount, UpstreamTarget)
        case fail(Fault)
    }

    /// What is known when a call has failed.
    package struct Failure: Sendable {
        package var fault: Fault
        /// Whether any of the call's answer reached the caller. Then nobody else may be asked: the caller would read two answers as one.
        package var contentWasDelivered: Bool
        /// Whether the target has another endpoint that was not asked yet and takes calls.
        package var hasOtherEndpoint: Bool
        /// Whether the provider says that the call should not be made again, as OpenAI and Anthropic do (`x-should-retry: false`).
        package var isAdvisedAgainst: Bool
        /// To the request's deadline.
        package var timeLeft: TimeAmount

        package init(
            _ fault: Fault, contentWasDelivered: Bool = false, hasOtherEndpoint: Bool = false, isAdvisedAgainst: Bool = false,
            timeLeft: TimeAmount
        ) {
            self.fault = fault
            self.isAdvisedAgainst = isAdvisedAgainst
            self.contentWasDelivered = contentWasDelivered
            self.hasOtherEndpoint = hasOtherEndpoint
            self.timeLeft = timeLeft
        }
    }

    private let plan: RoutePlan
    private let policy: RetryPolicy
    private var next = 0
    /// Calls of the present target.
    private var attemptsAtTarget = 0
    /// The last call's fault; `nil`: nobody has been called.
    private var lastFault: Fault?
    /// Why targets could not be called at all, if none was.
    private var passedOver: Fault?
    /// The shortest wait that any target has advised.
    private var advisedMilliseconds: Int64?
    /// Why the current target was chosen, in the words told to callers.
    package private(set) var reason: String

    package init(plan: RoutePlan, policy: RetryPolicy) {
        self.plan = plan
        self.policy = policy
        reason = plan.reason
    }

    /// The first call.
    package mutating func start() -> Decision {
        advance()
    }

    /// What to do after the current call failed.
    ///
    /// - Parameter budget: of the target's provider; what the decision makes again is taken out of it.
    package mutating func failed(
        _ failure: Failure, budget: inout RetryBudget, now: NIODeadline, random: inout some RandomNumberGenerator
    ) -> Decision {
        let fault = failure.fault
        guard !failure.contentWasDelivered, fault.allowsFallback else { return .fail(fault) }
        lastFault = fault
        note(fault)
        guard next > 0, let wait = wait(after: failure, random: &random), wait < failure.timeLeft, budget.withdraw(now: now) else {
            return advance()
        }
        attemptsAtTarget += 1
        let target = plan.targets[next - 1]
        return wait > .zero ? .wait(wait, target) : .call(target)
    }

    /// The current target cannot be called now, and was not.
    package mutating func passOver(_ fault: Fault) -> Decision {
        note(fault)
        passedOver = passedOver ?? fault
        return advance()
    }

    private mutating func note(_ fault: Fault) {
        guard let advice = fault.retryAfterMilliseconds else { return }
        advisedMilliseconds = min(advisedMilliseconds ?? advice, advice)
    }

    /// How long until the same target is called again; `nil`: it is not.
    private func wait(after failure: Failure, random: inout some RandomNumberGenerator) -> TimeAmount? {
        let fault = failure.fault
        guard !failure.isAdvisedAgainst, attemptsAtTarget < plan.targets[next - 1].settings.maxAttempts ?? policy.maxAttempts else {
            return nil
        }
        if failure.hasOtherEndpoint { return .zero }
        guard fault.allowsRetry else { return nil }
        return policy.delay(
            after: attemptsAtTarget, advice: fault.retryAfterMilliseconds.map { .milliseconds($0) }, random: &random)
    }

    private mutating func advance() -> Decision {
        guard next < plan.targets.count else { return .fail(exhausted) }
        if next > 0 { reason = "fallback:\(next)" }
        defer { next += 1 }
        attemptsAtTarget = 1
        return .call(plan.targets[next])
    }

    /// What the caller is told when there is nobody left to ask: what happened last, and the soonest that somebody wants to be asked again.
    private var exhausted: Fault {
        var fault =
            lastFault ?? passedOver ?? Fault(.internalError, origin: .gateway, message: "The route has no target.")
        fault.retryAfterMilliseconds = fault.retryAfterMilliseconds ?? advisedMilliseconds
        return fault
    }
}

extension Fault {
    /// Whether another upstream could do better: the provider's side failed, and the request itself is not to blame.
    package var allowsFallback: Bool {
        switch kind {
        case .upstreamError, .upstreamUnreachable, .upstreamTimeout, .upstreamBadAnswer, .upstreamRateLimited, .upstreamOverloaded,
            .upstreamCredential:
            true
        // All connections to the provider are busy, or it is left alone for now.
        case .overloaded: true
        default: false
        }
    }

    /// Whether the same upstream could do better a little later. A credential that was refused stays refused, and what waits for a connection has waited.
    package var allowsRetry: Bool {
        switch kind {
        case .upstreamError, .upstreamUnreachable, .upstreamTimeout, .upstreamBadAnswer, .upstreamRateLimited, .upstreamOverloaded: true
        default: false
        }
    }
}
