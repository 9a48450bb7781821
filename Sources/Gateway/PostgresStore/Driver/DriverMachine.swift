import DequeModule

/// What the driver decides, without I/O: which operation goes to which connection, when to connect, when to give up, what to try again.
///
/// ```
/// closed ──connect──▶ connecting ──connected──▶ idle ──begin──▶ busy
///    ▲                    │ failed, too late      │ lost  ◀──succeeded──┘ │ failed, too late, cancelled
///    └────────────────────┴───────────────────────┴───────────────────────┘
/// ```
///
/// Time is a duration since any fixed origin. Connections are made when there is something to do; after a failure the next attempt waits
/// a random time between zero and a bound that doubles ("full jitter"), and only one is under way until one succeeds.
struct DriverMachine {
    struct Settings: Sendable, Equatable {
        var connections = 2
        var connectTimeout: Duration = .seconds(10)
        /// The bound of the wait after the first failure; doubles with each.
        var backoffBase: Duration = .milliseconds(100)
        var backoffCap: Duration = .seconds(10)
        /// How often a repeatable operation is tried in all.
        var maxAttempts = 5
    }

    struct Ticket: Equatable {
        let id: UInt64
        let deadline: Duration
        /// Whether it does no harm when done twice.
        let isRepeatable: Bool
        var attempts = 0
        /// Waits until then before the next attempt.
        var notBefore: Duration = .zero
    }

    enum Slot: Equatable {
        case closed
        case connecting(deadline: Duration)
        case idle
        case busy(Ticket)
    }

    enum Action: Equatable {
        case connect(slot: Int)
        case disconnect(slot: Int)
        case begin(id: UInt64, slot: Int)
        case fail(id: UInt64, PostgresError)
    }

    private(set) var slots: [Slot]
    private(set) var queue: Deque<Ticket> = []
    private let settings: Settings
    private var connectFailures = 0
    private var connectNotBefore: Duration = .zero
    private var lastConnectError: PostgresError?

    init(_ settings: Settings) {
        self.settings = settings
        slots = Array(repeating: .closed, count: max(1, settings.connections))
    }

    mutating func submitted(_ ticket: Ticket, now: Duration) -> [Action] {
        queue.append(ticket)
        return schedule(now)
    }

    mutating func cancelled(id: UInt64, now: Duration) -> [Action] {
        if let index = queue.firstIndex(where: { $0.id == id }) {
            queue.remove(at: index)
            return [.fail(id: id, .cancelled)]
        }
        guard let slot = slot(busyWith: id) else { return [] }
        slots[slot] = .closed
        return [.disconnect(slot: slot), .fail(id: id, .cancelled)] + schedule(now)
    }

    mutating func connected(slot: Int, now: Duration) -> [Action] {
        guard case .connecting = slots[slot] else { return [] }
        slots[slot] = .idle
        connectFailures = 0
        connectNotBefore = .zero
        lastConnectError = nil
        return schedule(now)
    }

    /// An attempt to connect failed. If the server turned it away for what it asked, all that waits is told so; otherwise it waits on.
    mutating func connectFailed(
        slot: Int, _ error: PostgresError, now: Duration, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .connecting = slots[slot] else { return [] }
        slots[slot] = .closed
        connectNotBefore = now + backoff(afterFailures: connectFailures, using: &random)
        connectFailures += 1
        lastConnectError = error
        guard error.retry == .never else { return [.disconnect(slot: slot)] + schedule(now) }
        let waiting = queue
        queue.removeAll()
        return [.disconnect(slot: slot)] + waiting.map { .fail(id: $0.id, error) }
    }

    /// The operation of this connection gave its result.
    ///
    /// - Parameter isReusable: whether the connection is whole and in no transaction.
    mutating func succeeded(slot: Int, isReusable: Bool, now: Duration) -> [Action] {
        guard case .busy = slots[slot] else { return [] }
        slots[slot] = isReusable ? .idle : .closed
        return (isReusable ? [] : [.disconnect(slot: slot)]) + schedule(now)
    }

    /// The operation of this connection failed.
    mutating func failed(
        slot: Int, _ error: PostgresError, isReusable: Bool, now: Duration, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .busy(var ticket) = slots[slot] else { return [] }
        slots[slot] = isReusable ? .idle : .closed
        var actions: [Action] = isReusable ? [] : [.disconnect(slot: slot)]
        ticket.attempts += 1
        if ticket.isRepeatable, error.retry != .never, ticket.attempts < settings.maxAttempts {
            // A connection that was idle may have ended long ago: the first time, another is tried at once.
            let isStale = error.kind == .connectionLost && ticket.attempts == 1
            ticket.notBefore = isStale ? now : now + backoff(afterFailures: ticket.attempts - 1, using: &random)
            queue.prepend(ticket)
        } else {
            actions.append(.fail(id: ticket.id, error))
        }
        return actions + schedule(now)
    }

    /// A connection that had nothing to do has ended.
    mutating func lostIdle(slot: Int) -> [Action] {
        guard slots[slot] == .idle else { return [] }
        slots[slot] = .closed
        return [.disconnect(slot: slot)]
    }

    /// Gives up what is too late, and begins what may begin now.
    mutating func advanced(to now: Duration, using random: inout some RandomNumberGenerator) -> [Action] {
        var actions: [Action] = []
        for slot in slots.indices {
            switch slots[slot] {
            case .busy(let ticket) where ticket.deadline <= now:
                slots[slot] = .closed
                let error = PostgresError(.deadlineExceeded, retry: .ifRepeatable, detail: "no answer in time; the connection was dropped")
                actions += [.disconnect(slot: slot), .fail(id: ticket.id, error)]
            case .connecting(let deadline) where deadline <= now:
                let error = PostgresError(.unreachable, retry: .later, detail: "no connection within \(settings.connectTimeout)")
                actions += connectFailed(slot: slot, error, now: now, using: &random)
            default: break
            }
        }
        let late = queue.filter { $0.deadline <= now }
        if !late.isEmpty {
            queue.removeAll { $0.deadline <= now }
            actions += late.map { .fail(id: $0.id, reasonToGiveUp) }
        }
        return actions + schedule(now)
    }

    /// Ends everything.
    mutating func closed() -> [Action] {
        var actions = queue.map { Action.fail(id: $0.id, .closed) }
        queue.removeAll()
        for slot in slots.indices where slots[slot] != .closed {
            actions.append(.disconnect(slot: slot))
            if case .busy(let ticket) = slots[slot] { actions.append(.fail(id: ticket.id, .closed)) }
            slots[slot] = .closed
        }
        return actions
    }

    /// When `advanced(to:)` has something to do; `nil`: not until something else happens.
    var nextWakeUp: Duration? {
        var times = queue.map(\.deadline)
        for slot in slots {
            switch slot {
            case .busy(let ticket): times.append(ticket.deadline)
            case .connecting(let deadline): times.append(deadline)
            case .idle, .closed: break
            }
        }
        if slots.contains(.idle) {
            times += queue.map(\.notBefore)
        } else if slots.contains(.closed), !isProbing, queue.count > connectingCount {
            // As many as are being connected are provided for; the next in time asks for one more.
            times.append(max(queue.map(\.notBefore).sorted()[connectingCount], connectNotBefore))
        }
        return times.min()
    }

    private var isProbing: Bool {
        connectFailures > 0 && connectingCount > 0
    }

    private var connectingCount: Int {
        slots.count { if case .connecting = $0 { true } else { false } }
    }

    private var reasonToGiveUp: PostgresError {
        guard let lastConnectError else {
            return PostgresError(.deadlineExceeded, retry: .later, detail: "not sent in time: the connections were busy")
        }
        return PostgresError(.unreachable, retry: .later, detail: lastConnectError.detail)
    }

    private func slot(busyWith id: UInt64) -> Int? {
        slots.firstIndex { if case .busy(let ticket) = $0 { ticket.id == id } else { false } }
    }

    private func backoff(afterFailures failures: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let bound = min(settings.backoffCap, settings.backoffBase * (1 << min(failures, 20)))
        return bound * Double.random(in: 0...1, using: &random)
    }

    private mutating func schedule(_ now: Duration) -> [Action] {
        var actions: [Action] = []
        var unserved = 0
        var index = 0
        while index < queue.count {
            guard queue[index].notBefore <= now, queue[index].deadline > now else {
                index += 1
                continue
            }
            guard let slot = slots.firstIndex(of: .idle) else {
                unserved += queue[index...].count { $0.notBefore <= now && $0.deadline > now }
                break
            }
            let ticket = queue.remove(at: index)
            slots[slot] = .busy(ticket)
            actions.append(.begin(id: ticket.id, slot: slot))
        }
        while unserved > connectingCount, now >= connectNotBefore, !isProbing, let slot = slots.firstIndex(of: .closed) {
            slots[slot] = .connecting(deadline: now + settings.connectTimeout)
            actions.append(.connect(slot: slot))
        }
        return actions
    }
}
