import EmbeddedStore
import GatewayCore
import Metrics
import NIOCore

/// Where the records of one event loop's requests become durable. Confined to its loop.
final class LoopJournal {
    private let stores: GatewayStores
    private let shed = Counter(label: "agentshield.ledger.shed")

    init(stores: GatewayStores) {
        self.stores = stores
    }

    /// Refuses a request while what would be written of it could not be: nothing has been done for it yet.
    func checkRoom() throws(Fault) {
        guard let file = stores.file, !file.isAccepting else { return }
        shed.increment()
        throw .ledgerUnavailable
    }

    /// Takes a record; it is never dropped.
    ///
    /// - Parameter waiter: told when the record is durable.
    /// - Returns: whether it is as durable as it gets already; then the waiter is not told.
    func append(_ record: LedgerRecord, waiter: DurabilityWaiter?) -> Bool {
        guard let file = stores.file else {
            stores.recent.append(record)
            return true
        }
        file.append(.request(record), waiter: waiter)
        return false
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
