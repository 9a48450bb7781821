/// Which budget refused a request.
package struct BudgetRefusal: Sendable, Equatable {
    package var subject: BudgetSubject
    package var period: BudgetPeriod
    package var limitNanoUSD: Int64
    /// What the request may cost at most.
    package var boundNanoUSD: Int64
    package var time: SpendingTime

    package init(subject: BudgetSubject, period: BudgetPeriod, limitNanoUSD: Int64, boundNanoUSD: Int64, time: SpendingTime) {
        self.subject = subject
        self.period = period
        self.limitNanoUSD = limitNanoUSD
        self.boundNanoUSD = boundNanoUSD
        self.time = time
    }

    /// - Parameter now: milliseconds since 1970.
    package func fault(now: UInt64) -> Fault {
        let owner =
            switch subject {
            case .tenant: "this tenant"
            case .department(let name): "the department `\(name)`"
            case .user(let name): "the user `\(name)`"
            }
        let span =
            switch period {
            case .day: "a day"
            case .month: "a month"
            case .total: "in total"
            }
        let end = time.end(of: period)
        let reset = end.map { "It resets at \(UTCDay(unixMilliseconds: $0).text)T00:00:00Z." } ?? "It does not reset."
        return Fault(
            .budgetExceeded, origin: .gateway,
            message:
                """
                The budget of \(owner), \(USDText.text(UInt64(max(0, limitNanoUSD)))) USD \(span), has too little left for this request, which may cost up \
                to \(USDText.text(UInt64(max(0, boundNanoUSD)))) USD. \(reset)
                """,
            retryAfterMilliseconds: end.map { $0 > now ? Int64($0 - now) : 1 })
    }
}

/// The most that a request can cost.
package struct SpendingBound: Sendable, Equatable {
    /// Where it costs most.
    package var target: String
    package var provider: String
    package var quote: PriceQuote
    /// Tokens that would cost as much.
    package var usage: TokenUsage

    package var nanoUSD: Int64 { Int64(clamping: quote.price.cost(of: usage)) }

    /// The dearest of the calls that a request may lead to.
    ///
    /// - Parameters:
    ///   - calls: never empty.
    ///   - requestBytes: of the body; no tokenizer makes more tokens of a text than it has bytes.
    ///   - outputTokens: that may be written, over all choices.
    package init?(_ calls: [(target: UpstreamTarget, quote: PriceQuote)], requestBytes: Int, outputTokens: UInt64) {
        var dearest: SpendingBound?
        for (target, quote) in calls {
            let (price, input) = (quote.price, UInt64(max(0, requestBytes)))
            // In the class that costs most, for nobody knows what the provider has in its cache.
            var usage = TokenUsage(output: outputTokens)
            if price.cacheWrite > max(price.input, price.cacheRead) {
                usage.cacheWrite = input
            } else if price.cacheRead > price.input {
                usage.cacheRead = input
            } else {
                usage.input = input
            }
            let bound = SpendingBound(target: target.model, provider: target.provider, quote: quote, usage: usage)
            if bound.nanoUSD > dearest?.nanoUSD ?? -1 { dearest = bound }
        }
        guard let dearest else { return nil }
        self = dearest
    }

    private init(target: String, provider: String, quote: PriceQuote, usage: TokenUsage) {
        (self.target, self.provider, self.quote, self.usage) = (target, provider, quote, usage)
    }
}
