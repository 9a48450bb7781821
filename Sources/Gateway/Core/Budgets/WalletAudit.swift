/// A wallet as its store has it, beside what the ledger and the open reservations say that it should have. Pure.
package struct WalletAudit: Sendable, Equatable {
    /// An open reservation, of one of its wallets.
    package struct Reservation: Sendable, Equatable {
        package var bound: Int64
        package var time: SpendingTime

        package init(bound: Int64, time: SpendingTime) {
            self.bound = bound
            self.time = time
        }
    }

    /// A field in which the two differ.
    package struct Difference: Sendable, Equatable {
        package var field: String
        package var stored: Int64
        package var right: Int64
    }

    /// As the store has it; zero stands for what is not there.
    package let stored: [String: Int64]
    /// As it should be, in the store's words.
    package let right: [String: Int64]

    /// - Parameters:
    ///   - stored: the wallet's fields.
    ///   - spending: all that the subject spent, in the ledger or on its way there.
    ///   - reservations: those that are open in the store.
    ///   - now: days and months before the last one are not looked at: wallets drop them.
    package init(
        stored: [String: Int64], spending: [(nanoUSD: Int64, time: SpendingTime)], reservations: [Reservation], now: SpendingTime
    ) {
        var right = Dictionary(
            uniqueKeysWithValues: BudgetPeriod.allCases.flatMap { period in
                [(WalletModel.field(period, now), 0 as Int64), (WalletModel.field(period, now) + "r", 0)]
            })
        for (nanoUSD, time) in spending {
            for period in Self.periods(of: time, now) { right[WalletModel.field(period, time), default: 0] += nanoUSD }
        }
        for reservation in reservations {
            for period in Self.periods(of: reservation.time, now) {
                right[WalletModel.field(period, reservation.time) + "r", default: 0] += reservation.bound
            }
        }
        self.right = right
        self.stored = stored
    }

    /// The periods of a time that a wallet still has.
    private static func periods(of time: SpendingTime, _ now: SpendingTime) -> [BudgetPeriod] {
        BudgetPeriod.allCases.filter { period in
            switch period {
            case .day: time.day >= now.day
            case .month: time.month >= now.month
            case .total: true
            }
        }
    }

    package var differences: [Difference] {
        right.sorted { $0.key < $1.key }.compactMap { field, right in
            let stored = stored[field] ?? 0
            return stored == right ? nil : Difference(field: field, stored: stored, right: right)
        }
    }
}
