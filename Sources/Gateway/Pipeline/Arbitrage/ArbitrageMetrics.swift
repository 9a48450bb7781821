import GatewayCore
import Metrics
import NIOConcurrencyHelpers

/// What is counted of arbitrated names: as many series as they have arms, times the few reasons. By any thread.
final class ArbitrageMetrics: Sendable {
    private struct Place: Hashable, Sendable {
        var route: String
        var arm: String
    }

    private struct Learned: Sendable {
        var quality: FloatingPointCounter
        var weight: FloatingPointCounter
    }

    private let observations = Counter(label: "agentshield.arbitrage.observations")
    /// Bound: arms of routes.
    private let learned = NIOLockedValueBox<[Place: Learned]>([:])

    private static func labels(_ route: String, _ arm: String) -> [(String, String)] { [("route", route), ("model", arm)] }

    /// An answer, or its absence, was worth this.
    func observed(_ answer: ArbitratedAnswer, quality: Double, weight: Double) {
        observations.increment()
        let counters = learned.withLockedValue { learned in
            let place = Place(route: answer.route, arm: answer.arm)
            if let known = learned[place] { return known }
            let labels = Self.labels(answer.route, answer.arm)
            let made = Learned(
                quality: FloatingPointCounter(label: "agentshield.arbitrage.quality", dimensions: labels),
                weight: FloatingPointCounter(label: "agentshield.arbitrage.weight", dimensions: labels))
            learned[place] = made
            return made
        }
        counters.quality.increment(by: quality * weight)
        counters.weight.increment(by: weight)
    }

    /// What decisions are made by from now on.
    func known(_ knowledge: RouteKnowledge) {
        for (arm, state) in zip(knowledge.route.arms, knowledge.states) {
            let labels = Self.labels(knowledge.route.name, arm.model)
            if let quality = state.quality { Gauge(label: "agentshield.arbitrage.arm_quality", dimensions: labels).record(quality) }
            Gauge(label: "agentshield.arbitrage.arm_observations", dimensions: labels).record(state.observations)
            Gauge(label: "agentshield.arbitrage.arm_retired", dimensions: labels).record(state.isRetired ? 1 : 0)
        }
    }
}

/// How often one event loop's decisions went to which arm, and why. Confined to its loop; asks the registry once for each series.
struct DecisionCounters {
    private struct Place: Hashable {
        var route: String
        var arm: String
        var reason: ArbitrageReason
    }

    /// Bound: arms of routes, times the reasons; made anew with each configuration.
    private var counters: [Place: Counter] = [:]

    mutating func count(_ route: String, _ arm: String, _ reason: ArbitrageReason) {
        let place = Place(route: route, arm: arm, reason: reason)
        if let counter = counters[place] { return counter.increment() }
        let counter = Counter(
            label: "agentshield.arbitrage.decisions",
            dimensions: [("route", route), ("model", arm), ("reason", reason.rawValue)])
        counters[place] = counter
        counter.increment()
    }

    mutating func forget() { counters.removeAll() }
}
