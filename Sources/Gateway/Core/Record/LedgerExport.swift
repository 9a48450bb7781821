import GatewayJSON
package import NIOCore

/// Writes rows of a ledger as lines for people and their programs: CSV (RFC 4180, with a header) or one JSON object a line, the same fields in both.
package enum LedgerExport: String, Sendable, CaseIterable {
    case csv, jsonl

    private enum Value {
        case text(String?)
        case number(Int64?)
        case flag(Bool?)
    }

    /// What comes before the first row.
    package var header: String {
        switch self {
        case .csv: Self.names.map { "\($0)" }.joined(separator: ",") + "\r\n"
        case .jsonl: ""
        }
    }

    /// Writes one row with its line's end.
    ///
    /// - Throws: what is wrong with the row's bytes.
    package func write(_ row: LedgerRow, into buffer: inout ByteBuffer) throws(LedgerEntryFault) {
        let values = Self.values(of: row, try LedgerEntry(decoding: row.bytes))
        switch self {
        case .csv:
            for (index, value) in values.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                buffer.writeString(Self.cell(value))
            }
            buffer.writeStaticString("\r\n")
        case .jsonl:
            var json = JSONWriter()
            json.object { json in
                for (name, value) in zip(Self.names, values) { Self.write(name, value, into: &json) }
            }
            buffer.writeImmutableBuffer(json.buffer)
            buffer.writeStaticString("\n")
        }
    }

    private static let names: [StaticString] = [
        "sequence", "kind", "id", "request_id", "received_at_ms", "tenant", "department", "user", "key_id", "end_user", "caller_request_id",
        "requested_model", "model", "provider", "route_reason", "cache", "attempts", "input_tokens", "cache_read_tokens",
        "cache_write_tokens", "output_tokens", "reasoning_tokens", "is_estimated", "cost_nano_usd", "price_version", "outcome", "error",
        "finish_reasons", "scrubbed", "authenticate_us", "limit_us", "scrub_us", "cache_us", "route_us", "call_us", "answer_us",
        "record_us", "reason", "signals", "decision", "hash",
    ]

    /// In the order of `names`.
    private static func values(of row: LedgerRow, _ entry: LedgerEntry) -> [Value] {
        var values: [Value] = [.number(row.sequence), .text(entry.kind.name), .text(entry.id.description)]
        switch entry {
        case .request(let record):
            let (summary, usage) = (record.summary, record.summary.usage)
            values += [.text(summary.requestID.description), .number(Int64(clamping: record.receivedUnixMilliseconds))]
            values += [
                record.tenant, record.department, record.user, record.keyID, record.endUser, record.callerRequestID, record.requestedModel,
                record.usedModel, record.provider, summary.routeReason, summary.cache.name,
            ].map { .text($0) }
            values.append(.number(Int64(clamping: summary.attempts)))
            values += [usage.input, usage.cacheRead, usage.cacheWrite, usage.output, usage.reasoning].map { .number(Int64(clamping: $0)) }
            values += [.flag(summary.isEstimated), .number(entry.costNanoUSD), .text(summary.priceVersion)]
            values += [.text(record.outcome.rawValue), .text(record.fault)]
            values.append(.text(summary.finishes.map(\.providerReason).joined(separator: " ")))
            values.append(.text(summary.scrubbed.map { "\($0.kind)=\($0.count)" }.joined(separator: " ")))
            values += Phase.allCases.map { .number(Int64(summary.timings.microseconds($0))) }
            values += [Value](repeating: .text(nil), count: 3)
        case .correction(let correction):
            values += [.text(correction.requestID.description), .number(Int64(clamping: correction.receivedUnixMilliseconds))]
            values += [correction.tenant, correction.department, correction.user, correction.keyID].map { .text($0) }
            values += [Value](repeating: .text(nil), count: 7) + [Value](repeating: .number(nil), count: 6)
            values += [.flag(nil), .number(correction.costNanoUSD), .text(correction.priceVersion)]
            values += [Value](repeating: .text(nil), count: 4) + Phase.allCases.map { _ in .number(nil) }
            values += [.text(correction.reason), .text(nil), .text(nil)]
        case .decision(let decision):
            values += Self.start(entry, decision.keyID, route: decision.route, model: decision.model)
            values += [.text(nil), .text(decision.signals.map(\.text).joined(separator: " ")), .text(decision.record)]
        case .reward(let reward):
            values += Self.start(entry, reward.keyID, route: reward.route, model: reward.model)
            values += [.text(nil), .text(reward.signal.text), .text(nil)]
        }
        values.append(.text(row.hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()))
        return values
    }

    /// What stands in front of `reason` in rows about an arbitrated request.
    private static func start(_ entry: LedgerEntry, _ keyID: String, route: String, model: String) -> [Value] {
        var values: [Value] = [.text(entry.requestID.description), .number(Int64(clamping: entry.unixMilliseconds))]
        values += [entry.tenant, entry.department, entry.user, keyID, nil, nil, route, model, nil, nil, nil].map { .text($0) }
        values += [Value](repeating: .number(nil), count: 6) + [.flag(nil), .number(entry.costNanoUSD)]
        return values + [Value](repeating: .text(nil), count: 5) + Phase.allCases.map { _ in .number(nil) }
    }

    private static func write(_ name: StaticString, _ value: Value, into json: inout JSONWriter) {
        switch value {
        case .text(let text): json.member(name, orNull: text)
        case .number(let number?): json.member(name, number)
        case .flag(let flag?): json.member(name, flag)
        case .number(nil), .flag(nil): json.memberNull(name)
        }
    }

    private static func cell(_ value: Value) -> String {
        switch value {
        case .text(let text): text.map { quoted($0) } ?? ""
        case .number(let number): number.map { String($0) } ?? ""
        case .flag(let flag): flag.map { $0 ? "true" : "false" } ?? ""
        }
    }

    /// Spreadsheets take a cell that begins so for a formula; callers choose some of the texts, so these get an apostrophe.
    private static let formulaStarts = Set("=+-@\t\r".utf8)

    private static func quoted(_ text: String) -> String {
        let text = text.utf8.first.map { formulaStarts.contains($0) } == true ? "'" + text : text
        guard text.utf8.contains(where: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 < 0x20 }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
