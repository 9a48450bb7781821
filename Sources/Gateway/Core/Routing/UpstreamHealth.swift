package import NIOCore

/// How the gateway goes on when upstreams fail.
package struct ResilienceSettings: Sendable, Equatable {
    package var retries: RetryPolicy
    package var budget: RetryBudget.Settings
    package var breaker: CircuitBreaker.Settings

    package init(
        retries: RetryPolicy = RetryPolicy(), budget: RetryBudget.Settings = RetryBudget.Settings(),
        breaker: CircuitBreaker.Settings = CircuitBreaker.Settings()
    ) {
        self.retries = retries
        self.budget = budget
        self.breaker = breaker
    }
}

/// What one event loop knows of every upstream (a model at one endpoint of a provider) from its own calls: whether it is left alone, whether its limits
/// are used up, how fast it is. Pure: the time and a random source are parameters.
///
/// A model that fails at an endpoint says nothing of the others there: providers take models out of service, and limit them, one by one.
package struct UpstreamHealth: Sendable {
    /// A model at a provider. Its endpoints are told apart by their places in the configuration.
    package struct Name: Sendable, Hashable {
        package var provider: String
        package var model: String

        package init(provider: String, model: String) {
            (self.provider, self.model) = (provider, model)
        }
    }

    /// One call under way. Its end must be told.
    package struct Call: Sendable, Equatable {
        package let name: Name
        package let endpoint: Int
        let pass: CircuitBreaker.Pass
        package let began: NIODeadline
    }

    package enum Choice: Sendable, Equatable {
        case call(Call)
        /// No endpoint takes calls.
        case none(Obstacle, retryAfter: TimeAmount)
    }

    /// Why no endpoint takes calls.
    package enum Obstacle: Sendable, Equatable {
        case broken
        case limited
    }

    /// What the end of a call says of its upstream.
    package enum Outcome: Sendable, Equatable {
        /// Content has come.
        case answered
        case failed
        /// It has refused the call, and is well: the caller's fault, or the credential's.
        case refused(isCredential: Bool)
        /// A limit of the gateway's credential is used up, for so long if it says it.
        case limited(TimeAmount?)
        /// The call was given up, since another one had content earlier: it is slow, if nothing worse.
        case overtaken
        /// The call was given up, for no fault of the upstream's.
        case abandoned
    }

    fileprivate struct Endpoint: Sendable {
        var breaker: CircuitBreaker
        var latency = PeakEWMA()
        var callsUnderWay = 0
        /// By what it has refused.
        var limitedUntil = NIODeadline.uptimeNanoseconds(0)
        /// By what its answers say is left.
        var exhaustedUntil = NIODeadline.uptimeNanoseconds(0)
        /// By what other replicas say.
        var suspectedUntil = NIODeadline.uptimeNanoseconds(0)

        func isOpen(now: NIODeadline) -> Bool { now >= limitedUntil && breaker.admits(now: now) }
    }

    /// Upstreams that are remembered; of more, those that nothing is under way at are forgotten.
    private static let maxUpstreams = 4_096
    /// What a failure counts as, in latency: others are preferred for a while.
    fileprivate static let failurePenalty = TimeAmount.seconds(5)
    /// What a caller is told to wait while a probe is under way.
    private static let probeTime = TimeAmount.seconds(1)

    private var settings: CircuitBreaker.Settings
    private var upstreams: [Name: [Endpoint]] = [:]

    package init(_ settings: CircuitBreaker.Settings) {
        self.settings = settings
    }

    /// Takes new settings; what is known is forgotten, since places of endpoints may have changed.
    package mutating func update(_ settings: CircuitBreaker.Settings) {
        self.settings = settings
        upstreams.removeAll()
    }

    /// Chooses the endpoint for a call, which begins with that.
    ///
    /// Endpoints that were not tried yet and whose limits have something left come first. Where all that is in the way is limits, one call at a time is
    /// let through to find out.
    ///
    /// - Parameters:
    ///   - weights: of the endpoints, at least 1 each.
    ///   - tried: places of those that this request has called before.
    package mutating func begin(
        _ name: Name, weights: [Int], tried: Set<Int>, now: NIODeadline, random: inout some RandomNumberGenerator
    ) -> Choice {
        var endpoints = take(name, count: weights.count)
        defer { upstreams[name] = endpoints }
        let chosen = Self.choose(among: endpoints, weights: weights, tried: tried, now: now, random: &random)
        guard let chosen else { return Self.obstacle(endpoints, now: now) }
        endpoints[chosen].callsUnderWay += 1
        return .call(Call(name: name, endpoint: chosen, pass: endpoints[chosen].breaker.begin(now: now), began: now))
    }

    /// Whether any endpoint takes calls, as far as is known.
    package func admits(_ name: Name, now: NIODeadline) -> Bool {
        upstreams[name].map { endpoints in endpoints.contains { $0.isOpen(now: now) } } ?? true
    }

    /// Whether an endpoint that was not tried takes calls.
    package func hasOther(_ name: Name, count: Int, tried: Set<Int>, now: NIODeadline) -> Bool {
        guard count > 1 else { return false }
        guard let endpoints = upstreams[name] else { return tried.count < count }
        return endpoints.indices.contains { !tried.contains($0) && endpoints[$0].isOpen(now: now) }
    }

    /// Content has come, or the call is over.
    ///
    /// - Parameter isOver: false: its answer goes on, and its end is still to be told.
    package mutating func ended(
        _ call: Call, _ outcome: Outcome, isOver: Bool = true, now: NIODeadline, random: inout some RandomNumberGenerator
    ) -> CircuitBreaker.Transition? {
        guard var endpoints = upstreams.removeValue(forKey: call.name) else { return nil }
        defer { upstreams[call.name] = endpoints }
        guard endpoints.indices.contains(call.endpoint) else { return nil }
        if isOver { endpoints[call.endpoint].callsUnderWay = max(0, endpoints[call.endpoint].callsUnderWay - 1) }
        endpoints[call.endpoint].learn(outcome, after: now - call.began, now: now)
        let isSuspected = now < endpoints[call.endpoint].suspectedUntil
        return endpoints[call.endpoint].breaker.ended(
            outcome.forBreaker, call.pass, isSuspected: isSuspected, now: now, random: &random)
    }

    /// The call is over after its content has come, or without a word of the upstream.
    package mutating func left(_ call: Call) {
        guard let index = upstreams.index(forKey: call.name), upstreams.values[index].indices.contains(call.endpoint) else { return }
        let count = upstreams.values[index][call.endpoint].callsUnderWay
        upstreams.values[index][call.endpoint].callsUnderWay = max(0, count - 1)
    }

    /// An answer says that nothing is left of a limit for so long. Others are preferred meanwhile; alone, the endpoint is called all the same.
    package mutating func exhausted(_ call: Call, for time: TimeAmount, now: NIODeadline) {
        guard upstreams[call.name]?.indices.contains(call.endpoint) == true else { return }
        upstreams[call.name]?[call.endpoint].exhaustedUntil = now + time
    }

    /// Another replica leaves an upstream alone. While that is so others are preferred, and a tenth of the calls is enough for its breaker to open here;
    /// but it is this loop's own calls that decide.
    package mutating func suspect(_ name: Name, endpoint: Int, until: NIODeadline) {
        guard upstreams[name]?.indices.contains(endpoint) == true else { return }
        upstreams[name]?[endpoint].suspectedUntil = until
    }

    /// How many breakers of each provider are in which state. A model's name stays inside: it may be a caller's word.
    package var breakers: [String: BreakerCounts] {
        var counts: [String: BreakerCounts] = [:]
        for (name, endpoints) in upstreams {
            for endpoint in endpoints { counts[name.provider, default: BreakerCounts()].add(endpoint.breaker.state) }
        }
        return counts
    }

    private mutating func take(_ name: Name, count: Int) -> [Endpoint] {
        if let known = upstreams.removeValue(forKey: name), known.count == count { return known }
        if upstreams.count >= Self.maxUpstreams {
            upstreams = upstreams.filter { $0.value.contains { $0.callsUnderWay > 0 } }
        }
        return (0..<count).map { _ in Endpoint(breaker: CircuitBreaker(settings)) }
    }

    private static func choose(
        among endpoints: [Endpoint], weights: [Int], tried: Set<Int>, now: NIODeadline, random: inout some RandomNumberGenerator
    ) -> Int? {
        func mayFindOut(_ place: Int) -> Bool { endpoints[place].callsUnderWay == 0 && endpoints[place].breaker.admits(now: now) }
        guard endpoints.count > 1 else { return endpoints.first.map { $0.isOpen(now: now) || mayFindOut(0) } == true ? 0 : nil }
        let open = endpoints.indices.filter { endpoints[$0].isOpen(now: now) }
        let fresh = open.filter { !tried.contains($0) }
        let ample = fresh.filter { now >= max(endpoints[$0].exhaustedUntil, endpoints[$0].suspectedUntil) }
        let places = [ample, fresh, open].first { !$0.isEmpty } ?? []
        let candidates = places.map { place in
            EndpointChoice.Candidate(
                index: place, weight: weights[place], latencyNanoseconds: endpoints[place].latency.value(now: now),
                callsUnderWay: endpoints[place].callsUnderWay)
        }
        return EndpointChoice.pick(candidates, random: &random) ?? endpoints.indices.first(where: mayFindOut)
    }

    private static func obstacle(_ endpoints: [Endpoint], now: NIODeadline) -> Choice {
        var obstacle = Obstacle.broken
        var soonest: TimeAmount?
        for endpoint in endpoints {
            let isBroken = !endpoint.breaker.admits(now: now)
            if !isBroken { obstacle = .limited }
            let until = max(endpoint.limitedUntil, isBroken ? endpoint.breaker.closedUntil ?? now + probeTime : now)
            soonest = min(soonest ?? until - now, until - now)
        }
        return .none(obstacle, retryAfter: soonest ?? probeTime)
    }
}

extension UpstreamHealth.Outcome {
    fileprivate var forBreaker: CircuitBreaker.Outcome {
        switch self {
        case .answered, .refused: .succeeded
        case .failed: .failed
        case .limited, .overtaken, .abandoned: .unknown
        }
    }
}

extension UpstreamHealth.Endpoint {
    fileprivate mutating func learn(_ outcome: UpstreamHealth.Outcome, after elapsed: TimeAmount, now: NIODeadline) {
        switch outcome {
        case .answered:
            latency.observe(elapsed, now: now)
            limitedUntil = .uptimeNanoseconds(0)
        case .failed, .refused(isCredential: true): latency.observe(max(elapsed, UpstreamHealth.failurePenalty), now: now)
        case .limited(let time):
            latency.observe(max(elapsed, UpstreamHealth.failurePenalty), now: now)
            if let time { limitedUntil = now + time }
        case .overtaken: latency.observe(elapsed, now: now)
        case .refused(isCredential: false), .abandoned: break
        }
    }
}

/// Breakers by their state.
package struct BreakerCounts: Sendable, Equatable {
    package var closed = 0
    package var open = 0
    package var halfOpen = 0

    package init() {}

    mutating func add(_ state: CircuitBreaker.State) {
        switch state {
        case .closed: closed += 1
        case .open: open += 1
        case .halfOpen: halfOpen += 1
        }
    }

    package mutating func add(_ other: BreakerCounts) {
        closed += other.closed
        open += other.open
        halfOpen += other.halfOpen
    }
}
