package import GatewayCore

extension EmbeddedControlStore {
    package func setPrices(_ entries: [PriceEntry]) async throws(ControlError) {
        try await perform { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                for entry in entries {
                    let price = [entry.price.input, entry.price.cacheRead, entry.price.cacheWrite, entry.price.output]
                    try connection.run(
                        """
                        INSERT INTO prices (provider, model, effective_from, input, cache_read, cache_write, output)
                        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                        ON CONFLICT (provider, model, effective_from) DO UPDATE SET input = excluded.input, cache_read = excluded.cache_read,
                            cache_write = excluded.cache_write, output = excluded.output
                        """,
                        [.text(entry.provider), .text(entry.model), .text(entry.from.text)] + price.map { .integer(Int64(clamping: $0)) })
                }
            }
        }
    }

    package func prices() async throws(ControlError) -> [PriceEntry] {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                """
                SELECT provider, model, effective_from, input, cache_read, cache_write, output FROM prices
                ORDER BY provider, model, effective_from LIMIT \(PriceLimits.maxEntries)
                """
            ).each { row throws(SQLiteError) in try PriceEntry(row) }
        }
    }
}

extension PriceEntry {
    fileprivate init(_ row: SQLiteRow) throws(SQLiteError) {
        guard let day = UTCDay(try row.text(2)) else { throw SQLiteError(code: 1, message: "a price holds from no day") }
        self.init(
            provider: try row.text(0), model: try row.text(1), from: day,
            price: Price(
                input: UInt64(clamping: try row.integer(3)), cacheRead: UInt64(clamping: try row.integer(4)),
                cacheWrite: UInt64(clamping: try row.integer(5)), output: UInt64(clamping: try row.integer(6))))
    }
}
