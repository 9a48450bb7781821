import NIOCore
import Testing

@testable import AgentShield

@Suite("The connection pool and answers that can be resumed")
struct PoolResumptionTests {
    private static func begun() -> PoolScript {
        var script = PoolScript()
        _ = script.tell(.callStarted(.one, deadline: script.now + .seconds(60), isResumable: true))
        _ = script.tell(.connectionEstablished(.first), .connectionWelcomed(.first), .callBegun(.one), .callDelivered(.one))
        return script
    }

    @Test("a call that has begun is sent again, for the rest of its answer, when its connection is lost")
    func resumes() {
        var script = Self.begun()
        #expect(script.tell(.connectionEnded(.first, .lost)) == [])
        #expect(script.reachDeadline() == [.connect(.second, address: 0)])
        #expect(script.tell(.connectionEstablished(.second)) == [.send(.one, on: .second)])
        #expect(script.tell(.connectionWelcomed(.second), .callBegun(.one)) == [])
        // And again.
        #expect(script.tell(.connectionEnded(.second, .lost)) == [])
        #expect(script.reachDeadline() == [.connect(.third, address: 0)])
        #expect(script.tell(.connectionEstablished(.third)) == [.send(.one, on: .third)])
        #expect(script.tell(.callBegun(.one), .callEnded(.one)) == [])
        #expect(script.pool.calls.isEmpty)
    }

    @Test("one that the gateway does not have any more fails as what it is: a lost connection")
    func unavailable() {
        var script = Self.begun()
        _ = script.tell(.connectionEnded(.first, .lost))
        _ = script.reachDeadline()
        _ = script.tell(.connectionEstablished(.second))
        let gone = CallFailure(error: AgentShieldError(.resumeUnavailable, "gone"), retry: .never)
        // One may not have noticed yet.
        for _ in 0..<2 {
            #expect(script.tell(.callFailed(.one, gone)) == [])
            #expect(script.reachDeadline() == [.send(.one, on: .second)])
        }
        #expect(script.tell(.callFailed(.one, gone)) == [.fail(.one, CallFailure.lost.error)])
    }

    @Test("one that its own older question has displaced asks again, once for each loss; another reader keeps the answer")
    func displaced() {
        let gone = CallFailure(error: AgentShieldError(.resumeUnavailable, "read elsewhere"), retry: .never)
        var never = Self.begun()
        #expect(never.tell(.callFailed(.one, gone)) == [.fail(.one, gone.error)])
        var script = Self.begun()
        _ = script.tell(.connectionEnded(.first, .lost))
        _ = script.reachDeadline()
        _ = script.tell(.connectionEstablished(.second))
        #expect(script.tell(.callBegun(.one), .callDelivered(.one), .callFailed(.one, gone)) == [])
        #expect(script.reachDeadline() == [.send(.one, on: .second)])
        #expect(script.tell(.callBegun(.one), .callFailed(.one, gone)) == [.fail(.one, gone.error)])
        // What is not found again is a broken stream, which may be asked for anew.
        script = Self.begun()
        _ = script.tell(.connectionEnded(.first, .lost))
        _ = script.reachDeadline()
        _ = script.tell(.connectionEstablished(.second), .callBegun(.one), .callFailed(.one, gone))
        var actions: [PoolAction] = []
        for _ in 0..<4 where !script.pool.calls.isEmpty { actions = script.reachDeadline() + script.tell(.callFailed(.one, gone)) }
        guard case .fail(.one, let error) = actions.last else {
            Issue.record("\(actions)")
            return
        }
        #expect(error.code == .streamBroken && error.isRetryable)
    }

    @Test("it is given up when no gateway keeps it any longer")
    func timeout() {
        var script = Self.begun()
        let lostAt = script.now
        _ = script.tell(.connectionEnded(.first, .lost))
        var actions: [PoolAction] = []
        var connection = ConnectionID.second
        while script.now < lostAt + .seconds(60), !actions.contains(.fail(.one, CallFailure.lost.error)) {
            actions = script.reachDeadline()
            guard actions.contains(where: { if case .connect = $0 { true } else { false } }) else { continue }
            actions += script.tell(.connectionEnded(connection, .lost))
            connection = ConnectionID(rawValue: connection.rawValue + 1)
        }
        #expect(actions.last == .fail(.one, CallFailure.lost.error))
        #expect(script.now <= lostAt + .seconds(15))
    }

    @Test("what a gateway refuses meanwhile is asked for again; what a stream fails with is told")
    func failures() {
        var script = Self.begun()
        _ = script.tell(.connectionEnded(.first, .lost))
        _ = script.reachDeadline()
        _ = script.tell(.connectionEstablished(.second))
        #expect(script.tell(.callFailed(.one, .overloaded)) == [])
        #expect(script.reachDeadline() == [.send(.one, on: .second)])
        #expect(script.tell(.callRefused(.one)) == [.send(.one, on: .second)])
        #expect(script.tell(.callBegun(.one), .callFailed(.one, .invalid)) == [.fail(.one, CallFailure.invalid.error)])
    }

    @Test("a call that cannot be resumed, and one that had not begun, are what they were")
    func others() {
        var script = PoolScript()
        script.sendFirstCall()
        _ = script.tell(.callBegun(.one))
        #expect(script.tell(.connectionEnded(.first, .lost)) == [.fail(.one, CallFailure.lost.error)])
        var other = PoolScript()
        _ = other.tell(.callStarted(.one, deadline: other.now + .seconds(60), isResumable: true))
        _ = other.tell(.connectionEstablished(.first), .connectionWelcomed(.first))
        #expect(other.tell(.connectionEnded(.first, .lost)) == [])
        #expect(other.pool.calls[.one]?.loss == nil)
    }
}
