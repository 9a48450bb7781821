import GatewayCore

/// Replays a matrix through a policy: in an order of the seed's, with only the chosen arm's quality revealed.
struct Replay: Sendable {
    struct Settings: Sendable {
        var outputTokens = 256
        var requestsPerHour = 200
        /// Decisions between two refreshes of what is known.
        var refreshEvery = 16
        /// The share of calls whose quality is ever told.
        var feedbackShare = 1.0
        /// Calls until it is told.
        var feedbackDelay = 0
        /// The largest error of what is told, up or down, evenly.
        var noise = 0.0
        /// From a share of the replay on, an arm's price is multiplied.
        var priceChange: (arm: Int, factor: Double, share: Double)?
        /// From a share of the replay on, an arm's quality is 0.
        var degradation: (arm: Int, share: Double)?
    }

    /// Means per call over some part of a replay.
    struct Part: Sendable {
        var costMilliUSD = 0.0
        var quality = 0.0
        var reward = 0.0
        var oracleReward = 0.0
        /// Of each arm, had it taken every call.
        var fixed: [MixtureHull.Point]
        var calls = 0.0

        init(arms: Int) {
            fixed = Array(repeating: MixtureHull.Point(cost: 0, quality: 0), count: arms)
        }

        mutating func add(_ other: Part) {
            costMilliUSD += other.costMilliUSD
            quality += other.quality
            reward += other.reward
            oracleReward += other.oracleReward
            calls += other.calls
            for arm in fixed.indices {
                fixed[arm].cost += other.fixed[arm].cost
                fixed[arm].quality += other.fixed[arm].quality
            }
        }

        func averaged() -> Part {
            var part = self
            let calls = max(1, calls)
            part.costMilliUSD /= calls
            part.quality /= calls
            part.reward /= calls
            part.oracleReward /= calls
            part.fixed = fixed.map { MixtureHull.Point(cost: $0.cost / calls, quality: $0.quality / calls) }
            return part
        }

        var point: MixtureHull.Point { MixtureHull.Point(cost: costMilliUSD, quality: quality) }
        var hull: MixtureHull { MixtureHull(fixed) }
        var gain: Double { quality - hull.quality(atCost: costMilliUSD) }
        func bestFixedReward(_ lambda: Double) -> Double { fixed.map { $0.quality - lambda * $0.cost }.max() ?? 0 }
    }

    struct Outcome: Sendable {
        var whole: Part
        /// The second half of the calls: when most has been learned.
        var late: Part
        /// By arm, of all calls.
        var shares: [Double]
        /// Calls from the degradation until, of the last hundred, fewer than half as many went to the arm as before it; `nil`: none was asked for, it never
        /// came to that, or the arm had less than a hundredth of the calls.
        var recoveryCalls: Int?
    }

    let matrix: ReplayMatrix
    let settings: Settings

    func run(_ policy: any ArbitragePolicy, lambda: Double, seed: UInt64) -> Outcome {
        var policy = policy
        var chance = ReplayChance(state: seed)
        let order = matrix.rows.indices.shuffled(using: &chance)
        let dials = ArbitrageDials(qualityPerMilliUSD: lambda)
        var parts = [Part(arms: matrix.arms.count), Part(arms: matrix.arms.count)]
        var chosen: [Int] = []
        var pending = Delayed()
        for (step, row) in order.enumerated() {
            let hour = RouteStatistics.Hour(index: Int64(step / max(1, settings.requestsPerHour)))
            pending.deliver(until: step, hour, to: &policy)
            if step % max(1, settings.refreshEvery) == 0 { policy.refresh(now: hour) }
            let share = Double(step) / Double(order.count)
            let candidates = candidates(row, at: share)
            let qualities = qualities(row, at: share)
            let features = matrix.rows[row].features
            guard let decision = policy.decide(features, candidates, dials, random: &chance) else { continue }
            chosen.append(decision.arm)
            parts[share < 0.5 ? 0 : 1].add(account(decision.arm, candidates, qualities, dials))
            if Double.random(in: 0..<1, using: &chance) < settings.feedbackShare {
                let error = settings.noise > 0 ? Double.random(in: -settings.noise...settings.noise, using: &chance) : 0
                let told = min(1, max(0, qualities[decision.arm] + error))
                pending.add(due: step + 1 + settings.feedbackDelay, arm: decision.arm, features, told)
            }
        }
        var whole = parts[0]
        whole.add(parts[1])
        return Outcome(
            whole: whole.averaged(), late: parts[1].averaged(), shares: shares(chosen), recoveryCalls: recovery(chosen))
    }

    /// What one call cost and was worth, and what each arm's would have.
    private func account(_ arm: Int, _ candidates: [ArmCandidate], _ qualities: [Double], _ dials: ArbitrageDials) -> Part {
        var part = Part(arms: candidates.count)
        part.calls = 1
        part.costMilliUSD = candidates[arm].costUSD * 1000
        part.quality = qualities[arm]
        part.reward = dials.reward(quality: qualities[arm], candidates[arm])
        part.oracleReward = candidates.map { dials.reward(quality: qualities[$0.arm], $0) }.max() ?? 0
        part.fixed = candidates.map { MixtureHull.Point(cost: $0.costUSD * 1000, quality: qualities[$0.arm]) }
        return part
    }

    private func candidates(_ row: Int, at share: Double) -> [ArmCandidate] {
        matrix.prices.enumerated().map { arm, price in
            var cost = price.costUSD(of: matrix.rows[row], outputTokens: settings.outputTokens)
            if let change = settings.priceChange, change.arm == arm, share >= change.share { cost *= change.factor }
            return ArmCandidate(arm: arm, costUSD: cost)
        }
    }

    private func qualities(_ row: Int, at share: Double) -> [Double] {
        var qualities = matrix.rows[row].qualities
        if let degraded = settings.degradation, share >= degraded.share { qualities[degraded.arm] = 0 }
        return qualities
    }

    private func shares(_ chosen: [Int]) -> [Double] {
        var counts = Array(repeating: 0.0, count: matrix.arms.count)
        for arm in chosen { counts[arm] += 1 }
        return counts.map { $0 / Double(max(1, chosen.count)) }
    }

    private func recovery(_ chosen: [Int]) -> Int? {
        guard let degraded = settings.degradation else { return nil }
        let window = 100
        let start = Int((degraded.share * Double(matrix.rows.count)).rounded(.up))
        let before = chosen[max(0, start - 5 * window)..<min(chosen.count, max(0, start))]
        let usual = Double(before.count { $0 == degraded.arm }) / Double(max(1, before.count))
        guard usual >= 0.01 else { return nil }
        var end = start + window
        while end <= chosen.count {
            let share = Double(chosen[end - window..<end].count { $0 == degraded.arm }) / Double(window)
            if share < usual / 2 { return end - start }
            end += 1
        }
        return nil
    }
}

/// What has been decided and is not yet told, in the order in which it will be.
private struct Delayed {
    private var entries: [(due: Int, arm: Int, features: FeatureVector, quality: Double)] = []
    private var next = 0

    mutating func add(due: Int, arm: Int, _ features: FeatureVector, _ quality: Double) {
        entries.append((due, arm, features, quality))
    }

    mutating func deliver(until step: Int, _ hour: RouteStatistics.Hour, to policy: inout any ArbitragePolicy) {
        while next < entries.count, entries[next].due <= step {
            let entry = entries[next]
            policy.observe(arm: entry.arm, entry.features, quality: entry.quality, hour: hour)
            next += 1
        }
    }
}

/// Orders, noise and the policies' seeds of one replay (S. Vigna's SplitMix64).
struct ReplayChance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
