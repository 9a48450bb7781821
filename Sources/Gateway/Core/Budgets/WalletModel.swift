/// What a request asks of its wallets: that so much may be spent.
package struct WalletHold: Sendable, Equatable {
    /// The names of the wallets, and what each may spend.
    package var wallets: [String]
    package var limits: [BudgetSet]
    /// The most that the request can cost, in nano-USD.
    package var bound: Int64
    package var time: SpendingTime
    /// How long the reservation stands, in milliseconds; longer than the request can last.
    package var milliseconds: Int64
    /// The ledger's row for a request that is never settled, encoded.
    package var record: [UInt8]

    package init(wallets: [String], limits: [BudgetSet], bound: Int64, time: SpendingTime, milliseconds: Int64, record: [UInt8]) {
        self.wallets = wallets
        self.limits = limits
        self.bound = bound
        self.time = time
        self.milliseconds = milliseconds
        self.record = record
    }
}

/// A wallet that has too little left.
package struct WalletRefusal: Sendable, Equatable {
    /// Which of the hold's wallets.
    package var wallet: Int
    package var period: BudgetPeriod

    package init(wallet: Int, period: BudgetPeriod) {
        self.wallet = wallet
        self.period = period
    }

    /// As the scripts tell it: from 1, three to a wallet. `nil`: there is none.
    package init?(code: Int) {
        guard code > 0 else { return nil }
        self.init(wallet: (code - 1) / 3, period: BudgetPeriod.allCases[(code - 1) % 3])
    }
}

/// What subjects have spent, and what is reserved for requests under way, in whole nano-USD.
///
/// The same as the scripts of RedisStore, which tests hold against it; a wallet has the fields that it has there: `d<day>`, `m<month>` and `t` for what
/// was spent, each with an `r` behind it for what is reserved. Days and months before the last one are dropped. Times are microseconds.
package struct WalletModel: Sendable, Equatable {
    /// A reservation.
    package struct Reservation: Sendable, Equatable {
        package var wallets: [String]
        package var bound: Int64
        package var time: SpendingTime
        package var endsAt: Int64
        package var record: [UInt8]

        package init(wallets: [String], bound: Int64, time: SpendingTime, endsAt: Int64, record: [UInt8]) {
            (self.wallets, self.bound, self.time, self.endsAt, self.record) = (wallets, bound, time, endsAt, record)
        }
    }

    private struct Late: Sendable, Equatable {
        /// What was charged; `nil`: the request was settled before anything was reserved for it.
        var bound: Int64?
        var forgetAt: Int64
    }

    package private(set) var wallets: [String: [String: Int64]] = [:]
    /// By request.
    package private(set) var reservations: [String: Reservation] = [:]
    /// Reservations that were charged at their bound, in case that their requests are settled after all; and requests that were settled without one.
    private var late: [String: Late] = [:]
    /// How long such a one is remembered: a week.
    package static let lateMicroseconds: Int64 = 604_800_000_000
    /// More are not remembered: what they are settled with then changes nothing.
    private static let maxLate = 65_536

    package init() {}

    // MARK: a request

    /// - Returns: the first wallet with too little left, in the order of the hold; `nil`: all have room.
    package func refusal(_ hold: WalletHold) -> WalletRefusal? {
        for (index, (wallet, limits)) in zip(hold.wallets, hold.limits).enumerated() {
            let fields = wallets[wallet] ?? [:]
            for period in BudgetPeriod.allCases {
                guard let limit = limits[period] else { continue }
                let name = Self.field(period, hold.time)
                let taken = (fields[name] ?? 0) + (fields[name + "r"] ?? 0)
                if taken + hold.bound > limit { return WalletRefusal(wallet: index, period: period) }
            }
        }
        return nil
    }

    package mutating func reserve(_ hold: WalletHold, for id: String, now: Int64) {
        let endsAt = now + hold.milliseconds * 1_000
        restore(
            Reservation(wallets: hold.wallets, bound: hold.bound, time: hold.time, endsAt: endsAt, record: hold.record), of: id)
    }

    /// Takes a reservation in that was made before.
    package mutating func restore(_ reservation: Reservation, of id: String) {
        change(reservation, by: reservation.bound)
        reservations[id] = reservation
    }

    /// A request with a reservation is over: what it cost is spent, and what was reserved is free.
    ///
    /// - Returns: what was charged instead, where the reservation has ended before; then nothing is changed. `nil`: it is settled, or had been; what is
    ///   reserved for it from now on is not charged when that ends.
    package mutating func settle(_ id: String, cost: Int64, now: Int64) -> Int64? {
        guard let reservation = reservations.removeValue(forKey: id) else {
            if let bound = late[id]?.bound { return bound }
            remember(id, nil, now: now)
            return nil
        }
        change(reservation, by: -reservation.bound)
        charge(reservation.wallets, cost, reservation.time)
        return nil
    }

    /// A request that was settled late cost so much more (or less) than its bound.
    package mutating func correct(_ id: String, _ wallets: [String], _ change: Int64, _ time: SpendingTime) {
        guard late.removeValue(forKey: id) != nil else { return }
        charge(wallets, change, time)
    }

    /// Something was spent without a reservation.
    package mutating func charge(_ names: [String], _ cost: Int64, _ time: SpendingTime) {
        guard cost != 0 else { return }
        for name in names {
            add(cost, "t", to: name)
            add(cost, Self.field(.month, time), to: name)
            if add(cost, Self.field(.day, time), to: name) == cost { prune(name, time) }
        }
    }

    /// Charges reservations that have ended at their bound.
    ///
    /// - Returns: their requests, at most `count`, and their rows: none of those that had been settled before they were reserved.
    package mutating func expire(now: Int64, count: Int) -> [(id: String, record: [UInt8]?)] {
        let ended = reservations.filter { $0.value.endsAt <= now }
            .sorted { ($0.value.endsAt, $0.key) < ($1.value.endsAt, $1.key) }.prefix(count)
        var rows: [(id: String, record: [UInt8]?)] = []
        for (id, reservation) in ended {
            reservations[id] = nil
            change(reservation, by: -reservation.bound)
            let wasSettled = late[id].map { $0.bound == nil } ?? false
            rows.append((id, wasSettled ? nil : reservation.record))
            guard !wasSettled else { continue }
            charge(reservation.wallets, reservation.bound, reservation.time)
            remember(id, reservation.bound, now: now)
        }
        if !ended.isEmpty { late = late.filter { $0.value.forgetAt > now } }
        return rows
    }

    private mutating func remember(_ id: String, _ bound: Int64?, now: Int64) {
        guard late.count < Self.maxLate || late[id] != nil else { return }
        late[id] = Late(bound: bound, forgetAt: now + Self.lateMicroseconds)
    }

    // MARK: fields

    /// The name of a period's field.
    package static func field(_ period: BudgetPeriod, _ time: SpendingTime) -> String {
        switch period {
        case .day: "d\(time.day)"
        case .month: "m\(time.month)"
        case .total: "t"
        }
    }

    private mutating func change(_ reservation: Reservation, by amount: Int64) {
        for name in reservation.wallets {
            for period in BudgetPeriod.allCases { add(amount, Self.field(period, reservation.time) + "r", to: name) }
        }
    }

    @discardableResult
    private mutating func add(_ amount: Int64, _ field: String, to name: String) -> Int64 {
        let sum = (wallets[name]?[field] ?? 0) &+ amount
        wallets[name, default: [:]][field] = sum
        return sum
    }

    /// The first spending of a day: what is older than the day and the month before it is dropped.
    private mutating func prune(_ name: String, _ time: SpendingTime) {
        wallets[name] = wallets[name]?.filter { field, _ in
            guard let kind = field.first, kind != "t", let number = Int(field.dropFirst().prefix { $0.isNumber }) else { return true }
            return number >= (kind == "d" ? time.day : time.month) - 1
        }
    }
}
