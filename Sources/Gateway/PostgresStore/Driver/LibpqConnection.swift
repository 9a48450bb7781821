internal import COpenSSL
internal import CPQ

/// One connection of libpq, never waited for: each call does what the socket allows now and says what to wait for.
///
/// Lives on the driver's thread.
final class LibpqConnection {
    enum Progress {
        case pending
        case connected
        case connectFailed(PostgresError)
        /// The step under way has come to its end; the connection may go on.
        case stepEnded(Result<StatementResult, PostgresError>)
        case lost(PostgresError)
    }

    private enum Stage {
        case connecting(PostgresPollingStatusType)
        case idle
        case running(StepProgress)
    }

    private let connection: OpaquePointer
    private var stage = Stage.connecting(PGRES_POLLING_WRITING)
    private var isFlushed = true
    /// Handed to libpq at a time, so that its buffer stays small.
    private static let copyChunk = 64 << 10

    /// Begins to connect. `nil` when no host has an address, or memory is out.
    init?(_ location: PostgresLocation, addresses: [String: [String]]) {
        guard let connection = location.startConnecting(addresses) else { return nil }
        self.connection = connection
        // Notices would go to standard error.
        PQsetNoticeReceiver(connection, { _, _ in }, nil)
        // So that a refusal to connect names its SQLSTATE, which libpq gives in no other way.
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
    }

    deinit {
        PQfinish(connection)
    }

    /// Changes while connecting, when a name has several addresses.
    var socket: Int32 { PQsocket(connection) }

    var waitsToWrite: Bool {
        switch stage {
        case .connecting(let status): status == PGRES_POLLING_WRITING
        case .idle, .running: !isFlushed
        }
    }

    var waitsToRead: Bool {
        switch stage {
        case .connecting(let status): status == PGRES_POLLING_READING
        case .idle, .running: true
        }
    }

    /// Whether it is whole and in no transaction, so that another operation may use it.
    var isReusable: Bool {
        guard case .idle = stage else { return false }
        return PQstatus(connection) == CONNECTION_OK && PQtransactionStatus(connection) == PQTRANS_IDLE
    }

    /// Sends a step. At most one is under way.
    func send(_ step: Step) -> Progress {
        if case .statement(let statement) = step, let fault = statement.fault { return .stepEnded(.failure(fault)) }
        let isSent: Bool
        switch step {
        case .statement(let statement):
            isSent = withCStrings(statement.parameters.map(\.text)) { values in
                PQsendQueryParams(connection, statement.sql, Int32(values.count), nil, values, nil, nil, 0) == 1
            }
        case .script(let sql), .copy(let sql, _): isSent = PQsendQuery(connection, sql) == 1
        }
        guard isSent, PQsetSingleRowMode(connection) == 1 else { return .lost(.connectionLost("the connection takes no statement")) }
        stage = .running(StepProgress(step))
        return advance(readable: false)
    }

    /// Does what can be done, after the socket became ready or a step was sent.
    func advance(readable: Bool) -> Progress {
        switch stage {
        case .connecting: return advanceConnecting()
        case .idle: return consumeInput() ? .pending : .lost(.connectionLost())
        case .running(var progress):
            if readable, !consumeInput() { return .lost(.connectionLost()) }
            let outcome = advance(&progress)
            if case .pending = outcome { stage = .running(progress) }
            return outcome
        }
    }

    private func advanceConnecting() -> Progress {
        let status = PQconnectPoll(connection)
        switch status {
        case PGRES_POLLING_OK:
            guard PQsetnonblocking(connection, 1) == 0 else { return .connectFailed(.connectionLost()) }
            stage = .idle
            return .connected
        case PGRES_POLLING_FAILED:
            return .connectFailed(ConnectFailureText.error(String(cString: PQerrorMessage(connection))))
        default:
            stage = .connecting(status)
            return .pending
        }
    }

    /// Reads what has come. What TLS has taken from the socket and not yet handed over makes no socket readable, so it is asked for too.
    private func consumeInput() -> Bool {
        repeat {
            guard PQconsumeInput(connection) == 1 else { return false }
        } while PQsslStruct(connection, "OpenSSL").map { SSL_pending(OpaquePointer($0)) > 0 } ?? false
        return true
    }

    private func flush() -> Bool {
        let status = PQflush(connection)
        isFlushed = status == 0
        return status >= 0
    }

    private func advance(_ progress: inout StepProgress) -> Progress {
        guard flush() else { return .lost(.connectionLost()) }
        while true {
            if progress.isCopying {
                guard isFlushed else { return .pending }
                guard sendCopyData(&progress) else { return .lost(.connectionLost()) }
                if progress.isCopying { return .pending }
            }
            guard PQisBusy(connection) == 0 else { return .pending }
            guard let result = PQgetResult(connection) else { return end(progress) }
            defer { PQclear(result) }
            progress.received(result)
            if progress.isBeyondLimits {
                return .lost(PostgresError(.resultTooLarge, retry: .never, detail: "the connection was dropped"))
            }
        }
    }

    /// All results are there, or the connection broke off.
    private func end(_ progress: StepProgress) -> Progress {
        guard PQstatus(connection) == CONNECTION_OK else {
            // The server says why it ends a connection, such as at its own shutdown, in an error before it does.
            let said = progress.error?.sqlState.map { "the server ended it with SQLSTATE \($0)" }
            return .lost(.connectionLost(said ?? "the connection ended"))
        }
        stage = .idle
        return .stepEnded(progress.outcome)
    }

    /// Hands over chunks until the socket takes no more, then the end.
    private func sendCopyData(_ progress: inout StepProgress) -> Bool {
        while let chunk = progress.nextCopyChunk(Self.copyChunk) {
            let status = chunk.withUnsafeBytes { bytes in
                PQputCopyData(connection, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
            }
            guard status >= 0 else { return false }
            if status == 1 { progress.copied(chunk.count) }
            guard flush() else { return false }
            guard isFlushed, status == 1 else { return true }
        }
        let status = PQputCopyEnd(connection, nil)
        if status == 1 { progress.isCopying = false }
        return status >= 0 && flush()
    }
}

/// What came so far of the step under way.
struct StepProgress {
    private(set) var error: PostgresError?
    var isCopying = false
    private var result = StatementResult()
    private var resultBytes = 0
    private let step: Step
    private var copyOffset = 0

    init(_ step: Step) { self.step = step }

    var outcome: Result<StatementResult, PostgresError> {
        error.map { .failure($0) } ?? .success(result)
    }

    var isBeyondLimits: Bool {
        guard case .statement(let statement) = step else { return false }
        return result.rows.count > statement.maxRows || resultBytes > statement.maxResultBytes
    }

    func nextCopyChunk(_ maxCount: Int) -> ArraySlice<UInt8>? {
        guard case .copy(_, let bytes) = step, copyOffset < bytes.count else { return nil }
        return bytes[copyOffset..<min(copyOffset + maxCount, bytes.count)]
    }

    mutating func copied(_ count: Int) { copyOffset += count }

    mutating func received(_ result: OpaquePointer) {
        switch PQresultStatus(result) {
        case PGRES_SINGLE_TUPLE: addRow(result)
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
            self.result.columns = (0..<PQnfields(result)).map { String(cString: PQfname(result, $0)) }
            self.result.affectedRows = Int(String(cString: PQcmdTuples(result))) ?? 0
        case PGRES_COPY_IN: isCopying = true
        case PGRES_EMPTY_QUERY: break
        default: error = error ?? Self.error(of: result)
        }
    }

    private mutating func addRow(_ result: OpaquePointer) {
        guard case .statement = step else { return }
        let cells = (0..<PQnfields(result)).map { column -> String? in
            guard PQgetisnull(result, 0, column) == 0 else { return nil }
            resultBytes += Int(PQgetlength(result, 0, column))
            return String(cString: PQgetvalue(result, 0, column))
        }
        self.result.rows.append(Row(cells))
    }

    /// Of all that the server says only names, which are the schema's, and its code.
    private static func error(of result: OpaquePointer) -> PostgresError {
        func field(_ code: Int32) -> String? { PQresultErrorField(result, code).map { String(cString: $0) } }
        // PG_DIAG_SQLSTATE, PG_DIAG_CONSTRAINT_NAME, PG_DIAG_MESSAGE_PRIMARY: macros of characters, which Swift does not see.
        guard let state = field(Int32(UInt8(ascii: "C"))).flatMap({ SQLState($0) }) else {
            return .connectionLost("the statement ended without an answer")
        }
        return PostgresError(
            .refused(state), retry: state.retry, constraint: field(Int32(UInt8(ascii: "n"))), serverMessage: field(Int32(UInt8(ascii: "M")))
        )
    }
}

/// What libpq says of a failed connection: a line for each address it tried, and in each the server's SQLSTATE if a server answered.
enum ConnectFailureText {
    static func error(_ text: String) -> PostgresError {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") && !$0.hasPrefix("DETAIL:") }
        let detail = lines.prefix(4).joined(separator: "; ").prefix(500)
        guard let state = lines.lazy.compactMap(state(in:)).last else {
            return PostgresError(.unreachable, retry: .later, detail: String(detail))
        }
        let retry = state.refusesConnection ? .never : RetryDecision.later
        return PostgresError(.refused(state), retry: retry, detail: String(detail))
    }

    /// In `… failed: FATAL:  28P01: password authentication failed`, whose severity is in the server's language, the code.
    private static func state(in line: Substring) -> SQLState? {
        line.split(separator: ":").dropFirst().lazy.compactMap { part in
            part.hasPrefix("  ") ? SQLState(part.dropFirst(2)) : nil
        }.first
    }
}
