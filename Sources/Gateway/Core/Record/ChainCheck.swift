/// Goes along one tenant's chain, row by row, and finds the first row that is not as it was written.
package struct ChainCheck {
    /// The hash that a row must have: of the hash before it (empty for the first row), its sequence number, and its bytes.
    package typealias Hash = (_ previous: [UInt8], _ sequence: Int64, _ bytes: [UInt8]) -> [UInt8]

    /// The last good row.
    package private(set) var head: LedgerHead
    private let hash: Hash

    package init(tenant: String, hash: @escaping Hash) {
        head = LedgerHead(tenant: tenant)
        self.hash = hash
    }

    /// - Returns: what is wrong with the row; nothing may be checked behind it.
    package mutating func check(_ row: LedgerRow) -> ChainFault? {
        let sequence = head.sequence + 1
        func fault(_ reason: ChainFault.Reason) -> ChainFault { ChainFault(tenant: head.tenant, sequence: sequence, reason: reason) }
        guard row.sequence == sequence else { return fault(.missing) }
        guard row.hash == hash(head.hash, row.sequence, row.bytes) else { return fault(.hashDiffers) }
        do {
            let entry = try LedgerEntry(decoding: row.bytes)
            guard entry.tenant == row.tenant, row.tenant == head.tenant, LedgerColumns(of: entry) == row.columns else {
                return fault(.columnsDiffer)
            }
        } catch {
            return fault(.unreadable(error))
        }
        head.sequence = row.sequence
        head.hash = row.hash
        return nil
    }

    /// - Parameter stored: the head that the store has, read before the rows; rows may have been appended since.
    /// - Returns: what is wrong with the chain's end.
    package func finish(_ stored: LedgerHead) -> ChainFault? {
        if head.sequence < stored.sequence { return ChainFault(tenant: head.tenant, sequence: head.sequence + 1, reason: .missing) }
        let isHeadless = stored.sequence == 0 && head.sequence > 0
        if isHeadless || head.sequence == stored.sequence && head.hash != stored.hash {
            return ChainFault(tenant: head.tenant, sequence: head.sequence, reason: .headDiffers)
        }
        return nil
    }
}

/// The first row of a chain that is not as it should be.
package struct ChainFault: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        /// There is no row of this number, though there are later ones, or the head says so.
        case missing
        /// The row, the one before it, or the key is another.
        case hashDiffers
        case unreadable(LedgerEntryFault)
        /// The columns say something else than the record.
        case columnsDiffer
        /// The head names another hash than the last row has, or is not there.
        case headDiffers
    }

    package var tenant: String
    package var sequence: Int64
    package var reason: Reason

    package init(tenant: String, sequence: Int64, reason: Reason) {
        self.tenant = tenant
        self.sequence = sequence
        self.reason = reason
    }

    package var description: String {
        let what =
            switch reason {
            case .missing: "is missing"
            case .hashDiffers: "does not have the hash that it should: it was changed, or the key is another"
            case .unreadable(let fault): "cannot be read: \(fault)"
            case .columnsDiffer: "has columns that say something else than its record"
            case .headDiffers: "is the last, but the head says something else"
            }
        return "tenant \(tenant): row \(sequence) \(what)"
    }
}
