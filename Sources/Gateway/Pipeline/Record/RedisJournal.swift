package import EmbeddedStore
import GatewayCore
import Metrics
import NIOCore
package import RedisStore

/// How records are journalled in Redis, and what happens when it is away.
package struct RedisJournalSettings: Sendable {
    package enum Fallback: Sendable {
        /// New requests are refused. Records of those under way wait in memory.
        case refuse
        /// Records go straight to the ledger.
        case file(LedgerFile)
        /// Records are spooled on this machine's disk.
        case spool(LedgerSpool)
    }

    package var streams: LedgerStreams
    package var fallback: Fallback
    /// Entries in one bucket's stream from which on its tenants' requests are refused.
    package var maxStreamLength: Int

    package init(streams: LedgerStreams, fallback: Fallback, maxStreamLength: Int) {
        self.streams = streams
        self.fallback = fallback
        self.maxStreamLength = maxStreamLength
    }
}

/// The journal in Redis as one event loop writes it: a record is appended by the script that settles its request's limits. Confined to its loop.
///
/// No answer in time, or a bad one: once again at once, since an entry that is there twice does no harm. Then, or while Redis is known to be away, the
/// fallback takes the record.
final class RedisJournal {
    private struct Item {
        var settlement: RedisSettlement
        var entry: LedgerEntry
        var waiter: DurabilityWaiter?
        var tries = 0
        /// A try before may have had its effect.
        var mayHaveRun = false
        /// The ledger has the row; only its wallets are left to be charged.
        var isWritten = false
    }

    private let line: RedisLine
    private let settings: RedisJournalSettings
    private let eventLoop: any EventLoop
    /// What waits for Redis, oldest first. Bound: requests under way when Redis went away; new ones are refused.
    private var kept: CircularBuffer<Item> = []
    /// Sent, and not answered yet.
    private var underWay = 0
    private var retryTimer: Scheduled<Void>?
    private var isClosed = false
    private var whenEmpty: EventLoopPromise<Void>?
    private let fellBack = Counter(label: "agentshield.ledger.fallbacks")
    private static let retryInterval = TimeAmount.milliseconds(250)
    private static let maxRetriesAtOnce = 64

    init(line: RedisLine, settings: RedisJournalSettings, eventLoop: any EventLoop) {
        self.line = line
        self.settings = settings
        self.eventLoop = eventLoop
    }

    /// Records that wait for Redis, or for its answer.
    var count: Int { kept.count + underWay }

    /// Whether a new request's record will find its place.
    func hasRoom(tenant: String) -> Bool {
        guard settings.streams.length(of: RedisKey.bucket(of: tenant)) < settings.maxStreamLength else { return false }
        switch settings.fallback {
        case .refuse: return line.isUp && kept.isEmpty
        case .file(let file): return file.isAccepting
        case .spool(let spool): return spool.isAccepting
        }
    }

    func append(_ entry: LedgerEntry, settling settlement: RedisSettlement, waiter: DurabilityWaiter?) {
        var settlement = settlement
        let stream = LedgerStream(bucket: RedisKey.bucket(of: entry.tenant))
        settlement.entry = RedisSettlement.Entry(stream: stream, bytes: entry.encoded())
        send(Item(settlement: settlement, entry: entry, waiter: waiter))
    }

    private func send(_ item: Item) {
        guard line.isUp else { return fallBack(item) }
        var item = item
        let settlement = item.mayHaveRun ? item.settlement.repeated : item.settlement
        item.tries += 1
        let sent = item
        underWay += 1
        line.settle(settlement) { [self] result in
            underWay -= 1
            answered(sent, result)
        }
    }

    private func answered(_ item: Item, _ result: Result<RedisSettlement.Outcome, RedisFailure>) {
        var item = item
        if case .failure(let failure) = result, failure.mayHaveRun { item.mayHaveRun = true }
        switch result {
        case .success(.late(let bound)): correct(item, bound: bound)
        case .success(.settled(let length)):
            if let stream = item.settlement.entry?.stream { settings.streams.appended(to: stream.bucket, length: length) }
            item.waiter?.notify(true)
            finishClosing()
        case .failure where item.tries < 2: send(item)
        case .failure: fallBack(item)
        }
    }

    /// What is held for the request was charged before: the difference is another row.
    private func correct(_ item: Item, bound: Int64) {
        guard var correction = item.settlement.correction(of: item.entry, bound: bound) else { return }
        if item.isWritten {
            correction.settlement.entry = nil
            if case .file(let file) = settings.fallback { file.append(correction.entry, correcting: item.entry) }
        }
        send(Item(settlement: correction.settlement, entry: correction.entry, waiter: item.waiter, isWritten: item.isWritten))
    }

    /// Redis did not take the item.
    private func fallBack(_ item: Item) {
        switch settings.fallback {
        case .file(let file):
            if !item.isWritten {
                fellBack.increment()
                file.append(item.entry, waiter: item.waiter)
            }
            keepCharge(of: item)
            finishClosing()
        case .spool(let spool):
            fellBack.increment()
            let charge = item.mayHaveRun ? item.settlement.repeated.charge : item.settlement.charge
            spool.append(item.entry, charge: charge?.kind.rawValue, waiter: item.waiter)
            finishClosing()
        case .refuse:
            kept.append(item)
            retryLater()
        }
    }

    /// What is held in Redis must be settled there. Bound: requests with a hold that were under way when Redis went away; new ones are refused.
    private func keepCharge(of item: Item) {
        guard let charge = item.settlement.charge, charge.kind != .direct else { return }
        let settlement = RedisSettlement(charge: charge, holder: item.settlement.holder)
        kept.append(Item(settlement: settlement, entry: item.entry, mayHaveRun: item.mayHaveRun, isWritten: true))
        retryLater()
    }

    private func retryLater() {
        guard retryTimer == nil, !kept.isEmpty else { return }
        retryTimer = eventLoop.assumeIsolated().scheduleTask(in: Self.retryInterval) { [self] in
            retryTimer = nil
            guard line.isUp else { return retryLater() }
            for _ in 0..<min(Self.maxRetriesAtOnce, kept.count) { send(kept.removeFirst()) }
            retryLater()
        }
    }

    // MARK: the end

    /// Waits for what is on its way, a moment at most.
    func close(within time: TimeAmount) -> EventLoopFuture<Int> {
        isClosed = true
        let promise = eventLoop.makePromise(of: Void.self)
        whenEmpty = promise
        eventLoop.assumeIsolated().scheduleTask(in: time) { promise.succeed(()) }
        finishClosing()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return promise.futureResult.map { bound.value.kept.count + bound.value.underWay }
    }

    private func finishClosing() {
        if isClosed, kept.isEmpty, underWay == 0 { whenEmpty?.succeed(()) }
    }
}

extension LedgerFile {
    /// Corrects a request's row where that is the row of its reservation's end, which had come into the file first. Where the request's own row was first, it
    /// tells the cost already.
    fileprivate func append(_ correction: LedgerEntry, correcting entry: LedgerEntry) {
        // The request's row is there once more, and changes nothing: what was to be written before is written then.
        let waiter = DurabilityWaiter(eventLoop: nil) { isDurable in
            guard isDurable else { return }
            Task {
                guard let row = try? await self.row(entry.id, tenant: entry.tenant),
                    case .request(let record)? = try? LedgerEntry(decoding: row.bytes), record.outcome == .expired
                else { return }
                self.append(correction, waiter: nil)
            }
        }
        append(entry, waiter: waiter)
    }
}
