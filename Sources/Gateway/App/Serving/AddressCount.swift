import GatewayConfiguration
import GatewayCore
import NIOConcurrencyHelpers

/// How many connections each address has open; shared by all listeners and loops. Bound: the listeners' limit of connections.
final class AddressCount: Sendable {
    private let limit: Int?
    private let counts = NIOLockedValueBox<[AddressGroup: Int]>([:])

    /// - Parameter limit: of one address; `nil`: none is counted.
    init(limit: Int?) {
        self.limit = limit
    }

    /// Counts a connection until its group is given to ``close(_:)``.
    ///
    /// - Returns: what to close; `nil`: nothing was counted.
    func open(_ address: String?) throws(AddressFull) -> AddressGroup? {
        guard let limit, let address, let bytes = NetworkText.bytes(ofAddress: address), let group = AddressGroup(bytes: bytes) else {
            return nil
        }
        let isOpen = counts.withLockedValue { counts in
            let count = counts[group, default: 0]
            guard count < limit else { return false }
            counts[group] = count + 1
            return true
        }
        guard isOpen else { throw AddressFull() }
        return group
    }

    func close(_ group: AddressGroup) {
        counts.withLockedValue { counts in
            let count = counts[group, default: 0] - 1
            counts[group] = count > 0 ? count : nil
        }
    }
}

/// The address has as many connections as one may have.
struct AddressFull: Error {}
