package import GatewayCore

extension EmbeddedControlStore {
    package func setBudget(_ budget: Budget) async throws(ControlError) {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO budgets (tenant_id, level, name, period, spending_limit) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (tenant_id, level, name, period) DO UPDATE SET spending_limit = excluded.spending_limit
                """,
                [
                    .text(budget.tenant), .text(budget.subject.level), .text(budget.subject.name ?? ""), .text(budget.period.rawValue),
                    .integer(budget.limitNanoUSD),
                ])
            return
        }
    }

    package func removeBudget(tenant: String, subject: BudgetSubject, period: BudgetPeriod) async throws(ControlError) -> Bool {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                "DELETE FROM budgets WHERE tenant_id = ?1 AND level = ?2 AND name = ?3 AND period = ?4",
                [.text(tenant), .text(subject.level), .text(subject.name ?? ""), .text(period.rawValue)])
            return connection.changes > 0
        }
    }

    package func budgets() async throws(ControlError) -> [Budget] {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                """
                SELECT tenant_id, level, name, period, spending_limit FROM budgets
                ORDER BY tenant_id, level, name, period LIMIT \(Budget.maxCount)
                """
            ).each { row throws(SQLiteError) in
                guard let subject = BudgetSubject(level: try row.text(1), name: try row.text(2)),
                    let period = BudgetPeriod(rawValue: try row.text(3))
                else { throw SQLiteError(code: 1, message: "a budget has another level or period") }
                return Budget(tenant: try row.text(0), subject: subject, period: period, limitNanoUSD: try row.integer(4))
            }
        }
    }
}
