import DequeModule
package import GatewayCore
import NIOConcurrencyHelpers

/// The last requests of one process, in memory, where nothing keeps them durably or before that has them. Bound: `capacity` records; the oldest goes first.
package final class RecentRecords: Sendable {
    private struct State {
        var order: Deque<RequestID> = []
        var records: [RequestID: LedgerRecord] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let capacity: Int

    package init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    package func append(_ record: LedgerRecord) {
        state.withLockedValue { state in
            if state.order.count >= capacity, let oldest = state.order.popFirst() {
                state.records[oldest] = nil
            }
            state.order.append(record.summary.requestID)
            state.records[record.summary.requestID] = record
        }
    }

    /// A record of `tenant`; `nil` for another tenant's as for one that never was.
    package func record(_ id: RequestID, tenant: String) -> LedgerRecord? {
        state.withLockedValue { state in
            guard let record = state.records[id], record.tenant == tenant else { return nil }
            return record
        }
    }

    package var count: Int { state.withLockedValue { $0.order.count } }
}
