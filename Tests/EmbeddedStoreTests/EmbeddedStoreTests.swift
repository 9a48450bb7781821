import EmbeddedStore
import GatewayCore
import NIOCore
import NIOEmbedded
import Scrubbing
import Testing

@Suite("the embedded stores")
struct EmbeddedStoreTests {
    private static func answer() -> StoredAnswer {
        var answer = StoredAnswer(isStreamed: false, model: "m", provider: "p")
        answer.append(ByteBuffer(string: "{}"))
        return answer
    }

    @Test("a waiter is told on its own loop, and what was stored is found until it expires")
    func coalesces() throws {
        let cache = EmbeddedResponseCache(maxBytes: 10_000, maxEntryBytes: 10_000, maxWaitersPerFlight: 4)
        let key = try #require(CacheKey([UInt8](repeating: 7, count: 32)))
        let loop = EmbeddedEventLoop()
        let told = NIOLoopBoundBox(0, eventLoop: loop)
        let waiter = FlightWaiter(eventLoop: loop) { outcome in
            if case .answered = outcome { told.value += 1 }
        }
        let now = NIODeadline.uptimeNanoseconds(0)
        guard case .lead = cache.lookUp(key, now: now, waiter: waiter), case .wait = cache.lookUp(key, now: now, waiter: waiter) else {
            Issue.record("the second request did not wait for the first")
            return
        }
        cache.complete(key, of: "acme", with: Self.answer(), expiresAt: .uptimeNanoseconds(10))
        #expect(told.value == 0)
        loop.run()
        #expect(told.value == 1)
        #expect(cache.storedAnswer(key, now: .uptimeNanoseconds(9)) != nil)
        #expect(cache.storedAnswer(key, now: .uptimeNanoseconds(10)) == nil)
    }

    @Test("the ledger forgets the oldest record first and shows a tenant its own alone")
    func ledger() throws {
        let ledger = RecentRecords(capacity: 2)
        let principal = Principal(
            keyID: "k", tenant: "t", scrub: ScrubRules(name: "default", version: "1", policy: .init(), toolsWithRestoredArguments: []))
        var random = SystemRandomNumberGenerator()
        let ids = (0..<3).map { RequestID(unixMilliseconds: $0, random: &random) }
        for id in ids {
            ledger.append(
                LedgerRecord(
                    summary: AnswerSummary(requestID: id), principal: principal, endUser: nil, callerRequestID: nil, requestedModel: "m",
                    usedModel: nil, provider: nil, outcome: .answered, fault: nil, receivedUnixMilliseconds: 0))
        }
        #expect(ledger.count == 2)
        #expect(ledger.record(ids[0], tenant: "t") == nil)
        #expect(ledger.record(ids[2], tenant: "t") != nil)
        #expect(ledger.record(ids[2], tenant: "other") == nil)
    }

    @Test("a process that keeps as many wallets as it may refuses requests with a budget that need another, and counts none of it")
    func walletBound() {
        let limiter = EmbeddedLimiter()
        let time = SpendingTime(unixMilliseconds: 1_796_040_000_000)
        for number in 0..<16_384 { limiter.charge(tenant: "t", ["w\(number)"], 1, time) }
        func asks(_ wallets: [String]) -> Bool {
            var outcome = AdmissionModel.Outcome(isAdmitted: false, rates: [], leaseCounts: [])
            let hold = WalletHold(
                wallets: wallets, limits: wallets.map { _ in BudgetSet(day: 10) }, bound: 1, time: time, milliseconds: 1, record: [])
            return limiter.admit(tenant: "t", [], caps: [], hold: hold, holder: "h", now: .now(), into: &outcome) && outcome.isAdmitted
        }
        limiter.charge(tenant: "t", ["another"], 1, time)
        let answers = [asks(["w0"]), asks(["w0", "another"]), asks(["w1", "w2"])]
        #expect(answers == [true, false, true])
        #expect(limiter.wallets(tenant: "t", prefix: "another", after: "", count: 9).isEmpty)
        #expect(limiter.wallets(tenant: "t", prefix: "w1638", after: "w1638", count: 2).map(\.name) == ["w16380", "w16381"])
    }

    @Test("at its bound the limiter forgets limits that are full, and refuses others while none is")
    func limiterBound() {
        let limiter = EmbeddedLimiter(maxLimitsPerShard: 2)
        let limit = RateLimit(permits: 1, periodNanoseconds: 1_000_000_000)
        func ask(_ name: String, second: UInt64) -> Bool? {
            var outcome = AdmissionModel.Outcome(isAdmitted: false, rates: [], leaseCounts: [])
            let rate = AdmissionModel.Rate(name: name, demand: RateDemand(limit: limit))
            let hasRoom = limiter.admit(
                tenant: "t", [rate], caps: [], holder: "", now: .uptimeNanoseconds(second * 1_000_000_000), into: &outcome)
            return hasRoom ? outcome.isAdmitted : nil
        }
        #expect([ask("a", second: 10), ask("b", second: 10), ask("c", second: 10)] == [true, true, nil])
        // What is known goes on, whatever the bound.
        #expect(ask("a", second: 10) == false)
        #expect([ask("c", second: 12), ask("a", second: 12), ask("b", second: 12)] == [true, true, nil])
    }
}
