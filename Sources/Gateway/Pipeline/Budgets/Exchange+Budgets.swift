import EmbeddedStore
import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import RedisStore

/// Budgets: the most that a request can cost is reserved before anybody is called, and what it did cost is charged when it is over.
extension Exchange {
    /// How long a reservation outlives its request's deadline. A record that is later still is told as a correction.
    private static let graceMilliseconds: Int64 = 15_000

    var spendingTime: SpendingTime { SpendingTime(unixMilliseconds: request.id.unixMilliseconds) }

    /// What may be written, over all choices.
    private var outputTokens: UInt64 {
        (envelope.maxOutputTokens ?? snapshot.limits.assumedOutputTokens).multipliedSaturating(by: envelope.choices)
    }

    /// Decides, when the request has been read, whether its output is capped: where a budget applies, by what will be reserved for it.
    func capOutput() {
        guard !asksForDocument, loop.limits.plan(for: request.principal, snapshot.limits).wallets.isBudgeted else { return }
        outputCap = OutputCap(tokens: outputTokens)
    }

    /// `max_tokens` for the provider, where the caller gave none.
    var addedMaxTokens: UInt64? {
        outputCap == nil || envelope.maxOutputTokens != nil ? nil : snapshot.limits.assumedOutputTokens
    }

    /// What is to be reserved.
    func hold(of wallets: WalletPlan) throws(Fault) -> WalletHold {
        if case .none = loop.limits.wallets { throw .budgetsWithoutLedger }
        guard let bound = bound(of: arbitration?.plan?.targets ?? route?.targets ?? []) else {
            throw Fault(.internalError, origin: .gateway, message: "The route has no target.")
        }
        return WalletHold(
            wallets: wallets.names, limits: wallets.limits, bound: min(bound.nanoUSD, Budget.maxNanoUSD + 1), time: spendingTime,
            milliseconds: timeout.nanoseconds / 1_000_000 + Self.graceMilliseconds, record: expiredRecord(bound).encoded())
    }

    /// The most that a request can cost which may lead to a call of any of these; `nil`: there is none.
    func bound(of targets: [UpstreamTarget]) -> SpendingBound? {
        let calls = targets.compactMap { target in price(of: target).map { (target: target, quote: $0) } }
        // A second call may be paid beside the first one.
        let isHedged = targets.contains { $0.settings.hedgeAfterNanoseconds != nil } && request.operation == .answer
        let (bytes, output) = (max(request.body.readableBytes, body.readableBytes), outputTokens)
        return SpendingBound(
            calls, requestBytes: isHedged ? 2 * bytes : bytes, outputTokens: isHedged ? output.multipliedSaturating(by: 2) : output)
    }

    /// The row of this request if nobody ever says how it ended.
    private func expiredRecord(_ bound: SpendingBound) -> LedgerEntry {
        var summary = summary
        summary.usage = bound.usage
        summary.costNanoUSD = UInt64(max(0, bound.nanoUSD))
        summary.priceVersion = bound.quote.version
        summary.isEstimated = true
        return .request(
            LedgerRecord(
                summary: summary, principal: request.principal, endUser: request.endUser, callerRequestID: request.callerRequestID,
                requestedModel: envelope.model, usedModel: bound.target, provider: bound.provider, outcome: .expired, fault: nil,
                receivedUnixMilliseconds: request.id.unixMilliseconds))
    }

    /// Writes down what this process has reserved, so that it is charged if the process dies; then goes on. A disk that takes too long refuses the request.
    func keep(_ hold: WalletHold, in file: LedgerFile) {
        state = .asking
        hasKeptHold = true
        holdTimer = loop.eventLoop.assumeIsolated().scheduleTask(in: snapshot.pipeline.ledgerTimeout) { [self] in
            if case .asking = state { fail(.ledgerUnavailable) }
        }
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        file.keep(
            LedgerFile.Hold(
                id: request.id, endsAt: Int64(clamping: loop.clock.unixMilliseconds()) + hold.milliseconds, record: hold.record),
            waiter: DurabilityWaiter(eventLoop: loop.eventLoop) { if $0 { bound.value.holdIsKept() } })
    }

    private func holdIsKept() {
        guard case .asking = state else { return }
        holdTimer?.cancel()
        state = .new
        attempt { () throws(Fault) in try lookUp() }
    }

    // MARK: the end

    /// Charges the wallets for the request.
    ///
    /// - Parameter question: what was admitted, or may have been; `nil`: nothing.
    /// - Returns: what Redis has to be told; and the bound, where this process charged it before because the reservation had ended.
    func charge(_ question: LimitQuestion?) -> (charge: RedisSettlement.Charge?, lateBound: Int64?) {
        let cost = Int64(clamping: summary.costNanoUSD ?? 0)
        let plan = question?.plan ?? loop.limits.plan(for: request.principal, snapshot.limits)
        let isHeld = question?.hold != nil
        switch loop.limits.wallets {
        case .redis where isHeld || cost > 0:
            let wallets = plan.wallets
            return (
                RedisSettlement.Charge(
                    isHeld ? .held : .direct, bucket: wallets.bucket, wallets: wallets.keys, nanoUSD: cost, time: spendingTime), nil
            )
        case .process(let limiter, _) where isHeld:
            let (tenant, id) = (plan.tenant, holder)
            guard let bound = limiter.settleHold(tenant: tenant, of: id, cost: cost, now: .now()) else { return (nil, nil) }
            limiter.correct(tenant: tenant, of: id, plan.wallets.names, cost - bound, spendingTime)
            return (nil, bound)
        case .process(let limiter, _):
            limiter.charge(tenant: plan.tenant, plan.wallets.names, cost, spendingTime)
            return (nil, nil)
        case .redis, .none: return (nil, nil)
        }
    }

    // MARK: the cap

    /// Whether a provider goes on beyond the cap, which it has been given as `max_tokens`, so that the stream must be cut before this chunk.
    func isBeyondCap(_ chunk: AnswerChunk) -> Bool {
        guard let outputCap, envelope.isStreamed else { return false }
        let isOpen = summary.finishes.count + chunk.finishes.count < Int(clamping: envelope.choices)
        return outputCap.isExceeded(
            textBytes: outputBytes + chunk.textBytes, told: chunk.usage ?? usage ?? chunk.usageSoFar, isOpen: isOpen)
    }

    /// Ends a stream at the cap, as a provider would have that kept to it. What the provider has counted is charged where it is more than the cap, else the cap.
    func cut(before chunk: AnswerChunk) {
        wasCut = true
        usage = (chunk.usage ?? usage).flatMap { told in outputCap?.isBelow(told) == true ? told : nil }
        call?.cancel()
        let open = (0..<Int(clamping: envelope.choices)).filter { choice in !summary.finishes.contains { $0.choice == choice } }
        if let ending = reader?.endingAtCap(open, index: &loop.answerIndex) {
            for last in ending { take(last) }
        } else if let last = ending(of: chunk, open) {
            take(last)
        }
    }

    /// The chunk, with the end of every open choice in place of what it has of them: all else, the stream's id among it, is as the provider says it.
    private func ending(of chunk: AnswerChunk, _ open: [Int]) -> AnswerChunk? {
        let nothing = chunk.dialect == .completions ? #""text":"","logprobs":null"# : #""delta":{}"#
        let ends = open.map { #"{"index":\#($0),\#(nothing),"finish_reason":"length"}"# }.joined(separator: ",")
        guard (try? loop.answerIndex.scan(chunk.raw)) != nil else { return nil }
        var splicer = JSONSplicer()
        loop.answerIndex.read(chunk.raw) { root in
            for member in root.members where member.key.equals("choices") {
                splicer.replace(member.value.range, withRaw: ByteBuffer(string: "[\(ends)]"))
            }
        }
        var raw = ByteBuffer()
        splicer.write(chunk.raw, into: &raw)
        guard case .chunk(let ending) = try? reader?.read(raw, index: &loop.answerIndex) else { return nil }
        return ending
    }
}

extension UInt64 {
    fileprivate func multipliedSaturating(by factor: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
