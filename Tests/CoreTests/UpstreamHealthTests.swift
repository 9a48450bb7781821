import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("choice of endpoints")
struct UpstreamHealthTests {
    private static let name = UpstreamHealth.Name(provider: "p", model: "m")
    private var health = UpstreamHealth(
        CircuitBreaker.Settings(failurePercent: 50, minimumCalls: 4, window: .seconds(10), openFor: .seconds(4), maxOpenFor: .seconds(8)))
    private var random = SeededRandom(seed: 3)
    private var now = NIODeadline.uptimeNanoseconds(5_000_000_000)

    private mutating func choice(_ weights: [Int], tried: Set<Int> = []) -> UpstreamHealth.Choice {
        health.begin(Self.name, weights: weights, tried: tried, now: now, random: &random)
    }

    private mutating func begin(_ weights: [Int], tried: Set<Int> = []) -> UpstreamHealth.Call? {
        if case .call(let call) = choice(weights, tried: tried) { call } else { nil }
    }

    private mutating func end(_ call: UpstreamHealth.Call?, _ outcome: UpstreamHealth.Outcome) {
        if let call { _ = health.ended(call, outcome, now: now, random: &random) }
    }

    /// Calls of each endpoint, one after another, each as long as its endpoint takes.
    private mutating func share(_ weights: [Int], milliseconds: [Int64], calls: Int) -> [Int] {
        var counts = weights.map { _ in 0 }
        for _ in 0..<calls {
            guard let call = begin(weights) else { continue }
            counts[call.endpoint] += 1
            now = now + .milliseconds(milliseconds[call.endpoint])
            end(call, .answered)
        }
        return counts
    }

    @Test("endpoints that are about as fast share the calls by their weights")
    mutating func weights() {
        let counts = share([3, 1], milliseconds: [100, 110], calls: 4_000)
        #expect((2_850...3_150).contains(counts[0]))
        health = UpstreamHealth(CircuitBreaker.Settings())
        let even = share([1, 1, 1], milliseconds: [50, 50, 50], calls: 3_000)
        for count in even { #expect((850...1_150).contains(count)) }
    }

    @Test("one that is much slower gets few calls, and is tried again when that is long ago")
    mutating func slow() {
        let counts = share([1, 1], milliseconds: [10, 2_000], calls: 1_000)
        #expect(counts[1] >= 1 && counts[1] < 20)
        now = now + .seconds(3_600)
        let later = share([1, 1], milliseconds: [10, 10], calls: 400)
        #expect(later[1] > 100)
    }

    @Test("calls under way count: a burst is spread by weight")
    mutating func burst() {
        var counts = [0, 0]
        for _ in 0..<400 { if let call = begin([3, 1]) { counts[call.endpoint] += 1 } }
        #expect((270...330).contains(counts[0]))
    }

    @Test("one that fails is avoided at once, and left alone when it goes on failing, while the others serve")
    mutating func failing() {
        var failures = 0
        for _ in 0..<200 {
            guard let call = begin([1, 1]) else { continue }
            now = now + .milliseconds(20)
            if call.endpoint == 0 { failures += 1 }
            end(call, call.endpoint == 0 ? .failed : .answered)
        }
        #expect(failures < 10)
    }

    @Test("where all are left alone nobody is called, and the wait is told")
    mutating func allBroken() {
        for place in [0, 1] {
            for _ in 0..<4 { end(begin([1, 1], tried: [1 - place]), .failed) }
        }
        guard case .none(.broken, let wait) = choice([1, 1]) else {
            Issue.record("called")
            return
        }
        #expect(wait > .zero && wait <= .seconds(4))
        now = now + wait
        #expect(begin([1, 1]) != nil)
    }

    @Test("one whose limit is used up is passed over until then; where it is alone, one call at a time finds out")
    mutating func limited() {
        end(begin([1, 1], tried: [1]), .limited(.seconds(30)))
        for _ in 0..<50 {
            let call = begin([1, 1])
            #expect(call?.endpoint == 1)
            end(call, .answered)
        }
        now = now + .seconds(300)
        let later = share([1, 1], milliseconds: [1, 1], calls: 50)
        #expect(later[0] > 0 && later[1] > 0)

        health = UpstreamHealth(CircuitBreaker.Settings())
        end(begin([1]), .limited(.seconds(30)))
        let probe = begin([1])
        #expect(probe != nil)
        #expect(choice([1]) == .none(.limited, retryAfter: .seconds(30)))
        end(probe, .answered)
        #expect(begin([1]) != nil && begin([1]) != nil)
    }

    @Test("one that says that nothing is left is passed over while another is there, and called where it is alone")
    mutating func exhausted() throws {
        let first = try #require(begin([1, 1], tried: [1]))
        health.exhausted(first, for: .seconds(10), now: now)
        end(first, .answered)
        for _ in 0..<50 { #expect(begin([1, 1])?.endpoint == 1) }
        #expect(begin([1, 1], tried: [1])?.endpoint == 0)
    }

    @Test("what others leave alone is avoided, and its breaker opens sooner, but only by calls of one's own")
    mutating func suspected() {
        health = UpstreamHealth(CircuitBreaker.Settings(failurePercent: 50, minimumCalls: 40, window: .seconds(10)))
        // Nobody has called it here.
        health.suspect(Self.name, endpoint: 0, until: now + .seconds(60))
        end(begin([1, 1], tried: [1]), .answered)
        end(begin([1, 1], tried: [0]), .answered)
        health.suspect(Self.name, endpoint: 0, until: now + .seconds(60))
        health.suspect(Self.name, endpoint: 7, until: now + .seconds(60))
        for _ in 0..<50 { #expect(begin([1, 1])?.endpoint == 1) }
        // Alone it is called, and three failures of four calls are enough.
        for _ in 0..<3 {
            let call = begin([1, 1], tried: [1])
            #expect(call?.endpoint == 0)
            end(call, .failed)
        }
        #expect(!health.hasOther(Self.name, count: 2, tried: [1], now: now))
    }

    @Test("a refused credential or request, and a call that was given up, do not open the breaker")
    mutating func harmless() {
        for _ in 0..<100 { end(begin([1]), .refused(isCredential: true)) }
        for _ in 0..<100 { end(begin([1]), .refused(isCredential: false)) }
        for _ in 0..<100 { end(begin([1]), .abandoned) }
        for _ in 0..<100 { end(begin([1]), .limited(nil)) }
        #expect(begin([1]) != nil)
    }

    @Test("what is tried is not tried again while there is another")
    mutating func tried() {
        #expect(health.hasOther(Self.name, count: 2, tried: [0], now: now))
        #expect(!health.hasOther(Self.name, count: 1, tried: [], now: now))
        for _ in 0..<20 { #expect(begin([100, 1], tried: [0])?.endpoint == 1) }
        #expect(!health.hasOther(Self.name, count: 2, tried: [0, 1], now: now))
        #expect(begin([1, 1], tried: [0, 1]) != nil)
    }

    @Test("no more upstreams are remembered than there is room for, and a call whose upstream was forgotten ends quietly")
    mutating func bound() throws {
        let kept = try #require(begin([1]))
        for number in 0..<10_000 {
            let name = UpstreamHealth.Name(provider: "p", model: "\(number)")
            guard case .call(let call) = health.begin(name, weights: [1], tried: [], now: now, random: &random) else { continue }
            _ = health.ended(call, .answered, now: now, random: &random)
        }
        end(kept, .answered)
        health.update(CircuitBreaker.Settings())
        end(kept, .failed)
        health.left(kept)
        #expect(begin([1]) != nil)
    }

    @Test(
        "what is left of limits is read from both dialects' headers",
        arguments: [
            (["x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"], 90_000),
            (["x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"], 120),
            (["x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-requests": "0"], 360_000),
            (["x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2.5"], 2_500),
            (["x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9s"], nil),
            (["x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"], nil),
            (["x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "900h"], 3_600_000),
            (
                ["anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "1994-11-06T08:49:37Z"],
                10_000
            ),
            (["anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "1994-11-06T08:00:00Z"], nil),
            (["anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "yesterday"], nil), ([:], nil),
        ] as [([String: String], Int64?)])
    func headroom(headers: [String: String], expected: Int64?) {
        #expect(RateHeadroom.exhaustedMilliseconds(unixMilliseconds: 784_111_767_000) { headers[$0] } == expected)
    }
}
