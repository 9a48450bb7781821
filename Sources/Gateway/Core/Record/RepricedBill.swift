/// A bill that is reckoned again from what its rows say of tokens and prices. Pure.
package struct RepricedBill: Sendable, Equatable, CustomStringConvertible {
    package private(set) var requests = 0
    package private(set) var corrections = 0
    package private(set) var differing = 0
    /// Nano-USD, as the rows say and as they were reckoned again.
    package private(set) var charged: Int64 = 0
    package private(set) var reckoned: Int64 = 0

    package init() {}

    /// - Returns: what is wrong with the row; `nil`: it costs what it says.
    package mutating func add(_ entry: LedgerEntry) -> String? {
        let cost = entry.costNanoUSD ?? 0
        charged &+= cost
        guard case .request(let record) = entry else {
            corrections += 1
            reckoned &+= cost
            return nil
        }
        requests += 1
        let summary = record.summary
        var right: Int64 = 0
        if let version = summary.priceVersion {
            guard let quote = PriceQuote(version: version) else { return differ("its price version `\(version)` cannot be read") }
            right = Int64(clamping: quote.price.cost(of: summary.usage))
        }
        reckoned &+= right
        return right == cost ? nil : differ("\(summary.requestID) costs \(right) nano-USD, and says \(cost)")
    }

    private mutating func differ(_ reason: String) -> String {
        differing += 1
        return reason
    }

    package var description: String {
        "\(requests) requests and \(corrections) corrections: charged \(charged) nano-USD, reckoned again \(reckoned), difference \(charged &- reckoned) nano-USD"
    }
}
