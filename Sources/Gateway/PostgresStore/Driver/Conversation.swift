/// What is sent to the server at a time.
package enum Step: Sendable, Equatable {
    case statement(Statement)
    /// Statements of our own, parted by semicolons, in one go. Rows that they give are let go.
    case script(String)
    /// A `COPY … FROM STDIN` and what it takes in.
    case copy(String, [UInt8])

    var weight: Int {
        switch self {
        case .statement(let statement): statement.weight
        case .script(let sql): sql.utf8.count + 64
        case .copy(let sql, let bytes): sql.utf8.count + bytes.count + 64
        }
    }
}

package enum ConversationMove<Output: Sendable>: Sendable {
    case send(Step)
    case end(Result<Output, PostgresError>)
}

/// What is said to a server on one connection, step by step, for one result: pure, results in and steps out.
///
/// A value: when the connection is lost, or the whole must be done again, the driver starts over with a fresh copy.
package protocol Conversation<Output>: Sendable {
    associatedtype Output: Sendable

    /// - Parameter previous: what came of the step before; `nil` at the start. A lost connection is not told; it ends the conversation.
    mutating func next(after previous: Result<StatementResult, PostgresError>?) -> ConversationMove<Output>

    /// The memory it holds while it waits, in bytes.
    var weight: Int { get }
}

/// One statement.
package struct SingleStatement: Conversation {
    package let statement: Statement

    package init(_ statement: Statement) { self.statement = statement }

    package func next(after previous: Result<StatementResult, PostgresError>?) -> ConversationMove<StatementResult> {
        guard let previous else { return .send(.statement(statement)) }
        return .end(previous)
    }

    package var weight: Int { statement.weight }
}

/// Statements in one transaction: all of them, or none.
package struct Transaction: Conversation {
    package let statements: [Statement]
    private var results: [StatementResult] = []
    private var stage = Stage.beginning

    private enum Stage {
        case beginning
        case working
        case committing
        case rollingBack(PostgresError)
    }

    package init(_ statements: [Statement]) { self.statements = statements }

    package mutating func next(after previous: Result<StatementResult, PostgresError>?) -> ConversationMove<[StatementResult]> {
        guard let previous else { return .send(.script("BEGIN")) }
        switch (stage, previous) {
        case (.rollingBack(let error), _): return .end(.failure(error))
        case (.beginning, .failure(let error)), (.committing, .failure(let error)): return .end(.failure(error))
        case (.working, .failure(let error)):
            stage = .rollingBack(error)
            return .send(.script("ROLLBACK"))
        case (.committing, .success): return .end(.success(results))
        case (.beginning, .success): stage = .working
        case (.working, .success(let result)): results.append(result)
        }
        guard results.count < statements.count else {
            stage = .committing
            return .send(.script("COMMIT"))
        }
        return .send(.statement(statements[results.count]))
    }

    package var weight: Int { statements.reduce(64) { $0 + $1.weight } }
}
