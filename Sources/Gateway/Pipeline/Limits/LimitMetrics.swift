import GatewayCore
import Metrics

/// What is counted of limits.
struct LimitMetrics {
    private let requests = Counter(label: "agentshield.limits.refused", dimensions: [("measure", "requests")])
    private let tokens = Counter(label: "agentshield.limits.refused", dimensions: [("measure", "tokens")])
    private let concurrency = Counter(label: "agentshield.limits.refused", dimensions: [("measure", "concurrency")])
    private let known = Counter(label: "agentshield.limits.refused_unasked")
    private let countedAlone = Counter(label: "agentshield.limits.without_redis", dimensions: [("rule", "local")])
    private let refused = Counter(label: "agentshield.limits.without_redis", dimensions: [("rule", "refuse")])

    /// - Parameter isFromMemo: no store was asked.
    func refused(_ measure: LimitMeasure, isFromMemo: Bool) {
        (measure == .requests ? requests : tokens).increment()
        if isFromMemo { known.increment() }
    }

    private let budget = Counter(label: "agentshield.budgets.refused")

    func refusedByBudget() { budget.increment() }

    func refusedConcurrency() { concurrency.increment() }

    /// A request that Redis should have been asked for.
    func withoutRedis(_ rule: LimitFaultRule) { (rule == .countAlone ? countedAlone : refused).increment() }
}
