/// The choice within a conversation that a model has answered before: that model has the conversation in its prompt cache, and another would read all of it
/// anew. Nothing is tried out here: another arm is taken only if its expected reward is higher by more than the switch costs.
package struct ConversationChoice: Sendable, Equatable {
    /// The arm of the last answer.
    package var incumbent: Int
    /// What staying saves, in billionths of a dollar: the tokens that are in the prompt cache, by how much less they cost there.
    package var savedNanoUSD: Int64

    /// - Parameters:
    ///   - cachedTokens: of the conversation, as the last answer's usage tells.
    ///   - price: the incumbent's.
    package init(incumbent: Int, cachedTokens: UInt64, price: Price) {
        self.incumbent = incumbent
        let whole = price.cost(of: TokenUsage(input: cachedTokens))
        let cached = price.cost(of: TokenUsage(cacheRead: cachedTokens))
        savedNanoUSD = Int64(clamping: whole > cached ? whole - cached : 0)
    }

    /// The candidates at what they cost in this conversation: the incumbent's cached tokens at their own price.
    package func candidates(_ candidates: [ArmCandidate]) -> [ArmCandidate] {
        candidates.map { candidate in
            guard candidate.arm == incumbent else { return candidate }
            var candidate = candidate
            candidate.costUSD = max(0, candidate.costUSD - Double(savedNanoUSD) / 1e9)
            return candidate
        }
    }

    /// - Parameter candidates: at what they cost in this conversation.
    /// - Returns: `nil`: the incumbent is no candidate any more; decide as for a first request.
    package func decision(
        _ policy: some ArbitragePolicy, _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials,
        snapshot: UInt64 = 0
    ) -> ArbitrageDecision? {
        guard candidates.contains(where: { $0.arm == incumbent }),
            let best = candidates.map({ policy.belief($0, features) }).best(dials, keeping: incumbent)
        else { return nil }
        let reason: ArbitrageReason = candidates.count == 1 ? .onlyCandidate : best.arm == incumbent ? .sticky : .best
        return ArbitrageDecision(arm: best.arm, reason: reason, seed: 0, model: snapshot)
    }
}
