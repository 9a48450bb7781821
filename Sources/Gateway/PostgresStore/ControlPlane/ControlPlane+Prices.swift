package import GatewayCore

extension ControlPlane {
    package func setPrices(_ entries: [PriceEntry]) async throws(ControlError) {
        func column(_ value: (PriceEntry) -> String) -> SQLValue { .array(entries.map(value)) }
        let statement = Statement(
            """
            INSERT INTO agentshield.prices (provider, model, effective_from, input, cache_read, cache_write, output)
            SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
            ON CONFLICT (provider, model, effective_from) DO UPDATE SET input = excluded.input, cache_read = excluded.cache_read,
                cache_write = excluded.cache_write, output = excluded.output
            """,
            [
                column(\.provider), column(\.model), column(\.from.text), column { "\($0.price.input)" },
                column { "\($0.price.cacheRead)" },
                column { "\($0.price.cacheWrite)" }, column { "\($0.price.output)" },
            ])
        _ = try await all(statement, isRepeatable: true) { row throws(PostgresError) in try row.text(0) }
    }

    package func prices() async throws(ControlError) -> [PriceEntry] {
        let statement = Statement(
            """
            SELECT provider, model, effective_from::text, input, cache_read, cache_write, output FROM agentshield.prices
            ORDER BY provider, model, effective_from LIMIT \(PriceLimits.maxEntries)
            """)
        return try await all(statement, isRepeatable: true, PriceEntry.init(row:))
    }
}

extension PriceEntry {
    fileprivate init(row: Row) throws(PostgresError) {
        guard let day = UTCDay(try row.text(2)) else { throw .malformed("a price holds from no day") }
        self.init(
            provider: try row.text(0), model: try row.text(1), from: day,
            price: Price(
                input: UInt64(clamping: try row.integer(3)), cacheRead: UInt64(clamping: try row.integer(4)),
                cacheWrite: UInt64(clamping: try row.integer(5)), output: UInt64(clamping: try row.integer(6))))
    }
}
