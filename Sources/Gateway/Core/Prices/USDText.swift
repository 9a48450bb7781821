/// Amounts of nano-USD as people read them.
package enum USDText {
    /// Dollars with as many decimals as it takes, two at least: `0.15`, `0.0375`.
    package static func text(_ nanoUSD: UInt64) -> String {
        var decimals = String(nanoUSD % 1_000_000_000)
        decimals = String(repeating: "0", count: 9 - decimals.count) + decimals
        while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(nanoUSD / 1_000_000_000).\(decimals)"
    }
}
