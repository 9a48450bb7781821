/// Whose spending is counted. All subjects are within one tenant; a request's must all have room, from the tenant down.
package enum BudgetSubject: Sendable, Hashable {
    case tenant
    case department(String)
    case user(String)

    /// As the stores write it; `nil`: there is no such level.
    package init?(level: String, name: String) {
        switch level {
        case "tenant": self = .tenant
        case "department": self = .department(name)
        case "user": self = .user(name)
        default: return nil
        }
    }

    /// The name of the level.
    package var level: String {
        switch self {
        case .tenant: "tenant"
        case .department: "department"
        case .user: "user"
        }
    }

    /// Which department or user; `nil`: the tenant itself.
    package var name: String? {
        switch self {
        case .tenant: nil
        case .department(let name), .user(let name): name
        }
    }

    /// The subjects of a request, in the order in which they are asked.
    package static func all(department: String?, user: String?) -> [BudgetSubject] {
        [.tenant] + [department.map { .department($0) }, user.map { .user($0) }].compactMap { $0 }
    }
}

package enum BudgetPeriod: String, Sendable, CaseIterable {
    /// Of UTC.
    case day
    case month
    /// It never resets.
    case total
}

/// The day and the month that spending counts for: those of the request's arrival, in UTC.
package struct SpendingTime: Sendable, Hashable {
    /// Days since 1970.
    package var day: Int
    /// Months since January 1970.
    package var month: Int

    package init(unixMilliseconds: UInt64) {
        let day = UTCDay(unixMilliseconds: unixMilliseconds)
        (self.day, month) = (day.number, day.month)
    }

    /// When a period begins, in milliseconds since 1970.
    package func start(of period: BudgetPeriod) -> UInt64 {
        switch period {
        case .day: UTCDay(number: day).unixMilliseconds
        case .month: UTCDay.first(ofMonth: month).unixMilliseconds
        case .total: 0
        }
    }

    /// When it is over; `nil`: never.
    package func end(of period: BudgetPeriod) -> UInt64? {
        switch period {
        case .day: UTCDay(number: day + 1).unixMilliseconds
        case .month: UTCDay.first(ofMonth: month + 1).unixMilliseconds
        case .total: nil
        }
    }
}

/// What a subject may spend in each period, in nano-USD; `nil`: without limit.
package struct BudgetSet: Sendable, Hashable {
    package var day: Int64?
    package var month: Int64?
    package var total: Int64?

    package init(day: Int64? = nil, month: Int64? = nil, total: Int64? = nil) {
        (self.day, self.month, self.total) = (day, month, total)
    }

    package var isEmpty: Bool { day == nil && month == nil && total == nil }

    package subscript(_ period: BudgetPeriod) -> Int64? {
        get {
            switch period {
            case .day: day
            case .month: month
            case .total: total
            }
        }
        set {
            switch period {
            case .day: day = newValue
            case .month: month = newValue
            case .total: total = newValue
            }
        }
    }
}

/// A budget as the store keeps it.
package struct Budget: Sendable, Equatable {
    package var tenant: String
    package var subject: BudgetSubject
    package var period: BudgetPeriod
    package var limitNanoUSD: Int64

    package init(tenant: String, subject: BudgetSubject, period: BudgetPeriod, limitNanoUSD: Int64) {
        self.tenant = tenant
        self.subject = subject
        self.period = period
        self.limitNanoUSD = limitNanoUSD
    }

    /// 9,000,000 USD: beyond, the doubles of Redis' scripts would not count exactly.
    package static let maxNanoUSD: Int64 = 9_000_000_000_000_000
    /// Budgets that the store keeps.
    package static let maxCount = 10_000
}

/// Every budget there is: the store's, and where it has none for a subject and period, the configuration's.
package struct BudgetTable: Sendable {
    /// What the configuration says of a tenant.
    package struct Tenant: Sendable, Hashable {
        package var tenant: BudgetSet
        /// Of each department, and of each user.
        package var department: BudgetSet
        package var user: BudgetSet

        package init(tenant: BudgetSet = BudgetSet(), department: BudgetSet = BudgetSet(), user: BudgetSet = BudgetSet()) {
            (self.tenant, self.department, self.user) = (tenant, department, user)
        }

        package var isEmpty: Bool { tenant.isEmpty && department.isEmpty && user.isEmpty }
    }

    private let stored: [String: [BudgetSubject: BudgetSet]]

    package init(_ budgets: [Budget] = []) {
        var stored: [String: [BudgetSubject: BudgetSet]] = [:]
        for budget in budgets {
            stored[budget.tenant, default: [:]][budget.subject, default: BudgetSet()][budget.period] = budget.limitNanoUSD
        }
        self.stored = stored
    }

    /// What a request's subjects may spend, in the order in which they are asked; subjects without a budget too, for their spending is counted as well.
    package func budgets(
        tenant: String, department: String?, user: String?, configured: Tenant?
    ) -> [(subject: BudgetSubject, limits: BudgetSet)] {
        let own = stored[tenant]
        return BudgetSubject.all(department: department, user: user).map { subject in
            var limits =
                switch subject {
                case .tenant: configured?.tenant ?? BudgetSet()
                case .department: configured?.department ?? BudgetSet()
                case .user: configured?.user ?? BudgetSet()
                }
            if let found = own?[subject] {
                for period in BudgetPeriod.allCases { limits[period] = found[period] ?? limits[period] }
            }
            return (subject, limits)
        }
    }
}
