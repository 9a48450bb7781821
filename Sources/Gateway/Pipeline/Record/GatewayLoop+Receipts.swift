import EmbeddedStore
package import GatewayCore
import NIOCore

extension GatewayLoop {
    /// Finds the record of a finished request of the principal's tenant, without holding up the loop.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; `nil` for a request that never was, is forgotten or is another tenant's.
    package func receipt(
        _ id: RequestID, for principal: Principal, completion: @escaping (Result<LedgerRecord?, Fault>) -> Void
    ) {
        if let record = stores.recent.record(id, tenant: principal.tenant) { return completion(.success(record)) }
        guard let archive = stores.archive else { return completion(.success(nil)) }
        let tenant = principal.tenant
        let promise = eventLoop.makePromise(of: LedgerRecord?.self)
        promise.futureResult.assumeIsolated().whenComplete { completion($0.mapError { _ in .ledgerUnreadable }) }
        promise.completeWithTask { try await archive.row(id, tenant: tenant)?.record }
    }
}

extension LedgerRow {
    /// What the row says of a request; `nil`: it is about something else.
    fileprivate var record: LedgerRecord? {
        get throws {
            guard case .request(let record) = try LedgerEntry(decoding: bytes) else { return nil }
            return record
        }
    }
}

extension Fault {
    fileprivate static let ledgerUnreadable = Fault(
        .ledgerUnavailable, origin: .gateway, message: "The ledger cannot be read at present. Nothing was done; try again shortly.",
        retryAfterMilliseconds: 1_000)
}
