/// Brings a batch of rows into a table: first all by COPY; if PostgreSQL refuses their values, as INSERT … ON CONFLICT DO NOTHING, halved
/// until what is refused is a single row, which goes to the dead letters.
///
/// Only errors that blame values (SQLSTATE classes 22, 23, 54) count against rows. A missing table, a full disk or a read-only server
/// fails the batch as a whole, and no row is taken for dead. Every step is a transaction of its own and does no harm when done twice, so a
/// batch is repeatable.
package struct BatchConversation: Conversation {
    /// Rows in COPY's text form, one after another.
    struct Rows: Sendable {
        var bytes: [UInt8] = []
        /// For each row, where it ends in `bytes`.
        var ends: [Int] = []
        var keys: [String] = []

        var count: Int { ends.count }

        func bytes(of row: Int) -> ArraySlice<UInt8> {
            bytes[(row == 0 ? 0 : ends[row - 1])..<ends[row]]
        }
    }

    struct DeadRow: Sendable {
        let key: String
        let bytes: [UInt8]
        let state: String
        let constraint: String?
    }

    private enum Stage: Equatable {
        case starting
        case copying
        case inserting(Range<Int>)
        case burying(count: Int)
    }

    private let table: String
    private let columns: [(name: String, type: String)]
    private let rows: Rows
    private var stage = Stage.starting
    /// What is still to be inserted, the next last.
    private var ranges: [Range<Int>] = []
    /// What is still to be buried.
    private var dead: [DeadRow]
    private var outcome = BatchOutcome()
    /// PostgreSQL takes 65,535 parameters.
    private static let maxParameters = 32_000

    init(table: String, columns: [(name: String, type: String)], rows: Rows, dead: [DeadRow]) {
        self.table = table
        self.columns = columns
        self.rows = rows
        self.dead = dead
    }

    package var weight: Int {
        dead.reduce(256 + rows.bytes.count + 64 * rows.count) { $0 + $1.bytes.count + 64 }
    }

    package mutating func next(after previous: Result<StatementResult, PostgresError>?) -> ConversationMove<BatchOutcome> {
        switch (stage, previous) {
        case (.starting, _), (_, nil):
            guard rows.count > 0 else { return proceed() }
            stage = .copying
            let names = columns.map(\.name).joined(separator: ", ")
            return .send(.copy("COPY \(table) (\(names)) FROM STDIN", rows.bytes))
        case (.copying, .success(let result)?):
            outcome.inserted += result.affectedRows
        case (.inserting(let range), .success(let result)?):
            outcome.inserted += result.affectedRows
            outcome.duplicates += range.count - result.affectedRows
        case (.burying(let count), .success?):
            outcome.deadLetters += count
            dead.removeLast(count)
        case (.copying, .failure(let error)?):
            guard error.sqlState?.blamesValues == true else { return .end(.failure(error)) }
            // A batch is copied again after a lost answer: then its rows are there, and this finds out which.
            split(0..<rows.count, into: max(1, rows.count * max(1, columns.count) / Self.maxParameters + 1))
        case (.inserting(let range), .failure(let error)?):
            guard let state = error.sqlState, state.blamesValues else { return .end(.failure(error)) }
            if range.count == 1 {
                let row = range.lowerBound
                dead.append(
                    DeadRow(key: rows.keys[row], bytes: Array(rows.bytes(of: row)), state: state.description, constraint: error.constraint))
            } else {
                split(range, into: 2)
            }
        case (.burying, .failure(let error)?): return .end(.failure(error))
        }
        return proceed()
    }

    private mutating func split(_ range: Range<Int>, into parts: Int) {
        let size = (range.count + parts - 1) / parts
        for start in stride(from: range.lowerBound, to: range.upperBound, by: size).reversed() {
            ranges.append(start..<min(start + size, range.upperBound))
        }
    }

    private mutating func proceed() -> ConversationMove<BatchOutcome> {
        if let range = ranges.popLast() {
            stage = .inserting(range)
            return .send(.statement(insertion(of: range)))
        }
        if !dead.isEmpty {
            let count = min(dead.count, 1_000)
            stage = .burying(count: count)
            return .send(.statement(burial(of: dead.suffix(count))))
        }
        return .end(.success(outcome))
    }

    private func insertion(of range: Range<Int>) -> Statement {
        var parameters: [SQLValue] = []
        let tuples = range.map { row -> String in
            let cells = CopyText.cells(of: rows.bytes(of: row).dropLast()) ?? []
            let places = columns.indices.map { column -> String in
                parameters.append(SQLValue(cells.indices.contains(column) ? cells[column] : nil))
                return "$\(parameters.count)::\(columns[column].type)"
            }
            return "(" + places.joined(separator: ",") + ")"
        }
        let names = columns.map(\.name).joined(separator: ", ")
        return Statement("INSERT INTO \(table) (\(names)) VALUES \(tuples.joined(separator: ",")) ON CONFLICT DO NOTHING", parameters)
    }

    private func burial(of letters: some Sequence<DeadRow>) -> Statement {
        var parameters = [SQLValue(table)]
        let tuples = letters.map { letter -> String in
            let key = String(decoding: letter.key.utf8.map { $0 == 0 ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
            parameters += [SQLValue(key), .bytes(letter.bytes), SQLValue(letter.state), SQLValue(letter.constraint)]
            let last = parameters.count
            return "($1,$\(last - 3),$\(last - 2)::bytea,$\(last - 1),$\(last))"
        }
        return Statement(
            """
            INSERT INTO agentshield.dead_letters (source_table, row_key, row_text, sql_state, constraint_name)
            VALUES \(tuples.joined(separator: ",")) ON CONFLICT DO NOTHING
            """, parameters)
    }
}
