import EmbeddedStore
import GatewayCore
import Metrics
import NIOCore
import RedisStore

/// Where the records of one event loop's requests become durable. Confined to its loop.
final class LoopJournal {
    private let stores: GatewayStores
    private let limits: LoopLimits
    /// `nil`: records are not journalled in Redis.
    private let redis: RedisJournal?
    private let shed = Counter(label: "agentshield.ledger.shed")

    init(stores: GatewayStores, limits: LoopLimits, redis: RedisJournal?) {
        self.stores = stores
        self.limits = limits
        self.redis = redis
    }

    /// Refuses a request while what would be written of it could not be: nothing has been done for it yet.
    func checkRoom(tenant: String) throws(Fault) {
        let hasRoom = redis.map { $0.hasRoom(tenant: tenant) } ?? stores.file?.isAccepting ?? true
        guard !hasRoom else { return }
        shed.increment()
        throw .ledgerUnavailable
    }

    /// Records that wait for Redis, or for its answer.
    var recordsOnTheWay: Int { redis?.count ?? 0 }

    /// Takes a record, which is never dropped, and settles the request's limits in Redis.
    ///
    /// - Parameters:
    ///   - lateBound: what was charged before by a row of the request's, in nano-USD; then the record's cost is told as a correction of it.
    ///   - waiter: told when the record is durable.
    /// - Returns: whether it is as durable as it gets already; then the waiter is not told.
    func append(
        _ record: LedgerRecord, lateBound: Int64? = nil, settling settlement: RedisSettlement, waiter: DurabilityWaiter?
    ) -> Bool {
        if let redis {
            stores.recent.append(record)
            redis.append(.request(record), settling: settlement, waiter: waiter)
            return false
        }
        settle(settlement)
        guard let file = stores.file else {
            stores.recent.append(record)
            return true
        }
        let correction = lateBound.map { LedgerEntry.correction(LedgerCorrection(settledLate: record, bound: $0)) }
        file.append(correction ?? .request(record), waiter: waiter)
        return false
    }

    /// Takes what is written beside a request's own record.
    ///
    /// - Parameter waiter: told when it is durable.
    /// - Returns: whether it is as durable as it gets already; then the waiter is not told.
    @discardableResult
    func append(_ entry: LedgerEntry, waiter: DurabilityWaiter? = nil) -> Bool {
        if let redis {
            redis.append(entry, settling: RedisSettlement(), waiter: waiter)
            return false
        }
        guard let file = stores.file else { return true }
        file.append(entry, waiter: waiter)
        return false
    }

    /// Settles limits of a request of which nothing is written.
    func settle(_ settlement: RedisSettlement) {
        limits.redis?.settle(settlement)
    }

    /// Waits for records that are on their way to Redis, a moment at most.
    ///
    /// - Returns: how many are lost.
    func close() -> EventLoopFuture<Int>? {
        redis?.close(within: .seconds(5))
    }
}

extension Fault {
    /// Nothing was done.
    static let ledgerUnavailable = Fault(
        .ledgerUnavailable, origin: .gateway,
        message: "The ledger takes no records at present, and no request is served without one. Nothing was done; try again shortly.",
        retryAfterMilliseconds: 1_000)

    /// The answer was made.
    static let recordNotDurable = Fault(
        .ledgerUnavailable, origin: .gateway,
        message: "The answer was made and is charged, but its record could not be made durable in time, so it does not count as complete.")
}
