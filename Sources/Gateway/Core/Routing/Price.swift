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
