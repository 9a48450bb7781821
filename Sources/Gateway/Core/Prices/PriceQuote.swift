/// A price as a request is charged by it: with where it comes from.
package struct PriceQuote: Sendable, Equatable {
    package enum Source: String, Sendable, CaseIterable {
        /// The configuration's own, of the model.
        case configured
        /// Of `agentshield prices import`.
        case imported
        /// Of the list that the program brings along.
        case shipped
        /// There is none: `prices.ceiling`.
        case ceiling
    }

    package let source: Source
    /// Since when it holds; `nil`: the configuration says nothing of time.
    package let from: UTCDay?
    package let price: Price
    /// What the ledger keeps: source, day and figures, so that nothing else is needed to reckon a bill again, whatever has become of the price list.
    /// `imported:2026-11-01:150000000,75000000,150000000,600000000`: nano-USD per million tokens of input, cache read, cache write and output.
    package let version: String

    package init(_ source: Source, from: UTCDay? = nil, _ price: Price) {
        self.source = source
        self.from = from
        self.price = price
        let figures = [price.input, price.cacheRead, price.cacheWrite, price.output].map { String($0) }.joined(separator: ",")
        version = [source.rawValue, from?.text, figures].compactMap { $0 }.joined(separator: ":")
    }

    /// - Parameter version: as ``version`` writes it; `nil`: it is something else.
    package init?(version: String) {
        let parts = version.split(separator: ":", omittingEmptySubsequences: false)
        guard let source = parts.first.flatMap({ Source(rawValue: String($0)) }), (2...3).contains(parts.count) else { return nil }
        var from: UTCDay?
        if parts.count == 3 {
            guard let day = UTCDay(parts[1]) else { return nil }
            from = day
        }
        let figures = parts[parts.count - 1].split(separator: ",", omittingEmptySubsequences: false).compactMap { UInt64($0) }
        guard figures.count == 4 else { return nil }
        self.init(
            source, from: from, Price(input: figures[0], cacheRead: figures[1], cacheWrite: figures[2], output: figures[3]))
        guard self.version == version else { return nil }
    }
}
