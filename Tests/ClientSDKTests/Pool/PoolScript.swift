import NIOCore
import SeededRandomness

@testable import AgentShield

/// A pool, a clock and a source of random numbers: a test tells what happens and sees what the pool wants.
struct PoolScript {
    var pool: ConnectionPool
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var random = SeededRandom(seed: 1)

    init(_ adjust: (inout ConnectionPool.Settings) -> Void = { _ in }) {
        var settings = ConnectionPool.Settings()
        settings.maxConnections = 1
        adjust(&settings)
        pool = ConnectionPool(settings: settings, random: &random)
    }

    mutating func tell(_ events: PoolEvent...) -> [PoolAction] {
        for event in events { pool.handle(event, now: now, random: &random) }
        var actions: [PoolAction] = []
        while let action = pool.nextAction() { actions.append(action) }
        return actions
    }

    /// Lets time pass up to the pool's next deadline, and fires its timer.
    mutating func reachDeadline() -> [PoolAction] {
        guard let deadline = pool.nextDeadline else { return [] }
        now = max(now, deadline)
        return tell(.timerFired)
    }

    mutating func start(_ call: CallID, within time: TimeAmount = .seconds(60)) -> [PoolAction] {
        tell(.callStarted(call, deadline: now + time))
    }

    /// Brings a first connection up with a call on it.
    mutating func sendFirstCall() {
        _ = start(.one)
        _ = tell(.connectionEstablished(.first), .connectionWelcomed(.first))
    }
}

extension CallID {
    static let one = CallID(rawValue: 1)
    static let two = CallID(rawValue: 2)
    static let three = CallID(rawValue: 3)
}

extension ConnectionID {
    static let first = ConnectionID(rawValue: 1)
    static let second = ConnectionID(rawValue: 2)
    static let third = ConnectionID(rawValue: 3)
}

extension CallFailure {
    static let lost = CallFailure(error: AgentShieldError(.connectionLost, "lost", isRetryable: true), retry: .later)
    static let overloaded = CallFailure(error: AgentShieldError(.overloaded, "busy", isRetryable: true), retry: .later)
    static let invalid = CallFailure(error: AgentShieldError(.invalidRequest, "bad"), retry: .never)
}

extension [PoolAction] {
    var failures: [AgentShieldError.Code] {
        compactMap { if case .fail(_, let error) = $0 { error.code } else { nil } }
    }
}
