import GatewayCore
import Testing

@Suite("the cache's decisions")
struct CacheTests {
    private func key(_ byte: UInt8) throws -> CacheKey {
        try #require(CacheKey([UInt8](repeating: byte, count: 32)))
    }

    @Test("what the configuration switches off, no caller switches on")
    func plans() {
        let off = CacheSettings(mode: .off, timeToLiveNanoseconds: 1)
        let deterministic = CacheSettings(mode: .deterministic, timeToLiveNanoseconds: 1)
        #expect(CachePlan(off, directive: .use, isDeterministic: true).isBypass)
        #expect(CachePlan(deterministic, directive: .modelDefault, isDeterministic: false).isBypass)
        #expect(CachePlan(deterministic, directive: .use, isDeterministic: false).looksUp)
        #expect(!CachePlan(deterministic, directive: .refresh, isDeterministic: true).looksUp)
        #expect(CachePlan(deterministic, directive: .only, isDeterministic: false).requiresHit)
    }

    @Test("a key gives back its bytes")
    func keys() throws {
        let bytes = (0..<32).map { UInt8($0 * 7) }
        #expect(try #require(CacheKey(bytes)).bytes == bytes)
        #expect(CacheKey(bytes.dropLast()) == nil)
    }

    @Test("the least recently used entry goes first, and the cost stays below the cap")
    func recency() throws {
        var cache = RecencyCache<Int, Int>(maxCost: 3)
        for number in 1...3 { cache.insert(number, for: number, cost: 1, expiresAt: 100) }
        #expect(cache.value(for: 1, now: 0) == 1)
        cache.insert(4, for: 4, cost: 1, expiresAt: 100)
        #expect(cache.value(for: 2, now: 0) == nil)
        #expect(cache.value(for: 1, now: 0) == 1)
        #expect(cache.value(for: 1, now: 100) == nil)
        cache.insert(9, for: 9, cost: 4, expiresAt: 100)
        #expect(cache.value(for: 9, now: 0) == nil)
        #expect(cache.cost <= 3)
    }

    @Test("a random trace never passes the cap, and finds what a plain map would")
    func randomTrace() {
        var random = SystemRandomNumberGenerator()
        var cache = RecencyCache<Int, Int>(maxCost: 50)
        for step in 0..<5_000 {
            let key = Int.random(in: 0..<40, using: &random)
            if Bool.random(using: &random) {
                cache.insert(step, for: key, cost: Int.random(in: 1...10, using: &random), expiresAt: .max)
                #expect(cache.value(for: key, now: 0) == step)
            } else {
                _ = cache.value(for: key, now: 0)
            }
            #expect(cache.cost <= 50)
        }
    }

    @Test("of equal requests one leads; if it fails the next one does; waiters are bounded")
    func flights() throws {
        var table = FlightTable(maxWaitersPerFlight: 2)
        let key = try key(1)
        #expect(table.enter(key) == .lead)
        guard case .wait(let first) = table.enter(key), case .wait(let second) = table.enter(key) else {
            Issue.record("did not wait")
            return
        }
        #expect(table.enter(key) == .alone)
        #expect(table.abandoned(key) == first)
        #expect(table.completed(key) == [second])
        #expect(table.flights == 0)
        #expect(table.abandoned(key) == nil)
    }
}
