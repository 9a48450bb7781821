/// A row of the ledger. Rows are appended and never changed: what turns out otherwise is another row.
package enum LedgerEntry: Sendable, Equatable {
    /// What became of a request.
    case request(LedgerRecord)
    /// What a request cost more or less than its own row says.
    case correction(LedgerCorrection)
    /// What was decided for an arbitrated request.
    case decision(LedgerDecision)
    /// What was said later of its answer.
    case reward(LedgerReward)

    /// What the row is, in exports and in the stores' columns.
    package enum Kind: UInt8, Sendable, CaseIterable {
        case request = 1
        case correction = 2
        case decision = 3
        case reward = 4

        package var name: String {
            switch self {
            case .request: "request"
            case .correction: "correction"
            case .decision: "decision"
            case .reward: "reward"
            }
        }
    }

    package var kind: Kind {
        switch self {
        case .request: .request
        case .correction: .correction
        case .decision: .decision
        case .reward: .reward
        }
    }

    /// The row's own id, unique in the ledger.
    package var id: RequestID {
        switch self {
        case .request(let record): record.summary.requestID
        case .correction(let correction): correction.id
        case .decision(let decision): decision.id
        case .reward(let reward): reward.id
        }
    }

    /// The request that the row is about.
    package var requestID: RequestID {
        switch self {
        case .request(let record): record.summary.requestID
        case .correction(let correction): correction.requestID
        case .decision(let decision): decision.requestID
        case .reward(let reward): reward.requestID
        }
    }

    package var tenant: String {
        switch self {
        case .request(let record): record.tenant
        case .correction(let correction): correction.tenant
        case .decision(let decision): decision.tenant
        case .reward(let reward): reward.tenant
        }
    }

    package var department: String? {
        switch self {
        case .request(let record): record.department
        case .correction(let correction): correction.department
        case .decision(let decision): decision.department
        case .reward(let reward): reward.department
        }
    }

    package var user: String? {
        switch self {
        case .request(let record): record.user
        case .correction(let correction): correction.user
        case .decision(let decision): decision.user
        case .reward(let reward): reward.user
        }
    }

    /// Whether the row says what its request cost.
    package var isOfCost: Bool {
        switch self {
        case .request, .correction: true
        case .decision, .reward: false
        }
    }

    /// The time whose budgets the row counts for, in milliseconds since 1970: when the request had arrived, for a correction too.
    package var unixMilliseconds: UInt64 {
        switch self {
        case .request(let record): record.receivedUnixMilliseconds
        case .correction(let correction): correction.receivedUnixMilliseconds
        case .decision(let decision): decision.receivedUnixMilliseconds
        case .reward(let reward): reward.receivedUnixMilliseconds
        }
    }

    /// In nano-USD; negative: a correction gives something back. `nil`: the model had no price.
    package var costNanoUSD: Int64? {
        switch self {
        case .request(let record): record.summary.costNanoUSD.map { Int64(clamping: $0) }
        case .correction(let correction): correction.costNanoUSD
        // Their request's row says what it cost.
        case .decision, .reward: 0
        }
    }
}

/// What is added to the cost of a request that has its row already.
package struct LedgerCorrection: Sendable, Equatable {
    package var id: RequestID
    /// Whose cost is corrected.
    package var requestID: RequestID
    package var tenant: String
    package var department: String?
    package var user: String?
    package var keyID: String
    /// Signed: the right cost less the one that was charged, in nano-USD.
    package var costNanoUSD: Int64
    package var priceVersion: String?
    /// One word, such as `settled_late`.
    package var reason: String
    /// When the request had arrived, in milliseconds since 1970.
    package var receivedUnixMilliseconds: UInt64

    package init(
        id: RequestID, requestID: RequestID, tenant: String, department: String?, user: String?, keyID: String, costNanoUSD: Int64,
        priceVersion: String?, reason: String, receivedUnixMilliseconds: UInt64
    ) {
        self.id = id
        self.requestID = requestID
        self.tenant = tenant
        self.department = department
        self.user = user
        self.keyID = keyID
        self.costNanoUSD = costNanoUSD
        self.priceVersion = priceVersion
        self.reason = reason
        self.receivedUnixMilliseconds = receivedUnixMilliseconds
    }

    /// For a request whose reservation was charged at its bound before it was settled. Made again it is the same, id and all.
    package init(settledLate record: LedgerRecord, bound: Int64) {
        let id = record.summary.requestID
        self.init(
            id: RequestID(high: id.high, low: ~id.low), requestID: id, tenant: record.tenant, department: record.department,
            user: record.user, keyID: record.keyID, costNanoUSD: Int64(clamping: record.summary.costNanoUSD ?? 0) - bound,
            priceVersion: record.summary.priceVersion, reason: "settled_late", receivedUnixMilliseconds: record.receivedUnixMilliseconds)
    }
}
