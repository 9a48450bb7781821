/// Which upstream is called next. A pure machine: faults in, decisions out.
package struct AttemptSequence: Sendable {
    package enum Decision: Sendable {
        case call(UpstreamTarget)
        case fail(Fault)
    }

    private let plan: RoutePlan
    private var next = 0
    /// Calls made so far.
    package var attempts: Int { next }
    /// Why the current target was chosen, in the words told to callers.
    package private(set) var reason: String

    package init(plan: RoutePlan) {
        self.plan = plan
        reason = plan.reason
    }

    /// The first call.
    package mutating func start() -> Decision {
        advance(lastFault: nil)
    }

    /// What to do after the current call failed.
    ///
    /// - Parameters:
    ///   - fault: what happened.
    ///   - contentWasDelivered: whether any of this call's answer reached the caller. Then no other target may be tried: the caller would read
    ///     two answers as one.
    package mutating func failed(_ fault: Fault, contentWasDelivered: Bool) -> Decision {
        guard !contentWasDelivered, fault.allowsFallback else { return .fail(fault) }
        return advance(lastFault: fault)
    }

    private mutating func advance(lastFault: Fault?) -> Decision {
        guard next < plan.targets.count else {
            let exhausted = Fault(.internalError, origin: .gateway, message: "The route has no target.")
            return .fail(lastFault ?? exhausted)
        }
        if next > 0 { reason = "fallback:\(next)" }
        defer { next += 1 }
        return .call(plan.targets[next])
    }
}

extension Fault {
    /// Whether another upstream could do better: the provider's side failed, and the request itself is not to blame.
    package var allowsFallback: Bool {
        switch kind {
        case .upstreamError, .upstreamUnreachable, .upstreamTimeout, .upstreamBadAnswer, .upstreamRateLimited, .upstreamOverloaded,
            .upstreamCredential:
            true
        default: false
        }
    }
}
