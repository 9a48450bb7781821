import NIOCore
import SeededRandomness
import Testing

@testable import AgentShield

@Suite("The connection pool decides")
struct ConnectionPoolTests {
    @Test("the first call makes a connection, and is sent when it is established")
    func firstCall() {
        var script = PoolScript()
        #expect(script.start(.one) == [.connect(.first, address: 0)])
        #expect(script.start(.two) == [])
        #expect(script.tell(.connectionEstablished(.first)) == [.send(.one, on: .first), .send(.two, on: .first)])
        #expect(script.tell(.callEnded(.one), .callEnded(.two)) == [])
        #expect(script.pool.calls.isEmpty)
    }

    @Test("a busy connection gets a second one, which takes the calls that follow")
    func spreading() {
        var script = PoolScript {
            $0.maxConnections = 2
            $0.spreadThreshold = 2
        }
        script.sendFirstCall()
        #expect(script.start(.two) == [.send(.two, on: .first), .connect(.second, address: 0)])
        #expect(script.tell(.connectionEstablished(.second)) == [])
        #expect(script.start(.three) == [.send(.three, on: .second)])
    }

    @Test("no more connections are made than allowed")
    func connectionLimit() {
        var script = PoolScript { $0.spreadThreshold = 1 }
        script.sendFirstCall()
        #expect(script.start(.two) == [.send(.two, on: .first)])
    }

    @Test("a call that found no room goes first when there is some")
    func fullConnection() {
        var script = PoolScript()
        script.sendFirstCall()
        #expect(script.start(.two) == [.send(.two, on: .first)])
        #expect(script.tell(.callBlocked(.two)) == [])
        #expect(script.start(.three) == [])
        #expect(script.tell(.connectionHasRoom(.first)) == [.send(.two, on: .first), .send(.three, on: .first)])
    }

    @Test("calls over the bound of those that wait are refused")
    func pendingLimit() {
        var script = PoolScript { $0.maxPendingCalls = 1 }
        _ = script.start(.one)
        #expect(script.start(.two).failures == [.tooManyPending])
        #expect(script.pool.calls.count == 1)
    }

    @Test("a refused call moves to another gateway at once, while accepted calls stay")
    func goAway() {
        var script = PoolScript { $0.addressCount = 2 }
        guard case .connect(_, let address)? = script.start(.one).first else { return #expect(Bool(false), "no connection is made") }
        _ = script.tell(.connectionEstablished(.first), .connectionWelcomed(.first))
        _ = script.start(.two)
        _ = script.tell(.callBegun(.one))
        #expect(script.tell(.connectionLeaving(.first)) == [])
        #expect(script.tell(.callRefused(.two)) == [.connect(.second, address: 1 - address)])
        #expect(script.tell(.connectionEstablished(.second)) == [.send(.two, on: .second)])
        #expect(script.tell(.callEnded(.one)) == [])
    }

    @Test("a call that every gateway refuses fails in the end")
    func endlessRefusals() {
        var script = PoolScript { $0.maxMoves = 3 }
        var actions = script.start(.one)
        var connects = 0
        while actions.failures.isEmpty, connects < 100 {
            for case .connect(let id, _) in actions {
                connects += 1
                _ = script.tell(.connectionEstablished(id), .connectionLeaving(id))
                actions = script.tell(.callRefused(.one), .connectionEnded(id, .lost))
            }
            if !actions.contains(where: { if case .connect = $0 { true } else { false } }), actions.failures.isEmpty {
                actions = script.reachDeadline()
            }
        }
        #expect(actions.failures == [.draining])
        #expect(connects == 4)
    }

    @Test("a lost connection takes unanswered calls to the next one, and fails those that had begun")
    func lostConnection() {
        var script = PoolScript()
        script.sendFirstCall()
        _ = script.start(.two)
        _ = script.tell(.callBegun(.one))
        #expect(script.tell(.connectionEnded(.first, .lost)).failures == [.connectionLost])
        #expect(script.reachDeadline() == [.connect(.second, address: 0)])
        #expect(script.tell(.connectionEstablished(.second)) == [.send(.two, on: .second)])
    }

    @Test("a retryable error is retried with backoff, a bounded number of times")
    func retries() {
        var script = PoolScript { $0.maxAttempts = 3 }
        script.sendFirstCall()
        for _ in 1...2 {
            #expect(script.tell(.callFailed(.one, .overloaded)) == [])
            #expect(script.reachDeadline() == [.send(.one, on: .first)])
        }
        #expect(script.tell(.callFailed(.one, .overloaded)).failures == [.overloaded])
    }

    @Test("nothing is retried of which the answer had begun, a part of it delivered or not, or which would fail again")
    func unsafeRetries() {
        for begun in [[PoolEvent.callBegun(.one)], [.callBegun(.one), .callDelivered(.one)]] {
            var script = PoolScript()
            script.sendFirstCall()
            _ = script.start(.two)
            for event in begun { _ = script.tell(event) }
            #expect(script.tell(.callFailed(.one, .overloaded)).failures == [.overloaded])
            #expect(script.tell(.callFailed(.two, .invalid)).failures == [.invalidRequest])
        }
    }

    @Test("the gateway's advice on when to retry is kept, unless it is too late then")
    func retryAfter() {
        var script = PoolScript()
        script.sendFirstCall()
        let began = script.now
        var patient = CallFailure.overloaded
        patient.error.retryAfter = .seconds(7)
        #expect(script.tell(.callFailed(.one, patient)) == [])
        #expect(script.reachDeadline() == [.send(.one, on: .first)])
        #expect(script.now - began == .seconds(7))
        patient.error.retryAfter = .seconds(31)
        #expect(script.tell(.callFailed(.one, patient)).failures == [.overloaded])

        _ = script.start(.two, within: .seconds(5))
        patient.error.retryAfter = .seconds(6)
        #expect(script.tell(.callFailed(.two, patient)).failures == [.overloaded])
    }

    @Test("a deadline ends a call wherever it is")
    func deadlines() {
        var script = PoolScript()
        script.sendFirstCall()
        _ = script.start(.two, within: .seconds(1))
        let actions = script.reachDeadline()
        #expect(actions.first == .cancel(.two, on: .first, isOverdue: true))
        #expect(actions.failures == [.deadlineExceeded])
        _ = script.tell(.connectionEnded(.first, .lost))
        while script.pool.calls[.one] != nil, script.pool.nextDeadline != nil { _ = script.reachDeadline() }
        #expect(script.pool.calls.isEmpty)
        #expect(script.pool.pending.isEmpty)
    }

    @Test("gateways that cannot be reached are tried with growing patience, until the calls that wait fail")
    func unreachable() {
        var script = PoolScript { $0.maxConnectAttempts = 4 }
        var actions = script.start(.one)
        var attempts = 0
        var lastDelay = TimeAmount.zero
        while actions.failures.isEmpty, attempts < 100 {
            guard case .connect(let id, _)? = actions.first else {
                let before = script.now
                actions = script.reachDeadline()
                lastDelay = script.now - before
                continue
            }
            attempts += 1
            actions = script.tell(.connectionEnded(id, .lost))
        }
        #expect(actions.failures == [.connectionLost])
        #expect(attempts == 4)
        #expect(lastDelay <= .milliseconds(800))
        #expect(script.pool.addresses[0].failures == 4)
    }

    @Test("the next address is tried at once when one cannot be reached")
    func nextAddress() {
        var script = PoolScript { $0.addressCount = 3 }
        var tried: [Int] = []
        var actions = script.start(.one)
        for _ in 0..<3 {
            guard case .connect(let id, let address)? = actions.first else { break }
            tried.append(address)
            actions = script.tell(.connectionEnded(id, .lost))
        }
        #expect(tried.sorted() == [0, 1, 2])
    }

    @Test("a failure that will not heal is told to the calls that wait at once")
    func finalConnectFailure() {
        var script = PoolScript()
        _ = script.start(.one)
        let failure = CallFailure(error: AgentShieldError(.credentialUnavailable, "none"), retry: .never)
        #expect(script.tell(.connectionEnded(.first, failure)).failures == [.credentialUnavailable])
    }

    @Test("an abandoned call is cancelled where it was sent")
    func abandoned() {
        var script = PoolScript()
        script.sendFirstCall()
        #expect(script.tell(.callAbandoned(.one)) == [.cancel(.one, on: .first, isOverdue: false)])
        #expect(script.tell(.callEnded(.one), .callFailed(.one, .overloaded)) == [])
    }

    @Test("shutdown refuses new calls, waits for those that are open, then closes")
    func shutdown() {
        var script = PoolScript()
        script.sendFirstCall()
        #expect(script.tell(.shutdownStarted(deadline: script.now + .seconds(5))) == [])
        #expect(script.start(.two).failures == [.clientShutDown])
        #expect(script.tell(.callEnded(.one)) == [.leave(.first)])
        #expect(script.tell(.connectionEnded(.first, .lost)) == [.finish])
        #expect(script.pool.nextDeadline == nil || script.pool.nextDeadline.map { $0 > script.now } == true)
    }

    @Test("shutdown ends what is open at its deadline")
    func shutdownDeadline() {
        var script = PoolScript()
        script.sendFirstCall()
        _ = script.tell(.shutdownStarted(deadline: script.now + .seconds(5)))
        let actions = script.reachDeadline()
        #expect(actions.first == .cancel(.one, on: .first, isOverdue: false))
        #expect(actions.failures == [.clientShutDown])
        #expect(actions.last == .leave(.first))
    }

    @Test("full jitter stays between nothing and the cap", arguments: 1...40)
    func jitter(attempt: Int) {
        var random = SeededRandom(seed: UInt64(attempt))
        let backoff = Backoff(base: .milliseconds(100), cap: .seconds(5))
        let ceiling = TimeAmount.milliseconds(min(5_000, attempt > 10 ? 5_000 : 100 << (attempt - 1)))
        let delays = (0..<200).map { _ in backoff.delay(attempt: attempt, random: &random) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= ceiling })
        #expect(Set(delays).count > 100)
    }
}
