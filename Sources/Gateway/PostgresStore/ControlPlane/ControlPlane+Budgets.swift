package import GatewayCore

extension ControlPlane {
    package func setBudget(_ budget: Budget) async throws(ControlError) {
        let statement = Statement(
            """
            INSERT INTO agentshield.budgets (tenant_id, level, name, period, spending_limit) VALUES ($1, $2, $3, $4, $5::bigint)
            ON CONFLICT (tenant_id, level, name, period) DO UPDATE SET spending_limit = excluded.spending_limit
            """,
            [
                SQLValue(budget.tenant), SQLValue(budget.subject.level), SQLValue(budget.subject.name ?? ""),
                SQLValue(budget.period.rawValue), SQLValue(budget.limitNanoUSD),
            ])
        _ = try await all(statement, isRepeatable: true) { row throws(PostgresError) in try row.text(0) }
    }

    package func removeBudget(tenant: String, subject: BudgetSubject, period: BudgetPeriod) async throws(ControlError) -> Bool {
        let statement = Statement(
            "DELETE FROM agentshield.budgets WHERE tenant_id = $1 AND level = $2 AND name = $3 AND period = $4 RETURNING tenant_id",
            [SQLValue(tenant), SQLValue(subject.level), SQLValue(subject.name ?? ""), SQLValue(period.rawValue)])
        return try await !all(statement, isRepeatable: false) { row throws(PostgresError) in try row.text(0) }.isEmpty
    }

    package func budgets() async throws(ControlError) -> [Budget] {
        let statement = Statement(
            """
            SELECT tenant_id, level, name, period, spending_limit FROM agentshield.budgets
            ORDER BY tenant_id, level, name, period LIMIT \(Budget.maxCount)
            """)
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in
            guard let subject = BudgetSubject(level: try row.text(1), name: try row.text(2)),
                let period = BudgetPeriod(rawValue: try row.text(3))
            else { throw .malformed("a budget has another level or period") }
            return Budget(tenant: try row.text(0), subject: subject, period: period, limitNanoUSD: try row.integer(4))
        }
    }
}
