/// What a model's tokens cost, per class, in nano-USD per million tokens (1 USD per million tokens is 1,000,000,000).
package struct Price: Sendable, Equatable {
    package var input: UInt64
    package var cacheRead: UInt64
    package var cacheWrite: UInt64
    /// Output and reasoning tokens.
    package var output: UInt64

    package init(input: UInt64, cacheRead: UInt64, cacheWrite: UInt64, output: UInt64) {
        self.input = input
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
        self.output = output
    }

    package static let free = Price(input: 0, cacheRead: 0, cacheWrite: 0, output: 0)

    /// What a price in USD per million tokens is in nano-USD per million tokens; exact.
    ///
    /// - Parameter text: a plain decimal number under 1,000,000 with at most 9 decimals, as in `0.15`; `nil`: it is something else.
    package static func nanoUSD(_ text: String) -> UInt64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : "0"
        guard parts[0].utf8.count <= 6, fraction.utf8.count <= 9,
            (parts + [fraction]).allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let whole = UInt64(parts[0]), let nano = UInt64(fraction + String(repeating: "0", count: 9 - fraction.utf8.count))
        else { return nil }
        return whole * 1_000_000_000 + nano
    }

    /// The cost of `usage` in nano-USD, rounded up to the next whole one; saturates at `UInt64.max`.
    package func cost(of usage: TokenUsage) -> UInt64 {
        var total = Sum()
        total.add(usage.input, times: input)
        total.add(usage.cacheRead, times: cacheRead)
        total.add(usage.cacheWrite, times: cacheWrite)
        total.add(usage.output, times: output)
        total.add(usage.reasoning, times: output)
        return total.dividedByMillionRoundedUp
    }

    /// A 128-bit sum, so that no product of tokens and price can overflow unseen.
    private struct Sum {
        var value: UInt128 = 0

        mutating func add(_ tokens: UInt64, times price: UInt64) {
            value += UInt128(tokens) * UInt128(price)
        }

        var dividedByMillionRoundedUp: UInt64 {
            UInt64(clamping: (value + 999_999) / 1_000_000)
        }
    }
}
