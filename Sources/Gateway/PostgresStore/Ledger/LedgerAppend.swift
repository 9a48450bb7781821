internal import GatewayCore
internal import GatewayCrypto

/// Appends entries to the ledger in one transaction: those that are there already are left out, the others get their numbers and their links of the
/// chain. Done twice it does nothing the second time.
///
/// Rows that PostgreSQL refuses for what they hold are found by halving: what is good is appended, the rest goes to the dead letters. Only errors that
/// blame values count against rows; a missing table or a full disk fails the whole.
struct LedgerAppend: Conversation {
    private enum Stage: Equatable {
        case beginning, locking, checking, readingHeads, findingKnown, copying, changingHeads, committing, burying
        case rollingBack
    }

    /// Any number that no other lock has.
    private static let lockKey = 7_002_316_452_981_338
    private static let columns = "tenant_id, sequence, id, kind, received_at, department_id, user_id, cost, hash, record"

    private let secret: Secret
    private let entries: [LedgerEntry]
    private let encoded: [[UInt8]]
    private var stage = Stage.beginning
    /// What is to be appended still, the next last.
    private var ranges: [Range<Int>]
    private var range = 0..<0
    private var heads: [String: LedgerHead] = [:]
    private var fresh: [Int] = []
    private var refusal: PostgresError?
    private var move = LedgerMove()

    init(_ entries: [LedgerEntry], secret: Secret) {
        self.entries = entries
        self.secret = secret
        encoded = entries.map { $0.encoded() }
        ranges = [0..<entries.count]
    }

    /// The rows in COPY's text form are hexadecimal.
    var weight: Int { encoded.reduce(1_024) { $0 + 3 * $1.count + 256 } }

    mutating func next(after previous: Result<StatementResult, PostgresError>?) -> ConversationMove<LedgerMove> {
        guard let previous else { return proceed() }
        do throws(PostgresError) {
            return try next(after: previous)
        } catch {
            return fail(error)
        }
    }

    /// Nothing may be left open on the connection.
    private mutating func fail(_ error: PostgresError) -> ConversationMove<LedgerMove> {
        // What a failed COMMIT did is not known: whoever asked does the whole again.
        guard ![.beginning, .committing, .burying, .rollingBack].contains(stage) else { return .end(.failure(error)) }
        refusal = error
        stage = .rollingBack
        return .send(.script("ROLLBACK"))
    }

    private mutating func next(after previous: Result<StatementResult, PostgresError>) throws(PostgresError) -> ConversationMove<LedgerMove>
    {
        if stage == .rollingBack { return rolledBack() }
        let result = try previous.get()
        switch stage {
        case .beginning: return send(.locking, "SELECT pg_advisory_xact_lock(\(Self.lockKey))")
        case .locking:
            return send(
                .checking,
                """
                WITH known AS (INSERT INTO agentshield.ledger_state (chain_check) VALUES ($1::bytea) ON CONFLICT DO NOTHING RETURNING chain_check)
                SELECT chain_check = $1::bytea FROM (TABLE known UNION ALL SELECT chain_check FROM agentshield.ledger_state) s LIMIT 1
                """, [.bytes(try check())])
        case .checking:
            guard try result.rows.first?.flag(0) == true else {
                throw .malformed("the ledger was begun with another key: `ledger.key_env` must name the one that it was begun with")
            }
            let tenants = Set(entries[range].map(\.tenant)).sorted()
            return send(
                .readingHeads, "SELECT tenant_id, sequence, hash FROM agentshield.ledger_heads WHERE tenant_id = ANY ($1::text[])",
                [.array(tenants)])
        case .readingHeads:
            heads = [:]
            for row in result.rows {
                heads[try row.text(0)] = LedgerHead(tenant: try row.text(0), sequence: try row.integer(1), hash: try row.blob(2))
            }
            return send(
                .findingKnown, "SELECT id FROM agentshield.ledger_entries WHERE id = ANY ($1::uuid[])",
                [.array(entries[range].map { $0.id.uuid })])
        case .findingKnown: return try copy(known: Set(result.rows.map { row throws(PostgresError) in try row.text(0) }))
        case .copying: return changeHeads()
        case .changingHeads: return send(.committing, "COMMIT")
        case .committing:
            move.appended += fresh.count
            move.known += range.count - fresh.count
            return proceed()
        case .burying:
            move.dead += 1
            return proceed()
        case .rollingBack: return proceed()
        }
    }

    private mutating func proceed() -> ConversationMove<LedgerMove> {
        guard let next = ranges.popLast() else { return .end(.success(move)) }
        range = next
        stage = .beginning
        return .send(.script("BEGIN"))
    }

    private mutating func send(_ stage: Stage, _ sql: String, _ parameters: [SQLValue] = []) -> ConversationMove<LedgerMove> {
        self.stage = stage
        return .send(.statement(Statement(sql, parameters)))
    }

    private func check() throws(PostgresError) -> [UInt8] {
        do {
            return try LedgerChain.check(of: secret).bytes
        } catch {
            throw .malformed("the chain's key cannot be derived")
        }
    }

    private mutating func copy(known: Set<String>) throws(PostgresError) -> ConversationMove<LedgerMove> {
        let chain = LedgerChain(secret: secret)
        var (text, seen) = (CopyText(), known)
        fresh = []
        for index in range where seen.insert(entries[index].id.uuid).inserted {
            fresh.append(index)
            let entry = entries[index]
            var head = heads[entry.tenant] ?? LedgerHead(tenant: entry.tenant)
            head.sequence += 1
            do {
                head.hash = try chain.hash(
                    tenant: entry.tenant, previous: head.hash, sequence: head.sequence, bytes: encoded[index]
                ).bytes
            } catch {
                throw .malformed("the chain's hash cannot be computed")
            }
            heads[entry.tenant] = head
            write(LedgerColumns(of: entry), entry.tenant, head, encoded[index], into: &text)
        }
        guard !fresh.isEmpty else { return send(.committing, "COMMIT") }
        stage = .copying
        return .send(.copy("COPY agentshield.ledger_entries (\(Self.columns)) FROM STDIN", text.bytes))
    }

    private func write(_ columns: LedgerColumns, _ tenant: String, _ head: LedgerHead, _ record: [UInt8], into text: inout CopyText) {
        text.append(tenant)
        text.append(head.sequence)
        text.append(columns.id.uuid)
        text.append(columns.kind)
        text.append(columns.unixMilliseconds)
        text.append(SQLValue(columns.department))
        text.append(SQLValue(columns.user))
        text.append(SQLValue(columns.costNanoUSD))
        text.append(.bytes(head.hash))
        text.append(.bytes(record))
        text.endRow()
    }

    private mutating func changeHeads() -> ConversationMove<LedgerMove> {
        var parameters: [SQLValue] = []
        let changed = Set(fresh.map { entries[$0].tenant }).compactMap { heads[$0] }
        let tuples = changed.map { head -> String in
            parameters += [SQLValue(head.tenant), SQLValue(head.sequence), .bytes(head.hash)]
            return "($\(parameters.count - 2),$\(parameters.count - 1)::bigint,$\(parameters.count)::bytea)"
        }
        return send(
            .changingHeads,
            """
            INSERT INTO agentshield.ledger_heads (tenant_id, sequence, hash) VALUES \(tuples.joined(separator: ","))
            ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
            """, parameters)
    }

    /// A part of the entries was refused, and nothing of it is there.
    private mutating func rolledBack() -> ConversationMove<LedgerMove> {
        let error = refusal ?? .malformed("a transaction was rolled back")
        refusal = nil
        guard let state = error.sqlState, state.blamesValues else { return .end(.failure(error)) }
        guard range.count > 1 else { return bury(range.lowerBound, state: state.description, constraint: error.constraint) }
        let middle = range.lowerBound + range.count / 2
        ranges.append(middle..<range.upperBound)
        ranges.append(range.lowerBound..<middle)
        return proceed()
    }

    private mutating func bury(_ index: Int, state: String, constraint: String?) -> ConversationMove<LedgerMove> {
        send(
            .burying,
            """
            INSERT INTO agentshield.dead_letters (source_table, row_key, row_text, sql_state, constraint_name)
            VALUES ('agentshield.ledger_entries', $1, $2::bytea, $3, $4) ON CONFLICT DO NOTHING
            """,
            [SQLValue(entries[index].id.description), .bytes(encoded[index]), SQLValue(state), SQLValue(constraint)])
    }
}

extension RequestID {
    /// As PostgreSQL writes a `uuid`.
    var uuid: String {
        let digits = description.dropFirst(4)
        var text = ""
        for (position, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(position) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    init?(uuid: String) {
        self.init("req_" + uuid.replacing("-", with: ""))
    }
}

extension Row {
    /// A `bytea`, as the server writes it since version 9.
    func blob(_ column: Int) throws(PostgresError) -> [UInt8] {
        let text = try text(column)
        guard text.hasPrefix("\\x"), let bytes = Self.bytes(ofHex: text.utf8.dropFirst(2)) else {
            throw .malformed("column \(column) is no bytea")
        }
        return bytes
    }

    private static func bytes(ofHex digits: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }
}
