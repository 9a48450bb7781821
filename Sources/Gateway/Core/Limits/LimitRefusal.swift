/// What the caller is told of its limits: of each measure the limit that leaves it least.
package struct LimitReport: Sendable, Equatable {
    package var requests: RateLimitStatus?
    package var tokens: RateLimitStatus?
    /// Places for requests under way. Nobody knows when one is free: its `resetMilliseconds` is 0.
    package var places: RateLimitStatus?

    package init(requests: RateLimitStatus? = nil, tokens: RateLimitStatus? = nil, places: RateLimitStatus? = nil) {
        self.requests = requests
        self.tokens = tokens
        self.places = places
    }

    /// Takes another limit into account.
    package mutating func add(_ measure: LimitMeasure, _ status: RateLimitStatus) {
        switch measure {
        case .requests: if status.remaining < requests?.remaining ?? .max { requests = status }
        case .tokens: if status.remaining < tokens?.remaining ?? .max { tokens = status }
        }
    }

    /// Takes another cap of requests under way into account.
    ///
    /// - Parameter taken: how many are under way, this one counted if it was admitted.
    package mutating func add(placesOf limit: Int, taken: Int) {
        let status = RateLimitStatus(limit: UInt64(max(0, limit)), remaining: UInt64(max(0, limit - taken)), resetMilliseconds: 0)
        if status.remaining < places?.remaining ?? .max { places = status }
    }
}

/// Which limit refused a request, with its figures.
package struct LimitRefusal: Sendable, Equatable {
    package enum Cause: Sendable, Equatable {
        case rate(LimitMeasure, RateOutcome)
        case concurrency(limit: Int)
    }

    package var subject: LimitSubject
    package var cause: Cause

    package init(subject: LimitSubject, cause: Cause) {
        self.subject = subject
        self.cause = cause
    }

    package var fault: Fault {
        switch cause {
        case .rate(let measure, let outcome):
            let wait = (outcome.waitNanoseconds ?? outcome.demand.limit.burstNanoseconds) / 1_000_000
            return Fault(
                .rateLimited, origin: .gateway, message: "\(subject.sentenceStart) may \(Self.rule(measure, outcome)).",
                retryAfterMilliseconds: max(1, wait + 1))
        case .concurrency(let limit):
            // Nobody knows when one of them ends.
            return Fault(
                .rateLimited, origin: .gateway, message: "\(subject.sentenceStart) may have \(limit) requests under way at once.",
                retryAfterMilliseconds: 1_000)
        }
    }

    private static func rule(_ measure: LimitMeasure, _ outcome: RateOutcome) -> String {
        let limit = outcome.demand.limit
        switch measure {
        case .requests:
            return "send \(limit.burst) requests at once and one more every \(limit.emissionIntervalNanoseconds / 1_000_000) ms"
        case .tokens:
            let perMinute = 60_000_000_000 / limit.emissionIntervalNanoseconds
            let rule = "use \(limit.burst) tokens at once and \(perMinute) more a minute; \(outcome.status.remaining) are left"
            // Who is refused unasked has no estimate.
            guard outcome.demand.permits > 1 else { return rule }
            return "\(rule), and this request counts as \(outcome.demand.permits) until it is over"
        }
    }
}

extension LimitSubject {
    fileprivate var sentenceStart: String {
        switch self {
        case .key: "This key"
        case .user(let name): "The user `\(name)`"
        case .tenant: "This tenant"
        case .model(let name): "Requests of this tenant for the model `\(name)`"
        }
    }
}

/// Who is known to be refused until when, so that nobody is asked and nothing is done for them. Pure; times are nanoseconds of one steady clock.
///
/// Bound: `maxEntries`; at the bound ended ones are forgotten, and if there are none a new one is not kept: its caller costs the question again.
package struct RefusalMemo: Sendable {
    /// A request limit's permits only grow back with time, but the store may lose what it counted, and so the memo does not trust it for long.
    package static let maxRequestsNanoseconds: Int64 = 5_000_000_000
    /// Tokens come back early, when requests turn out to have used less than estimated.
    package static let maxTokensNanoseconds: Int64 = 250_000_000

    private struct Entry: Sendable {
        var until: Int64
        /// Asked for one permit.
        var outcome: RateOutcome
        var askedAt: Int64
    }

    private var entries: [String: Entry] = [:]
    /// At the bound nothing is to be forgotten before.
    private var earliestEnd = Int64.min
    private let maxEntries: Int

    package init(maxEntries: Int = 4_096) {
        self.maxEntries = maxEntries
    }

    package var count: Int { entries.count }

    /// Learns from an answer of the store; does nothing unless not even one permit is left.
    ///
    /// - Parameter askedAt: when the store was asked: what it says of time counts from a later moment, so nobody is refused for too long.
    package mutating func learn(_ name: String, _ measure: LimitMeasure, _ outcome: RateOutcome, askedAt: Int64) {
        let wait = outcome.waitForOneNanoseconds
        guard wait > 0 else { return }
        if entries.count >= maxEntries, entries[name] == nil {
            guard askedAt >= earliestEnd else { return }
            entries = entries.filter { $0.value.until > askedAt }
            earliestEnd = entries.values.map(\.until).min() ?? .min
            guard entries.count < maxEntries else { return }
        }
        let bound = measure == .requests ? Self.maxRequestsNanoseconds : Self.maxTokensNanoseconds
        let one = RateOutcome(demand: RateDemand(limit: outcome.demand.limit), aheadNanoseconds: outcome.aheadNanoseconds)
        entries[name] = Entry(until: askedAt + min(wait, bound), outcome: one, askedAt: askedAt)
    }

    /// - Returns: what the store would say now, if it is known that it would refuse.
    package func refusal(_ name: String, now: Int64) -> RateOutcome? {
        guard !entries.isEmpty, let entry = entries[name], now < entry.until else { return nil }
        var outcome = entry.outcome
        outcome.aheadNanoseconds -= now - entry.askedAt
        return outcome
    }

    package mutating func removeAll() {
        entries.removeAll()
    }
}
