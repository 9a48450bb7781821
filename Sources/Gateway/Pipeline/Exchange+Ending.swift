import EmbeddedStore
import GatewayCore
import NIOCore
import RedisStore

/// The last phase, `record`: the caller hears the end of an answer when its record is durable, not before.
extension Exchange {
    /// What is left of a request that is over but for its record.
    struct Ending {
        /// `nil`: the caller has left.
        var receiver: (any AnswerReceiver)?
        var outcome: Outcome
        /// Why the request failed; `nil`: it was answered.
        var fault: Fault?
        var began: NIODeadline
    }

    /// Hands the record on, and tells the caller how the request ended: when the record is durable, or at once where nobody was asked for anything.
    ///
    /// - Parameters:
    ///   - lateBound: what was charged before in place of the record's cost, in nano-USD.
    ///   - settlement: of limits in Redis.
    func write(
        _ record: LedgerRecord, lateBound: Int64?, settling settlement: RedisSettlement, telling receiver: (any AnswerReceiver)?,
        _ fault: Fault?
    ) {
        let began = loop.eventLoop.now
        ending = Ending(receiver: receiver, outcome: record.outcome, fault: fault, began: began)
        // A request that was refused for the ledger's sake is not what fills it, unless something of it stands there already.
        let isShed = fault?.kind == .ledgerUnavailable && calls == 0 && !hasKeptHold
        guard !isShed else {
            loop.journal.settle(settlement)
            return finish(with: fault)
        }
        guard receiver != nil, fault == nil || calls > 0 else {
            _ = loop.journal.append(record, lateBound: lateBound, settling: settlement, waiter: nil)
            return finish(with: fault)
        }
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let waiter = DurabilityWaiter(eventLoop: loop.eventLoop) { if $0 { bound.value.recordIsDurable() } }
        let isDurable = loop.journal.append(record, lateBound: lateBound, settling: settlement, waiter: waiter)
        if isDurable { return finish(with: fault) }
        let latest = min(request.receivedAt + timeout, began + snapshot.pipeline.ledgerTimeout)
        loop.alarms.set(self, at: latest)
    }

    /// The caller has left while the record was written.
    func leaveEnding() {
        ending?.receiver = nil
    }

    private func recordIsDurable() {
        guard let ending else { return }
        summary.timings[.record] += (loop.eventLoop.now - ending.began).nanoseconds
        finish(with: ending.fault)
    }

    /// The record is still on its way, and stays so.
    func waitedTooLong() {
        guard let ending else { return }
        let hasPassed = loop.eventLoop.now >= request.receivedAt + timeout
        finish(with: ending.fault ?? (hasPassed ? .deadlinePassed(timeout) : .recordNotDurable))
    }

    private func finish(with fault: Fault?) {
        guard let ending else { return }
        self.ending = nil
        loop.alarms.cancel(self)
        observeEnd(ending.outcome, fault)
        loop.exchangeEnded(self)
        if holdsPlace { loop.budget.closeRequest() }
        if let fault {
            ending.receiver?.answerFailed(fault, summary: summary)
        } else {
            ending.receiver?.answerEnded(summary)
        }
    }
}
