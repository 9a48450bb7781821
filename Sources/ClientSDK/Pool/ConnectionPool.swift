import DequeModule
import NIOCore

/// Decides which connections there are, which call goes where, and what is tried again: events in, actions out, with the time and
/// the random numbers as parameters.
///
/// What is retried, always with the idempotency key of the first attempt: requests that a leaving gateway refused, those whose
/// connection was lost before the answer began, and those that failed with a retryable error before it did. After BEGIN a repeated
/// request would be a new answer, paid for again; one that is resumable is gone on with instead, where its connection was lost.
struct ConnectionPool {
    struct Settings: Equatable, Sendable {
        var addressCount = 1
        var maxConnections = 2
        /// Calls on the least busy connection from which on another one is made.
        var spreadThreshold = 32
        var maxPendingCalls = 1024
        /// Attempts of one call, the first included.
        var maxAttempts = 3
        /// Refusals of one call, which are no failures.
        var maxMoves = 8
        /// Connections that may fail, with none open, before the calls that wait for them do.
        var maxConnectAttempts = 6
        /// A gateway that wants more patience has its error told to the caller.
        var maxRetryDelay: TimeAmount = .seconds(30)
        /// How long a gateway keeps an answer whose connection was lost.
        var resumeTimeout: TimeAmount = .seconds(15)
        /// Losses of one call.
        var maxLosses = 32
        /// Gateways that do not know an answer before it is given up: one may not have noticed yet that its connection is lost.
        var maxUnknown = 3
        var retryBackoff = Backoff(base: .milliseconds(100), cap: .seconds(5))
        var connectBackoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
    }

    struct Call {
        enum Place: Equatable {
            case pending
            case waiting(until: NIODeadline)
            case sent(ConnectionID)
        }

        enum Progress {
            case none
            case begun
            case delivered
        }

        let deadline: NIODeadline
        var isResumable = false
        var place = Place.pending
        var progress = Progress.none
        var attempts = 1
        var moves = 0
        var failedConnects = 0
        /// Connections that were lost, of a call that can be resumed: no attempts that failed.
        var losses = 0
        /// Gateways in a row that did not know the answer.
        var unknown = 0
        /// How often another reader had the answer in its place.
        var displacements = 0
        /// Since the last of them it has not begun again; why, and until when that may be tried.
        var loss: (error: AgentShieldError, until: NIODeadline)?
    }

    struct Connection {
        enum State {
            case connecting
            case open
            /// GOAWAY was sent or received.
            case leaving
        }

        let address: Int
        var state = State.connecting
        var calls = 0
        /// The gateway allows no more streams for now.
        var isFull = false
        var isWelcomed = false
        /// It has begun to answer a request.
        var isProven = false
        /// A failure of it was counted.
        var isBlamed = false
    }

    struct Address {
        var failures = 0
        var notBefore: NIODeadline = .uptimeNanoseconds(0)
    }

    let settings: Settings
    var calls: [CallID: Call] = [:]
    var pending = Deque<CallID>()
    var connections: [ConnectionID: Connection] = [:]
    var addresses: [Address]
    var actions = Deque<PoolAction>()
    private var nextAddress = 0
    private var nextConnection: UInt64 = 1
    /// When a connection may be tried again, while calls wait for one.
    private var connectAt: NIODeadline?
    /// No later than the next time at which something is due; exact when it was just reached.
    private var callsDueAt: NIODeadline = .distantFuture
    private var shutdownDeadline: NIODeadline?
    private var isFinished = false

    init(settings: Settings, random: inout some RandomNumberGenerator) {
        self.settings = settings
        addresses = Array(repeating: Address(), count: max(1, settings.addressCount))
        nextAddress = Int.random(in: 0..<addresses.count, using: &random)
    }

    /// When ``PoolEvent/timerFired`` is to be told. It may be told earlier, and more often.
    var nextDeadline: NIODeadline? {
        let next = min(callsDueAt, connectAt ?? .distantFuture, shutdownDeadline ?? .distantFuture)
        return next == .distantFuture ? nil : next
    }

    mutating func nextAction() -> PoolAction? {
        actions.popFirst()
    }

    mutating func handle(_ event: PoolEvent, now: NIODeadline, random: inout some RandomNumberGenerator) {
        switch event {
        case .callStarted(let id, let deadline, let isResumable): start(id, deadline, isResumable)
        case .callAbandoned(let id): abandon(id)
        case .callBlocked(let id): block(id)
        case .callBegun(let id): advance(id, to: .begun)
        case .callDelivered(let id): advance(id, to: .delivered)
        case .callEnded(let id): remove(id)
        case .callRefused(let id): refuse(id, now, &random)
        case .callFailed(let id, let failure): fail(id, failure, now, &random)
        case .connectionEstablished(let id): establish(id)
        case .connectionWelcomed(let id): welcome(id)
        case .connectionHasRoom(let id): connections[id]?.isFull = false
        case .connectionLeaving(let id): if connections[id]?.state == .open { connections[id]?.state = .leaving }
        case .connectionEnded(let id, let failure): end(id, failure, now, &random)
        case .timerFired: fireTimer(now)
        case .shutdownStarted(let deadline): shutdownDeadline = min(shutdownDeadline ?? deadline, deadline)
        }
        dispatch(now)
        finishIfShutDown(now)
    }
}

// MARK: - Calls

extension ConnectionPool {
    private mutating func start(_ id: CallID, _ deadline: NIODeadline, _ isResumable: Bool) {
        guard shutdownDeadline == nil else {
            return actions.append(.fail(id, AgentShieldError(.clientShutDown, "the client was shut down")))
        }
        guard pending.count < settings.maxPendingCalls else {
            let message = "\(settings.maxPendingCalls) calls already wait for a connection"
            return actions.append(.fail(id, AgentShieldError(.tooManyPending, message, isRetryable: true)))
        }
        calls[id] = Call(deadline: deadline, isResumable: isResumable)
        pending.append(id)
        callsDueAt = min(callsDueAt, deadline)
    }

    private mutating func abandon(_ id: CallID) {
        if case .sent(let connection) = calls[id]?.place { actions.append(.cancel(id, on: connection, isOverdue: false)) }
        remove(id)
    }

    private mutating func block(_ id: CallID) {
        guard case .sent(let connection) = calls[id]?.place else { return }
        connections[connection]?.isFull = true
        unplace(id)
        calls[id]?.place = .pending
        pending.prepend(id)
    }

    private mutating func advance(_ id: CallID, to progress: Call.Progress) {
        calls[id]?.progress = progress
        calls[id]?.loss = nil
        calls[id]?.unknown = 0
        guard case .sent(let connection) = calls[id]?.place, let address = connections[connection]?.address else { return }
        connections[connection]?.isProven = true
        addresses[address].failures = 0
    }

    private mutating func refuse(_ id: CallID, _ now: NIODeadline, _ random: inout some RandomNumberGenerator) {
        guard let call = calls[id], case .sent(let connection) = call.place else { return }
        // A gateway that takes nothing at all is not asked again at once.
        if connections[connection]?.isProven == false { blame(connection, now, &random) }
        guard call.moves < settings.maxMoves else {
            return end(id, with: AgentShieldError(.draining, "every gateway goes away", isRetryable: true))
        }
        calls[id]?.moves += 1
        requeue(id)
    }

    private mutating func fail(_ id: CallID, _ failure: CallFailure, _ now: NIODeadline, _ random: inout some RandomNumberGenerator) {
        guard let call = calls[id] else { return }
        if let loss = call.loss { return resume(id, after: failure, until: loss.until, now, &random) }
        if isDisplacedByItself(call, failure) {
            calls[id]?.displacements += 1
            let until = now + settings.resumeTimeout
            calls[id]?.loss = (AgentShieldError(.streamBroken, "the rest of the answer is lost", isRetryable: true), until)
            return resume(id, after: failure, until: until, now, &random)
        }
        guard failure.retry != .never, call.progress == .none, call.attempts - call.losses < settings.maxAttempts, shutdownDeadline == nil
        else { return end(id, with: failure.error) }
        var delay = TimeAmount.nanoseconds(0)
        if failure.retry == .later {
            delay = failure.error.retryAfter.map(TimeAmount.init) ?? settings.retryBackoff.delay(attempt: call.attempts, random: &random)
        }
        guard delay <= settings.maxRetryDelay, now + delay < call.deadline else { return end(id, with: failure.error) }
        calls[id]?.attempts += 1
        guard delay > .nanoseconds(0) else { return requeue(id) }
        unplace(id)
        calls[id]?.place = .waiting(until: now + delay)
        callsDueAt = min(callsDueAt, now + delay)
    }

    /// A gateway may read what was sent on a connection that is lost later than what was sent on the next one, and take the older question for the newer. Each
    /// loss can have left one; whatever is more is another reader, whose answer it is.
    private func isDisplacedByItself(_ call: Call, _ failure: CallFailure) -> Bool {
        failure.error.code == .resumeUnavailable && call.isResumable && call.progress != .none && call.displacements < call.losses
    }

    private mutating func requeue(_ id: CallID) {
        unplace(id)
        calls[id]?.place = .pending
        if calls[id]?.loss == nil { calls[id]?.progress = .none }
        pending.append(id)
    }

    private mutating func end(_ id: CallID, with error: AgentShieldError) {
        let error = calls[id]?.loss?.error ?? error
        remove(id)
        actions.append(.fail(id, error))
    }

    /// The connection of a call was lost.
    private mutating func lose(_ id: CallID, _ failure: CallFailure, _ now: NIODeadline, _ random: inout some RandomNumberGenerator) {
        guard let call = calls[id], call.isResumable, call.losses < settings.maxLosses else { return fail(id, failure, now, &random) }
        calls[id]?.losses += 1
        guard call.progress != .none else { return fail(id, failure, now, &random) }
        let until = call.loss?.until ?? now + settings.resumeTimeout
        if call.loss == nil { calls[id]?.loss = (failure.error, until) }
        resume(id, after: failure, until: until, now, &random)
    }

    /// Asks for the rest of an answer, as long as a gateway may have it.
    private mutating func resume(
        _ id: CallID, after failure: CallFailure, until: NIODeadline, _ now: NIODeadline, _ random: inout some RandomNumberGenerator
    ) {
        if failure.error.code == .resumeUnavailable { calls[id]?.unknown += 1 }
        guard let call = calls[id] else { return }
        let isUnknown = failure.error.code == .resumeUnavailable && call.unknown < settings.maxUnknown
        guard failure.retry != .never || isUnknown, shutdownDeadline == nil else { return end(id, with: failure.error) }
        calls[id]?.attempts += 1
        let delay = settings.retryBackoff.delay(attempt: max(1, call.losses), random: &random)
        guard now + delay < min(until, call.deadline) else { return end(id, with: failure.error) }
        callsDueAt = min(callsDueAt, until)
        guard delay > .nanoseconds(0) else { return requeue(id) }
        unplace(id)
        calls[id]?.place = .waiting(until: now + delay)
        callsDueAt = min(callsDueAt, now + delay)
    }

    private mutating func remove(_ id: CallID) {
        unplace(id)
        calls.removeValue(forKey: id)
    }

    /// Takes the call from where it is.
    private mutating func unplace(_ id: CallID) {
        switch calls[id]?.place {
        case .pending: pending.removeAll { $0 == id }
        case .sent(let connection): connections[connection]?.calls -= 1
        case .waiting, nil: break
        }
    }
}

// MARK: - Connections

extension ConnectionPool {
    private mutating func establish(_ id: ConnectionID) {
        guard connections[id]?.state == .connecting else { return }
        connections[id]?.state = .open
    }

    private mutating func welcome(_ id: ConnectionID) {
        connections[id]?.isWelcomed = true
        for call in pending { calls[call]?.failedConnects = 0 }
    }

    private mutating func blame(_ id: ConnectionID, _ now: NIODeadline, _ random: inout some RandomNumberGenerator) {
        guard let connection = connections[id], !connection.isBlamed else { return }
        connections[id]?.isBlamed = true
        addresses[connection.address].failures += 1
        addresses[connection.address].notBefore =
            now + settings.connectBackoff.delay(attempt: addresses[connection.address].failures, random: &random)
    }

    private mutating func end(
        _ id: ConnectionID, _ failure: CallFailure, _ now: NIODeadline, _ random: inout some RandomNumberGenerator
    ) {
        guard let connection = connections[id] else { return }
        if !connection.isWelcomed { blame(id, now, &random) }
        for (call, state) in calls.sorted(by: { $0.key < $1.key }) where state.place == .sent(id) {
            lose(call, failure, now, &random)
        }
        connections.removeValue(forKey: id)
        if connection.state == .connecting, !connections.values.contains(where: { $0.state == .open }) {
            countFailedConnect(failure)
        }
    }

    private mutating func countFailedConnect(_ failure: CallFailure) {
        for id in pending {
            calls[id]?.failedConnects += 1
            guard let call = calls[id] else { continue }
            // What is resumed has a time of its own.
            let isPatient = call.loss != nil || call.failedConnects < settings.maxConnectAttempts
            if failure.retry == .never || !isPatient { end(id, with: failure.error) }
        }
    }

    /// Sends what waits, on the least busy connections, and has more of them made where that is called for.
    private mutating func dispatch(_ now: NIODeadline) {
        while let id = pending.first, let connection = leastBusyConnection {
            pending.removeFirst()
            calls[id]?.place = .sent(connection)
            connections[connection]?.calls += 1
            actions.append(.send(id, on: connection))
        }
        connectAt = nil
        guard wantsConnection else { return }
        connect(now)
    }

    private var leastBusyConnection: ConnectionID? {
        var best: (id: ConnectionID, calls: Int)?
        for (id, connection) in connections where connection.state == .open && !connection.isFull {
            if let best, (best.calls, best.id) < (connection.calls, id) { continue }
            best = (id, connection.calls)
        }
        return best?.id
    }

    private var wantsConnection: Bool {
        let current = connections.values.filter { $0.state != .leaving }
        guard current.count < settings.maxConnections, !current.contains(where: { $0.state == .connecting }) else { return false }
        if !pending.isEmpty { return true }
        guard let least = current.map(\.calls).min() else { return false }
        return least >= settings.spreadThreshold
    }

    private mutating func connect(_ now: NIODeadline) {
        let order = (0..<addresses.count).map { (nextAddress + $0) % addresses.count }
        guard let address = order.first(where: { addresses[$0].notBefore <= now }) else {
            connectAt = addresses.map(\.notBefore).min()
            return
        }
        nextAddress = (address + 1) % addresses.count
        let id = ConnectionID(rawValue: nextConnection)
        nextConnection += 1
        connections[id] = Connection(address: address)
        actions.append(.connect(id, address: address))
    }
}

// MARK: - Time

extension ConnectionPool {
    private mutating func fireTimer(_ now: NIODeadline) {
        guard now >= callsDueAt else { return }
        callsDueAt = .distantFuture
        for (id, call) in calls.sorted(by: { $0.key < $1.key }) {
            if now >= call.deadline {
                if case .sent(let connection) = call.place { actions.append(.cancel(id, on: connection, isOverdue: true)) }
                end(id, with: AgentShieldError(.deadlineExceeded, "the call's deadline passed"))
                continue
            }
            if let loss = call.loss {
                if now >= loss.until {
                    if case .sent(let connection) = call.place { actions.append(.cancel(id, on: connection, isOverdue: true)) }
                    end(id, with: loss.error)
                    continue
                }
                callsDueAt = min(callsDueAt, loss.until)
            }
            callsDueAt = min(callsDueAt, call.deadline)
            guard case .waiting(let until) = call.place else { continue }
            if now >= until { requeue(id) } else { callsDueAt = min(callsDueAt, until) }
        }
    }

    private mutating func finishIfShutDown(_ now: NIODeadline) {
        guard let deadline = shutdownDeadline, !isFinished else { return }
        if now >= deadline {
            for (id, call) in calls.sorted(by: { $0.key < $1.key }) {
                if case .sent(let connection) = call.place { actions.append(.cancel(id, on: connection, isOverdue: false)) }
                end(id, with: AgentShieldError(.clientShutDown, "the client was shut down"))
            }
        }
        guard calls.isEmpty else { return }
        // The deadline has done its work.
        shutdownDeadline = .distantFuture
        for (id, connection) in connections.sorted(by: { $0.key < $1.key }) where connection.state != .leaving {
            connections[id]?.state = .leaving
            actions.append(.leave(id))
        }
        guard connections.isEmpty else { return }
        isFinished = true
        actions.append(.finish)
    }
}
