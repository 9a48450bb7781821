/// Which of the two doors a request came through.
package enum Door: UInt8, Sendable, CaseIterable {
    case http, wire

    package var name: String { self == .http ? "http" : "wire" }
}

/// What is counted of requests. Each event loop has its own, without locks; a scrape takes copies and adds them up.
///
/// Nothing that callers or providers write is a key here: models are called as the configuration calls them, or families of them.
package struct RequestTally: Sendable {
    /// Requests that are counted together.
    package struct Kind: Sendable, Hashable {
        package var door: Door
        package var surface: Dialect
        package var operation: RequestOperation
        package var isStreamed: Bool
        package var outcome: Outcome
        /// Of requests that failed.
        package var fault: FaultKind?
        /// What HTTP calls the outcome.
        package var status: UInt16

        package init(
            door: Door, surface: Dialect, operation: RequestOperation, isStreamed: Bool, outcome: Outcome, fault: FaultKind?, status: UInt16
        ) {
            (self.door, self.surface, self.operation, self.isStreamed) = (door, surface, operation, isStreamed)
            (self.outcome, self.fault, self.status) = (outcome, fault, status)
        }
    }

    /// Requests that a door refused before they were any.
    package struct Refusal: Sendable, Hashable {
        package var door: Door
        package var fault: FaultKind

        package init(door: Door, fault: FaultKind) { (self.door, self.fault) = (door, fault) }
    }

    package struct Model: Sendable, Hashable {
        package var provider: String
        /// As the configuration calls it.
        package var name: String
        package var operation: RequestOperation

        package init(_ target: UpstreamTarget, _ operation: RequestOperation) {
            provider = target.provider
            name = target.configuredName
            self.operation = operation
        }

        /// Stands for whatever is beyond the bound.
        fileprivate static let others = Model(provider: "other", name: "other", operation: .answer)

        private init(provider: String, name: String, operation: RequestOperation) {
            (self.provider, self.name, self.operation) = (provider, name, operation)
        }
    }

    /// A request that is over.
    package struct Ended {
        package var kind: Kind
        /// `nil`: none had been chosen.
        package var model: Model?
        /// From the request's last byte to its end.
        package var nanoseconds: Int64
        /// The same to the answer's first content; `nil`: there was none.
        package var firstContentNanoseconds: Int64?

        package init(kind: Kind, model: Model?, nanoseconds: Int64, firstContentNanoseconds: Int64?) {
            (self.kind, self.model, self.nanoseconds) = (kind, model, nanoseconds)
            self.firstContentNanoseconds = firstContentNanoseconds
        }
    }

    /// Models of old configurations stay, so that their counters do not fall; of more than these none is told from another.
    package static let maxModels = 8_192

    package private(set) var requests: [Kind: UInt64] = [:]
    package private(set) var refusals: [Refusal: UInt64] = [:]
    /// By raw value.
    package private(set) var phases = [Histogram](repeating: Histogram(.work), count: Phase.allCases.count)
    /// By door.
    package private(set) var whole = [Histogram](repeating: Histogram(.request), count: Door.allCases.count)
    package private(set) var overhead = [Histogram](repeating: Histogram(.work), count: Door.allCases.count)
    /// By raw value of ``CacheStatus``.
    package private(set) var cache = [UInt64](repeating: 0, count: 4)
    /// By kind. Bound: the kinds there are, and those of the configuration's patterns.
    package private(set) var findings: [String: UInt64] = [:]
    package private(set) var models: [Model: ModelTally] = [:]
    /// Of questions to Redis on a request's way.
    package private(set) var redisTrips = Histogram(.work)
    /// How late the event loop was for what it had to do.
    package private(set) var loopLag = Histogram(.work)

    package init() {}

    package mutating func requestEnded(_ ended: Ended, _ summary: AnswerSummary) {
        requests[ended.kind, default: 0] &+= 1
        for phase in Phase.allCases where summary.timings[phase] > 0 { phases[phase.rawValue].record(nanoseconds: summary.timings[phase]) }
        let door = Int(ended.kind.door.rawValue)
        whole[door].record(nanoseconds: ended.nanoseconds)
        overhead[door].record(nanoseconds: summary.timings.overheadNanoseconds)
        cache[Int(summary.cache.rawValue)] &+= 1
        for finding in summary.scrubbed { findings[finding.kind, default: 0] &+= UInt64(max(0, finding.count)) }
        guard let model = ended.model else { return }
        models[known(model), default: ModelTally()].requestEnded(ended, summary)
    }

    /// A call to a provider is over.
    package mutating func callEnded(_ model: Model, nanoseconds: Int64, _ fault: FaultKind?) {
        models[known(model), default: ModelTally()].calls.record(nanoseconds: nanoseconds, fault)
    }

    package mutating func refused(_ fault: FaultKind, at door: Door) { refusals[Refusal(door: door, fault: fault), default: 0] &+= 1 }

    package mutating func redisAnswered(nanoseconds: Int64) { redisTrips.record(nanoseconds: nanoseconds) }

    package mutating func loopWasLate(nanoseconds: Int64) { loopLag.record(nanoseconds: nanoseconds) }

    private func known(_ model: Model) -> Model {
        models.count < Self.maxModels || models[model] != nil ? model : .others
    }

    /// Takes in what another loop has counted.
    package mutating func add(_ other: RequestTally) {
        requests.merge(other.requests, uniquingKeysWith: &+)
        refusals.merge(other.refusals, uniquingKeysWith: &+)
        for index in phases.indices { phases[index].add(other.phases[index]) }
        for index in whole.indices { whole[index].add(other.whole[index]) }
        for index in overhead.indices { overhead[index].add(other.overhead[index]) }
        for index in cache.indices { cache[index] &+= other.cache[index] }
        findings.merge(other.findings, uniquingKeysWith: &+)
        for (model, tally) in other.models { models[known(model), default: ModelTally()].add(tally) }
        redisTrips.add(other.redisTrips)
        loopLag.add(other.loopLag)
    }
}

/// What is counted of one model at one provider.
package struct ModelTally: Sendable {
    /// Calls to the provider, one for each attempt.
    package fileprivate(set) var calls = OutcomeHistogram(.operation)
    /// Requests for the model, as their callers saw them.
    package private(set) var requests = OutcomeHistogram(.operation)
    /// Of streams.
    package private(set) var firstToken = Histogram(.firstToken)
    package private(set) var outputToken = Histogram(.outputToken)
    /// Of requests that a provider had.
    package private(set) var inputTokens = Histogram(.tokens)
    package private(set) var outputTokens = Histogram(.tokens)
    package private(set) var usage = TokenUsage()
    package private(set) var costNanoUSD: UInt64 = 0

    fileprivate mutating func requestEnded(_ ended: RequestTally.Ended, _ summary: AnswerSummary) {
        requests.record(nanoseconds: ended.nanoseconds, ended.kind.outcome == .answered ? nil : ended.kind.fault ?? .cancelled)
        let usage = summary.usage
        let output = usage.output.addingReportingOverflow(usage.reasoning).partialValue
        guard summary.attempts > 0 else { return }
        if ended.kind.isStreamed, ended.kind.outcome == .answered, let first = ended.firstContentNanoseconds {
            firstToken.record(nanoseconds: first)
            if output > 1 { outputToken.record(nanoseconds: (ended.nanoseconds - first) / Int64(clamping: output - 1)) }
        }
        if usage != TokenUsage() {
            inputTokens.record(usage.input &+ usage.cacheRead &+ usage.cacheWrite)
            outputTokens.record(output)
        }
        self.usage.add(usage)
        costNanoUSD = costNanoUSD.addingSaturating(summary.costNanoUSD ?? 0)
    }

    fileprivate mutating func add(_ other: ModelTally) {
        calls.add(other.calls)
        requests.add(other.requests)
        firstToken.add(other.firstToken)
        outputToken.add(other.outputToken)
        inputTokens.add(other.inputTokens)
        outputTokens.add(other.outputTokens)
        usage.add(other.usage)
        costNanoUSD = costNanoUSD.addingSaturating(other.costNanoUSD)
    }
}
