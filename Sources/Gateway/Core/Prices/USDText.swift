/// Amounts of nano-USD as people read them.
package enum USDText {
    /// An amount that people write: `10`, `0.5`, with at most 9 decimals, up to ``Budget/maxNanoUSD``; `nil`: it is something else.
    package static func nanoUSD(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].utf8.count <= 7, let fraction = Price.nanoUSD("0." + (parts.count == 2 ? parts[1] : "0")),
            !parts[0].isEmpty, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let whole = Int64(parts[0])
        else { return nil }
        let amount = whole * 1_000_000_000 + Int64(fraction)
        return amount <= Budget.maxNanoUSD ? amount : nil
    }

    /// Dollars with as many decimals as it takes, two at least: `0.15`, `0.0375`.
    package static func text(_ nanoUSD: UInt64) -> String {
        var decimals = String(nanoUSD % 1_000_000_000)
        decimals = String(repeating: "0", count: 9 - decimals.count) + decimals
        while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(nanoUSD / 1_000_000_000).\(decimals)"
    }
}
