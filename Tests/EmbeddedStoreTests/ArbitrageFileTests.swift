import Foundation
import GatewayCore
import ProcessSupport
import SeededRandomness
import Testing

@testable import EmbeddedStore

@Suite("What arbitrated names learn, in a SQLite file", .timeLimit(.minutes(2)))
struct ArbitrageFileTests {
    private static let now: Int64 = 1_800_000_000_000
    private static let hour = RouteStatistics.Hour(unixSeconds: now / 1_000)
    private static let name = LearnedName(route: "auto", arm: "small")

    private static func open(_ path: String?, now: Int64 = now, maxAnswers: Int = 100) throws -> ArbitrageFile {
        var settings = ArbitrageFile.Settings(feedbackMilliseconds: 60_000) { now }
        settings.maxAnswers = maxAnswers
        return try ArbitrageFile(path: path, settings: settings)
    }

    private static func statistics(_ seed: UInt64) -> ArmStatistics {
        var random = SeededRandom(seed: seed)
        var lanes = SIMD32<Float>(repeating: 0)
        for lane in 0..<32 { lanes[lane] = Float.random(in: -4...4, using: &random) }
        var statistics = ArmStatistics()
        statistics.observe(FeatureVector(lanes), quality: Double.random(in: 0...1, using: &random))
        return statistics
    }

    private static func answer(_ number: UInt64) -> ArbitratedAnswer {
        ArbitratedAnswer(
            id: RequestID(high: 7 << 16, low: number), tenant: "acme", department: nil, user: "u", keyID: "k", route: "auto", arm: "small",
            features: FeatureVector(SIMD32(repeating: 0.5)))
    }

    @Test("what was learned adds up, is there after a restart, and is forgotten when it is older than all that counts")
    func restart() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("arbitrage.sqlite").path
            let old = RouteStatistics.Hour(index: Self.hour.index - 100)
            let gone = RouteStatistics.Hour(index: Self.hour.index - Int64(RouteStatistics.mostHours))
            var whole = ArmStatistics()
            for seed in 1...3 as ClosedRange<UInt64> {
                let file = try Self.open(path)
                let statistics = Self.statistics(seed)
                whole += statistics
                let left = await file.add([old, Self.hour, gone].map { LearnedHour(name: Self.name, hour: $0, statistics: statistics) })
                #expect(left.isEmpty)
                await file.close()
            }
            let file = try Self.open(path)
            let other = LearnedName(route: "auto", arm: "large")
            let learned = try await file.learned([Self.name, other], in: RouteStatistics.Hour(index: 0)...Self.hour)
            #expect(learned == [old, Self.hour].map { LearnedHour(name: Self.name, hour: $0, statistics: whole) })
            await file.close()
        }
    }

    @Test("an answer is claimed once, by its tenant alone, until its time is over; of too many the oldest go")
    func claims() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("arbitrage.sqlite").path
            let file = try Self.open(path)
            #expect(await file.keep([Self.answer(1), Self.answer(2)]).isEmpty)
            #expect(try await file.claim(Self.answer(1).id, tenant: "umbrella", scoreMillionths: 500_000) == .unknown)
            #expect(try await file.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 500_000) == .answer(Self.answer(1)))
            #expect(try await file.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 500_000) == .underWay)
            #expect(try await file.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 500_001) == .given)
            #expect(await file.keep([Self.answer(1)]).isEmpty)
            await file.close()
            // The process that claimed it never settled it.
            let next = try Self.open(path, now: Self.now + FeedbackClaim.leaseMilliseconds)
            #expect(try await next.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 1) == .given)
            #expect(try await next.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 500_000) == .answer(Self.answer(1)))
            try await next.settle(Self.answer(1).id, tenant: "acme")
            await next.close()
            let again = try Self.open(path)
            #expect(try await again.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 500_000) == .given)
            #expect(try await again.claim(Self.answer(3).id, tenant: "acme", scoreMillionths: 500_000) == .unknown)
            await again.close()
            let late = try Self.open(path, now: Self.now + 60_000)
            #expect(try await late.claim(Self.answer(2).id, tenant: "acme", scoreMillionths: 500_000) == .unknown)
            await late.close()
        }
        let full = try Self.open(nil, maxAnswers: 3)
        #expect(await full.keep((1...5).map { Self.answer($0) }).isEmpty)
        for number in 1...5 as ClosedRange<UInt64> {
            let claim = try await full.claim(Self.answer(number).id, tenant: "acme", scoreMillionths: 500_000)
            #expect(claim == (number <= 2 ? .unknown : .answer(Self.answer(number))))
        }
        await full.close()
    }

    @Test("another program's file, and that of a later version, are refused")
    func foreign() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("other.sqlite").path
            try SQLiteConnection(path: path).execute("CREATE TABLE other (a INTEGER)")
            #expect(throws: LedgerError.self) { try Self.open(path) }
            let own = directory.appendingPathComponent("own.sqlite").path
            await (try Self.open(own)).close()
            try SQLiteConnection(path: own).execute("PRAGMA user_version = 99")
            #expect(throws: LedgerError.self) { try Self.open(own) }
        }
    }
}
