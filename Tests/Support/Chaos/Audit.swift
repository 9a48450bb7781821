import EmbeddedStore
import Foundation
import GatewayCore
import GatewayCrypto
import PostgresStore

/// What the ledger says, held against what clients saw.
struct Audit {
    private var archive: (any LedgerArchive)?
    private let chain = LedgerChain(secret: Secret(World.pepper))
    private var position: Int64 = 0
    private var checks: [String: ChainCheck] = [:]
    private(set) var records: [String: LedgerRecord] = [:]
    /// By the mark of the job.
    private(set) var rows: [String: Row] = [:]
    /// Marks by the ids of requests.
    private var marks: [String: String] = [:]
    private(set) var problems: [String] = []

    /// What the ledger says of one job.
    struct Row: Sendable {
        var record: LedgerRecord
        /// How many rows correct it, and by how much.
        var corrections = 0
        var corrected: Int64 = 0

        /// In nano-USD.
        var charged: Int64 { Int64(clamping: record.summary.costNanoUSD ?? 0) + corrected }
    }

    init(file: String) throws {
        archive = try LedgerFileReader(path: file)
    }

    init(database: String) throws {
        archive = PostgresLedger(try PostgresDriver(PostgresLocation(Secret(database))), timeout: .seconds(30))
    }

    func close() async { await archive?.close() }

    private var ledger: any LedgerArchive {
        get throws {
            guard let archive else { throw World.Failure(description: "the ledger is not open") }
            return archive
        }
    }

    /// Lets go of a ledger's file while the body runs, so that who else closes it cleans up behind itself.
    mutating func lettingGo(of file: String, _ body: () async throws -> Void) async throws {
        await archive?.close()
        archive = nil
        try await body()
        archive = try LedgerFileReader(path: file)
    }

    /// Reads the rows that came since the last time, and checks each against its chain.
    mutating func readOn() async throws {
        while true {
            let rows = try await ledger.rows(LedgerQuery(), after: position)
            guard let last = rows.last else { return }
            for row in rows { take(row) }
            position = last.position
        }
    }

    private mutating func take(_ row: LedgerRow) {
        let (chain, tenant) = (chain, row.tenant)
        var check =
            checks[tenant]
            ?? ChainCheck(tenant: tenant) { previous, sequence, bytes in
                (try? chain.hash(tenant: tenant, previous: previous, sequence: sequence, bytes: bytes).bytes) ?? []
            }
        if let fault = check.check(row) { problems.append("\(fault)") }
        checks[tenant] = check
        guard let entry = try? LedgerEntry(decoding: row.bytes) else { return problems.append("a row of \(tenant) cannot be read") }
        take(entry)
    }

    /// Takes in a record, of the ledger or of its dead letters.
    mutating func take(_ entry: LedgerEntry) {
        guard case .request(let record) = entry else {
            guard let mark = marks[entry.requestID.description] else {
                return problems.append("\(entry.id) corrects nothing that is there")
            }
            rows[mark]?.corrections += 1
            rows[mark]?.corrected += entry.costNanoUSD ?? 0
            return
        }
        let id = record.summary.requestID.description
        if records.updateValue(record, forKey: id) != nil { problems.append("\(id) has two rows") }
        let mark = record.endUser ?? record.callerRequestID ?? ""
        if mark.isEmpty || rows.updateValue(Row(record: record), forKey: mark) != nil {
            problems.append("the request \(mark) has two rows")
        }
        marks[id] = mark
        let isCharged = record.outcome == .expired || (record.usedModel != nil && record.summary.attempts > 0)
        let cost = isCharged ? ProviderCall.price(of: record.requestedModel).cost(of: record.summary.usage) : 0
        if record.summary.costNanoUSD != cost { problems.append("\(id) costs \(record.summary.costNanoUSD ?? 0), not \(cost)") }
    }

    /// Waits for what the stores may still bring.
    ///
    /// - Returns: answers without a row.
    mutating func missing(of completed: [Completed], patience: Duration) async throws -> [Completed] {
        let end = ContinuousClock.now + patience
        while true {
            try await readOn()
            let missing = completed.filter { records[$0.id] == nil }
            if missing.isEmpty || ContinuousClock.now >= end { return missing }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Each answer that a client saw complete has its row, which says the same.
    mutating func check(_ completed: [Completed], patience: Duration, isExcused: (Completed) -> Bool = { _ in false }) async throws {
        if Set(completed.map(\.id)).count != completed.count { problems.append("two answers have the same id") }
        for missing in try await missing(of: completed.filter { !isExcused($0) }, patience: patience) {
            problems.append("\(missing.id) was answered (\(missing.job.door.rawValue), \(missing.job.kind.rawValue)) and has no row")
        }
        for answer in completed {
            guard let record = records[answer.id] else { continue }
            if record.outcome != .answered { problems.append("\(answer.id) was answered, and its row says \(record.outcome.rawValue)") }
            if record.tenant != answer.tenant { problems.append("\(answer.id) is in the ledger of \(record.tenant)") }
            if let tokens = answer.job.outputTokens, record.summary.usage.output != tokens {
                problems.append("\(answer.id) had \(tokens) tokens, and its row says \(record.summary.usage.output)")
            }
        }
        problems += try await headProblems()
    }

    private func headProblems() async throws -> [String] {
        var problems: [String] = []
        for (tenant, check) in checks {
            guard let head = try await ledger.head(of: tenant) else { continue }
            // Rows may have come since.
            if head.sequence <= check.head.sequence, let fault = check.finish(head) { problems.append("\(fault)") }
        }
        return problems
    }

    mutating func add(_ problem: String) { problems.append(problem) }

    mutating func takeProblems() -> [String] {
        defer { problems.removeAll() }
        return problems
    }

    /// What the rows of these requests sum up to, in the provider's terms.
    func bill(of ids: some Sequence<String>) -> ProviderBill {
        var bill = ProviderBill()
        for id in ids {
            guard let record = records[id], record.summary.attempts > 0 else { continue }
            let usage = record.summary.usage
            bill.requests += record.summary.attempts
            bill.promptTokens += Int(usage.input + usage.cacheRead + usage.cacheWrite)
            bill.completionTokens += Int(usage.output + usage.reasoning)
        }
        return bill
    }
}

/// Statements of an operator.
struct PostgresStatements {
    private let driver: PostgresDriver

    init(url: String) throws {
        driver = try PostgresDriver(PostgresLocation(Secret(url)))
    }

    func run(_ sql: String) async throws {
        _ = try await driver.query(Statement(sql), timeout: .seconds(30))
        await driver.closeAndWait()
    }

    func texts(_ sql: String) async throws -> [String] {
        let result = try await driver.query(Statement(sql), timeout: .seconds(30))
        await driver.closeAndWait()
        return result.rows.compactMap { $0.cells.first ?? nil }
    }
}
