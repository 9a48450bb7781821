internal import COpenSSL
import Synchronization

/// PostgreSQL for the control plane and the ledger: a few connections that one thread drives.
///
/// Nothing here blocks a caller. What has no place is answered with `queueFull` at once; everything else is answered by its deadline, also
/// when the server is stopped, gone or silent. No statement is prepared and no session setting is relied on, so that a pooler in
/// transaction mode may stand between.
package final class PostgresDriver: Sendable {
    package struct Settings: Sendable {
        /// 1 to 16.
        package var connections = 2
        /// Waiting and running; what is beyond is answered with `queueFull`.
        package var maxOperations = 1_024
        /// Bytes of statements and rows to copy, waiting and running.
        package var maxWaitingBytes = 64 << 20
        package var connectTimeout: Duration = .seconds(10)

        package init() {}
    }

    package let location: PostgresLocation
    private let mailbox: Mailbox
    private let nextID = Atomic<UInt64>(1)
    private let threadEnd = ThreadEnd()

    /// Connects when there is something to do, not before.
    ///
    /// - Throws: `.unreachable` when the system gives no thread or no descriptor.
    package convenience init(_ location: PostgresLocation, settings: Settings = Settings()) throws(PostgresError) {
        try self.init(location, settings: settings, lookUp: SystemNames.addresses)
    }

    init(_ location: PostgresLocation, settings: Settings, lookUp: @escaping NameLookUp) throws(PostgresError) {
        self.location = location
        let mailbox = try Mailbox(Admission(maxOperations: max(1, settings.maxOperations), maxWeight: settings.maxWaitingBytes))
        self.mailbox = mailbox
        var machine = DriverMachine.Settings()
        machine.connections = min(max(1, settings.connections), 16)
        machine.connectTimeout = settings.connectTimeout
        let machineSettings = machine
        let isStarted = DetachedThread.start { [threadEnd] in
            DriverThread(location: location, settings: machineSettings, mailbox: mailbox, lookUp: lookUp).run()
            // What libcrypto keeps for the thread goes now, not while the process may be ending.
            OPENSSL_thread_stop()
            threadEnd.tell()
        }
        guard isStarted else { throw PostgresError(.unreachable, retry: .later, detail: "the system gives no thread") }
    }

    deinit {
        mailbox.end()
    }

    /// Ends the thread and its connections. What is not done is answered with `closed`.
    package func close() {
        mailbox.end()
    }

    /// The same, and waits until the thread is done: a process that ends while it frees connections may crash in libcrypto's own clean-up.
    package func closeAndWait() async {
        close()
        await threadEnd.wait()
    }

    /// Holds a conversation and calls back, once.
    ///
    /// - Parameters:
    ///   - timeout: for all of it, with waiting, connecting and repeating.
    ///   - isRepeatable: whether it does no harm when done twice: then the driver repeats it where that may help.
    ///   - completion: called on the driver's thread, or on the caller's when it is not admitted. It must not wait.
    /// - Returns: what `cancel` takes.
    @discardableResult
    package func submit<C: Conversation>(
        _ conversation: C, timeout: Duration, isRepeatable: Bool = false,
        completion: @escaping @Sendable (Result<C.Output, PostgresError>) -> Void
    ) -> UInt64 {
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        submit(conversation, id: id, timeout: timeout, isRepeatable: isRepeatable, completion: completion)
        return id
    }

    /// Gives an operation up. If it has been sent, its connection is dropped, and what it did may have had its effect.
    package func cancel(_ id: UInt64) {
        mailbox.cancel(id: id)
    }

    /// Holds a conversation. Cancelling the task cancels it.
    package func run<C: Conversation>(_ conversation: C, timeout: Duration, isRepeatable: Bool = false) async throws(PostgresError)
        -> C.Output
    {
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        let result: Result<C.Output, PostgresError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: .failure(.cancelled)) }
                submit(conversation, id: id, timeout: timeout, isRepeatable: isRepeatable) { continuation.resume(returning: $0) }
                // The cancellation may have come before there was anything to cancel.
                if Task.isCancelled { mailbox.cancel(id: id) }
            }
        } onCancel: {
            mailbox.cancel(id: id)
        }
        return try result.get()
    }

    /// Runs one statement.
    package func query(_ statement: Statement, timeout: Duration, isRepeatable: Bool = false) async throws(PostgresError) -> StatementResult
    {
        try await run(SingleStatement(statement), timeout: timeout, isRepeatable: isRepeatable)
    }

    private func submit<C: Conversation>(
        _ conversation: C, id: UInt64, timeout: Duration, isRepeatable: Bool,
        completion: @escaping @Sendable (Result<C.Output, PostgresError>) -> Void
    ) {
        let operation = Operation(id: id, conversation, timeout: timeout, isRepeatable: isRepeatable, completion: completion)
        if let refusal = mailbox.submit(operation) { operation.complete(refusal) }
    }
}

/// Tells those who wait for a thread that it is done.
private final class ThreadEnd: Sendable {
    private let state = Mutex((isOver: false, waiters: [CheckedContinuation<Void, Never>]()))

    func tell() {
        let waiters = state.withLock { state in
            state.isOver = true
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiters.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
    }
}
