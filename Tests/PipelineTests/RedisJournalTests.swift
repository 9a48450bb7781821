import EmbeddedStore
import Foundation
import GatewayCore
import NIOCore
import ProcessSupport
import RedisStore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: the journal in Redis, and what takes its place", .timeLimit(.minutes(3)))
struct RedisJournalTests {
    enum Trouble: CaseIterable, Sendable {
        /// kill -9; it comes back with what was on its disk.
        case killed
        /// It stands still, and goes on with what it was sent meanwhile.
        case stopped
        /// Answers come after the first deadline.
        case slow
        /// It takes nothing that needs memory.
        case full

        func begin(_ rig: JournalRig) async throws {
            switch self {
            case .killed: await rig.redis.kill()
            case .stopped: await rig.redis.signal(SIGSTOP)
            case .slow: try await rig.say("CLIENT", "PAUSE", "1500", "ALL")
            case .full: try await rig.say("CONFIG", "SET", "maxmemory", "1")
            }
        }

        func end(_ rig: JournalRig) async throws {
            switch self {
            case .killed: try await rig.redis.start()
            case .stopped: await rig.redis.signal(SIGCONT)
            case .slow: break
            case .full: try await rig.say("CONFIG", "SET", "maxmemory", "0")
            }
        }

        /// Of the requests `numbers`, those whose records cannot become durable in Redis while it lasts.
        func stuck(_ numbers: Range<UInt64>) -> Int {
            switch self {
            case .killed, .stopped: numbers.count
            case .slow: 0
            // A settlement that frees something before it writes is let through.
            case .full: numbers.count { JournalRig.cost($0) == 0 }
            }
        }
    }

    /// Everything that was told durable is in the ledger, each request once, and the wallet has what the rows say.
    private static func check(_ rig: JournalRig, _ numbers: Range<UInt64>) async throws {
        try await until("all records are durable") { rig.durable == numbers.count }
        try await until("all rows are in the ledger, and the wallet agrees") {
            let (ledger, spending) = (try await rig.ledger, try await rig.spending)
            return Set(ledger.map(\.requestID)).count == numbers.count
                && spending == (ledger.reduce(0) { $0 + ($1.costNanoUSD ?? 0) }, 0)
        }
        let ledger = try await rig.ledger
        #expect(ledger.count { $0.kind == .request } == numbers.count)
        for number in numbers {
            let rows = ledger.filter { $0.requestID == JournalRig.id(number) }
            #expect(rows.reduce(0) { $0 + ($1.costNanoUSD ?? 0) } == JournalRig.cost(number), "\(rows)")
        }
        #expect(!rig.isToldTwice)
        try await until("room") { try await rig.hasRoom() }
        #expect(try await rig.close(within: .seconds(5)) == 0)
    }

    @Test(
        "nothing that was acknowledged is lost and nothing is there twice, whatever happens to Redis",
        arguments: Trouble.allCases, JournalRig.Fallback.allCases)
    func trouble(trouble: Trouble, fallback: JournalRig.Fallback) async throws {
        try await JournalRig.run(fallback) { rig in
            let (before, during) = (0..<6 as Range<UInt64>, 6..<30 as Range<UInt64>)
            try await rig.reserve(0..<30)
            try await rig.end(before)
            try await until("those before are durable") { rig.durable == before.count }
            #expect(try await rig.hasRoom())
            try await trouble.begin(rig)
            try await rig.end(during)
            let stuck = trouble.stuck(during)
            if stuck > 0, fallback == .refuse {
                try await until("new requests are refused") { try await !rig.hasRoom() }
                try await Task.sleep(for: .milliseconds(600))
                #expect(rig.durable <= before.count + during.count - stuck)
            } else if stuck > 0 {
                // Somewhere else.
                try await until("they are durable without Redis") { rig.durable == before.count + during.count }
                #expect(try await rig.hasRoom())
            }
            try await trouble.end(rig)
            try await Self.check(rig, 0..<30)
        }
    }

    @Test("Redis goes away again and again while records come", arguments: JournalRig.Fallback.allCases)
    func again(fallback: JournalRig.Fallback) async throws {
        try await JournalRig.run(fallback) { rig in
            try await rig.reserve(0..<60)
            for life in 0..<3 as Range<UInt64> {
                try await rig.end(life * 20..<life * 20 + 10)
                await rig.redis.kill()
                try await rig.end(life * 20 + 10..<life * 20 + 20)
                try await rig.redis.start()
            }
            try await Self.check(rig, 0..<60)
        }
    }

    @Test(
        "a reservation that ended before its request did, with Redis away in between: the difference is told as a correction, once",
        arguments: JournalRig.Fallback.allCases)
    func late(fallback: JournalRig.Fallback) async throws {
        try await JournalRig.run(fallback) { rig in
            try await rig.reserve(0..<10, milliseconds: 1)
            try await until("the reservations' rows") { try await rig.ledger.count == 5 }
            #expect(try await rig.spending == (5 * JournalRig.bound, 0))
            await rig.redis.kill()
            try await rig.end(0..<10)
            if fallback != .refuse { try await until("they are durable without Redis") { rig.durable == 10 } }
            try await rig.redis.start()
            try await until("the corrections") { try await rig.ledger.count { $0.kind == .correction } == 5 }
            try await Self.check(rig, 0..<10)
            #expect(try await rig.ledger.count { $0.kind == .correction } == 5)
        }
    }

    @Test("at the stream's mark its tenants' requests are refused, others' are not, until a mover has been there")
    func streamIsFull() async throws {
        try await JournalRig.run(.refuse, maxStreamLength: 3, moves: false) { rig in
            for number in [1, 3, 5] as [UInt64] {
                #expect(try await rig.hasRoom())
                try await rig.end([number])
                try await until("the record") { rig.durable == Int(number / 2) + 1 }
            }
            #expect(try await !rig.hasRoom())
            let other = try #require(
                (0..<1_000).lazy.map { "tenant-\($0)" }.first { RedisKey.bucket(of: $0) != RedisKey.bucket(of: JournalRig.tenant) })
            #expect(try await rig.hasRoom(other))
            // What was under way is taken beyond the mark.
            try await rig.end([7])
            try await until("the record") { rig.durable == 4 }
            let mover = rig.moving()
            try await until("room") { try await rig.hasRoom() }
            mover.cancel()
            await mover.value
            try await until("the rows") { try await rig.ledger.count == 4 }
        }
    }

    @Test("at the spool's mark requests are refused; what was under way is taken beyond it, and all of it comes to the ledger")
    func spoolIsFull() async throws {
        try await JournalRig.run(.spool, maxSpoolBytes: 2_000) { rig in
            await rig.redis.kill()
            #expect(try await rig.hasRoom())
            let numbers: [UInt64] = [1, 3, 5, 7, 9, 11]
            try await rig.end(numbers)
            try await until("they are durable without Redis") { rig.durable == numbers.count }
            #expect(try await !rig.hasRoom())
            try await rig.redis.start()
            try await until("the rows") { try await rig.ledger.count == numbers.count }
            try await until("room") { try await rig.hasRoom() }
            // The last of them are taken out of it once they stand in Redis, from where the mover may have fetched them before.
            try await until("an empty spool") { rig.spool?.bytes == 0 }
        }
    }

    @Test("a process that ends while Redis is away waits a moment, and says how many records it could not bring to it")
    func closes() async throws {
        try await JournalRig.run(.refuse) { rig in
            try await rig.reserve(0..<4)
            await rig.redis.kill()
            try await rig.end(0..<4)
            #expect(try await rig.close(within: .milliseconds(100)) == 4)
            #expect(rig.durable == 0)
        }
    }
}
