import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("circuit breaker")
struct CircuitBreakerTests {
    private static let settings = CircuitBreaker.Settings(
        failurePercent: 50, minimumCalls: 10, window: .seconds(10), openFor: .seconds(4), maxOpenFor: .seconds(10), probes: 2)
    private var breaker = CircuitBreaker(Self.settings)
    private var random = SeededRandom(seed: 11)
    private var now = NIODeadline.uptimeNanoseconds(5_000_000_000)

    private mutating func call(_ outcome: CircuitBreaker.Outcome, count: Int = 1) -> CircuitBreaker.Transition? {
        var last: CircuitBreaker.Transition?
        for _ in 0..<count where breaker.admits(now: now) {
            let pass = breaker.begin(now: now)
            last = breaker.ended(outcome, pass, now: now, random: &random) ?? last
        }
        return last
    }

    /// Waits until a probe is admitted; how long it was closed to calls.
    private mutating func waitForProbe() throws -> TimeAmount {
        let until = try #require(breaker.closedUntil)
        let wait = until - now
        now = until
        return wait
    }

    @Test("opens at the share of failures, and not below the least number of calls")
    mutating func opens() throws {
        #expect(call(.failed, count: 9) == nil)
        #expect(breaker.state == .closed)
        #expect(call(.unknown, count: 20) == nil)
        let opened = call(.failed)
        guard case .opened(let time) = opened else {
            Issue.record("still closed")
            return
        }
        #expect(time >= .seconds(2) && time <= .seconds(4))
        #expect(!breaker.admits(now: now))
    }

    @Test("stays closed below the share, and forgets what is older than its window")
    mutating func staysClosed() {
        #expect(call(.succeeded, count: 51) == nil)
        #expect(call(.failed, count: 50) == nil)
        now = now + .seconds(11)
        // Only what is in the window counts.
        #expect(call(.failed, count: 9) == nil)
        #expect(call(.failed) != nil)
    }

    @Test("lets a few probes through, and closes when as many went well")
    mutating func halfOpen() throws {
        _ = call(.failed, count: 10)
        _ = try waitForProbe()
        let passes = [breaker.begin(now: now), breaker.begin(now: now)]
        #expect(passes == [.probe, .probe] && !breaker.admits(now: now))
        #expect(breaker.ended(.succeeded, .probe, now: now, random: &random) == nil)
        #expect(breaker.ended(.succeeded, .probe, now: now, random: &random) == .closed)
        #expect(call(.failed, count: 9) == nil)
    }

    @Test("a probe without a result gives its place back")
    mutating func unknownProbe() throws {
        _ = call(.failed, count: 10)
        _ = try waitForProbe()
        for _ in 0..<5 { #expect(call(.unknown) == nil) }
        #expect(breaker.state == .halfOpen(underWay: 0, succeeded: 0))
    }

    @Test("stays open twice as long after each probe that fails, up to a limit")
    mutating func reopens() throws {
        _ = call(.failed, count: 10)
        for ceiling in [4, 8, 10, 10, 10] as [Int64] {
            let wait = try waitForProbe()
            #expect(wait >= .nanoseconds(ceiling * 500_000_000) && wait <= .seconds(ceiling))
            guard case .opened = call(.failed) else {
                Issue.record("not opened again")
                return
            }
        }
    }

    @Test("calls that began before it opened neither close it nor open it anew")
    mutating func late() throws {
        let early = breaker.begin(now: now)
        _ = call(.failed, count: 10)
        let state = breaker.state
        #expect(breaker.ended(.succeeded, early, now: now, random: &random) == nil)
        #expect(breaker.state == state)
        _ = try waitForProbe()
        _ = breaker.begin(now: now)
        #expect(breaker.ended(.failed, early, now: now, random: &random) == nil)
        #expect(breaker.state == .halfOpen(underWay: 1, succeeded: 0))
    }
}
