package import GatewayCore
import NIOConcurrencyHelpers

/// The last requests of one process, in memory, where nothing keeps them durably or before that has them. Bound: `capacity` records; the oldest goes first.
package final class RecentRecords: Sendable {
    private struct State {
        /// A ring: records are large, and stay where they were put.
        var records: [LedgerRecord] = []
        var places: [RequestID: Int] = [:]
        var next = 0
    }

    private let state = NIOLockedValueBox(State())
    private let capacity: Int

    package init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    package func append(_ record: LedgerRecord) {
        state.withLockedValue { state in
            let place = state.next
            state.next = (place + 1) % capacity
            state.places[record.summary.requestID] = place
            guard place < state.records.count else { return state.records.append(record) }
            let oldest = state.records[place].summary.requestID
            if oldest != record.summary.requestID, state.places[oldest] == place { state.places[oldest] = nil }
            state.records[place] = record
        }
    }

    /// A record of `tenant`; `nil` for another tenant's as for one that never was.
    package func record(_ id: RequestID, tenant: String) -> LedgerRecord? {
        state.withLockedValue { state in
            guard let place = state.places[id], state.records[place].tenant == tenant else { return nil }
            return state.records[place]
        }
    }

    package var count: Int { state.withLockedValue { $0.records.count } }
}
