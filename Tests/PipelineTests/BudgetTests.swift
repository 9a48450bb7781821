import Foundation
import GatewayCore
import GatewayCrypto
import NIOCore
import ProcessSupport
import RedisStore
import Testing

@testable import EmbeddedStore
@testable import GatewayPipeline

@Suite("pipeline: budgets", .timeLimit(.minutes(4)))
struct BudgetTests {
    /// Of the test's requests: their bytes as the provider gets them, at 1 nano-USD each, and 10 output tokens at 2.
    private static func bound(_ chat: TestChat) -> Int64 {
        var sent = chat.json.replacing("\"one\"", with: "\"model-1\"") + #","max_tokens":10"#
        if chat.json.contains(#""stream":true"#) { sent += #","stream_options":{"include_usage":true}"# }
        return Int64(sent.utf8.count + 10 * 2)
    }

    private static func settings(_ path: String) throws -> PipelineRig.Setup {
        var setup = PipelineRig.Setup()
        setup.limits.assumedOutputTokens = 10
        // Longer than any machine takes for the test.
        setup.pipeline = PipelineSettings(ledgerTimeout: .seconds(60))
        setup.file = try LedgerFile(path: path, chainSecret: Secret("a secret for chains"))
        return setup
    }

    private static func run(_ body: (PipelineRig, LedgerFile, _ path: String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("ledger.sqlite").path
            let setup = try settings(path)
            let file = try #require(setup.file)
            try await PipelineRig.run(setup) { try await body($0, file, path) }
            await file.close()
        }
    }

    private static func set(_ limit: Int64, _ rig: PipelineRig, of subject: BudgetSubject = .user("ana"), _ period: BudgetPeriod = .day)
        async throws
    {
        let table = BudgetTable([Budget(tenant: "acme", subject: subject, period: period, limitNanoUSD: limit)])
        try await rig.onLoop { $0.limits.update(table) }
    }

    private static func entries(_ file: LedgerFile) async throws -> [LedgerEntry] {
        try await file.rows(LedgerQuery(), after: 0).map { try LedgerEntry(decoding: $0.bytes) }
    }

    @Test("what may be spent is reserved before a provider is called, and what was not spent is free again")
    func reserves() async throws {
        try await Self.run { rig, file, _ in
            let chat = TestChat("one")
            let bound = Self.bound(chat)
            try await Self.set(bound, rig)
            let first = try await rig.begin(chat)
            let call = try await rig.one.call()
            #expect(try await file.holds().map(\.id) == [first.id])
            // Nothing is left while the first is under way.
            let refused = try await rig.begin(chat).end()
            #expect(refused.fault?.kind == .budgetExceeded && refused.fault?.message.contains("the user `ana`") == true)
            #expect(refused.fault?.retryAfterMilliseconds != nil)
            try await call.answer(usage: #"{"prompt_tokens":7,"completion_tokens":3}"#)
            #expect(try await first.end().summary?.costNanoUSD == 13)
            #expect(try await file.holds().isEmpty)
            #expect(try await rig.begin(chat).end().fault?.kind == .budgetExceeded)
            try await Self.set(bound + 13, rig)
            let second = try await rig.begin(chat)
            try await rig.one.call().answer()
            #expect(try await second.end().fault == nil)
            #expect(try await rig.one.calls == 2)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a disk that takes too long refuses the request, and nothing of it stays reserved, in this life of the process or the next")
    func stuckDisk() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("ledger.sqlite").path
            var setup = try Self.settings(path)
            setup.pipeline = PipelineSettings(ledgerTimeout: .milliseconds(50))
            let file = try #require(setup.file)
            let disk = try SQLiteConnection(path: path)
            try await PipelineRig.run(setup) { rig in
                let chat = TestChat("one")
                try await Self.set(Self.bound(chat), rig)
                try disk.execute("BEGIN IMMEDIATE")
                let stuck = try await rig.begin(chat).end()
                #expect(stuck.fault?.kind == .ledgerUnavailable && stuck.fault?.retryAfterMilliseconds != nil)
                try disk.execute("COMMIT")
                try await until("its row, in which nothing is charged") { try await Self.entries(file).map(\.costNanoUSD) == [0] }
                #expect(try await file.holds().isEmpty)
                #expect(try await rig.one.calls == 0)
                #expect(try await rig.isEmpty)
            }
            await file.close()
        }
    }

    @Test("every level counts, and the one that refuses is named", arguments: BudgetPeriod.allCases)
    func levels(period: BudgetPeriod) async throws {
        try await Self.run { rig, _, _ in
            let chat = TestChat("one")
            for (subject, words) in [(BudgetSubject.tenant, "this tenant"), (.user("ana"), "the user `ana`")] {
                try await Self.set(Self.bound(chat) - 1, rig, of: subject, period)
                let fault = try await rig.begin(chat).end().fault
                #expect(fault?.kind == .budgetExceeded && fault?.message.contains(words) == true)
                #expect(fault?.message.contains(period == .total ? "It does not reset." : "It resets at ") == true)
            }
            try await Self.set(0, rig, of: .user("bob"), period)
            let other = try await rig.begin(chat)
            try await rig.one.call().answer()
            #expect(try await other.end().fault == nil)
        }
    }

    @Test("the cap that was reserved goes to the provider, and the caller's own stays as it is")
    func cap() async throws {
        try await Self.run { rig, _, _ in
            try await Self.set(1_000_000, rig)
            for (given, sent) in [
                ("", #""max_tokens":10"#), (#","max_tokens":4"#, #""max_tokens":4"#), (#","max_tokens":null"#, #""max_tokens":10"#),
            ] {
                let chat = TestChat(json: #"{"model":"one","messages":[{"role":"user","content":"Hello"}]\#(given)}"#)
                let request = try await rig.begin(chat)
                let call = try await rig.one.call()
                #expect(call.body.contains(sent), "\(call.body)")
                try await call.answer()
                #expect(try await request.end().fault == nil)
            }
            try await Self.set(1_000_000, rig, of: .user("bob"))
            let request = try await rig.begin(TestChat("one"))
            let call = try await rig.one.call()
            #expect(!call.body.contains("max_tokens"))
            try await call.answer()
            _ = try await request.end()
        }
    }

    @Test("a stream that goes on beyond what any tokenizer makes of the cap is cut with the reason `length`, and charged up to it")
    func cut() async throws {
        try await Self.run { rig, file, _ in
            try await Self.set(1_000_000, rig)
            let request = try await rig.begin(TestChat("one", streamed: true))
            let call = try await rig.one.call()
            try await call.beginStream()
            let token = String(repeating: "a", count: 128)
            for _ in 0..<10 { try await call.piece(token) }
            try await call.piece("a")
            let told = try await request.end()
            #expect(told.fault == nil && told.texts[0] == String(repeating: token, count: 10))
            #expect(told.summary?.finishes.map(\.reason) == [.length])
            // Its end is of the same stream.
            #expect(told.last.map { String(buffer: $0) } == #"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#)
            #expect(told.summary?.isEstimated == true && told.summary?.usage.output == 10)
            try await call.closed()
            #expect(try await Self.entries(file).count == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("pieces smaller than a token are no tokens: the stream comes whole, and costs what the provider counts")
    func smallPieces() async throws {
        try await Self.run { rig, _, _ in
            try await Self.set(1_000_000, rig)
            let request = try await rig.begin(TestChat("one", streamed: true))
            let call = try await rig.one.call()
            try await call.beginStream()
            for _ in 0..<1_280 { try await call.piece("a") }
            try await call.finish()
            try await call.event(#"{"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":10}}"#)
            try await call.done()
            let told = try await request.end()
            #expect(told.fault == nil && told.texts[0]?.count == 1_280 && told.summary?.finishes.map(\.reason) == [.stop])
            #expect(told.summary?.isEstimated == false && told.summary?.costNanoUSD == 27)
        }
    }

    @Test(
        "a provider whose own count goes beyond the cap is cut, and what it counted is charged; its bill of an answer that has ended is taken as it is"
    )
    func runningCount() async throws {
        try await Self.run { rig, _, _ in
            try await Self.set(1_000_000, rig)
            for ends in [false, true] {
                let request = try await rig.begin(TestChat("one", streamed: true))
                let call = try await rig.one.call()
                try await call.beginStream()
                try await call.piece("a")
                if ends { try await call.finish() }
                let usage = #"{"prompt_tokens":7,"completion_tokens":11}"#
                try await call.event(#"{"id":"c","choices":[{"index":0,"delta":{"content":"b"}}],"usage":\#(usage)}"#)
                if ends { try await call.done() }
                let told = try await request.end()
                #expect(told.fault == nil && told.texts[0] == (ends ? "ab" : "a"))
                #expect(told.summary?.finishes.map(\.reason) == [ends ? .stop : .length])
                #expect(told.summary?.isEstimated == !ends && told.summary?.costNanoUSD == 29)
            }
        }
    }

    @Test("a stream that is left, or breaks, is charged what was produced", arguments: [true, false])
    func left(leaves: Bool) async throws {
        try await Self.run { rig, file, _ in
            let chat = TestChat("one", streamed: true)
            try await Self.set(Self.bound(chat), rig)
            let request = try await rig.begin(chat)
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("12345678")
            try await request.chunks(1)
            if leaves { try await request.cancel() } else { try await call.cut() }
            if !leaves { #expect(try await request.end().fault?.kind == .streamBroken) }
            while try await Self.entries(file).isEmpty {
                try Task.checkCancellation()
                await Task.yield()
            }
            let cost = Int64(chat.json.utf8.count / 4 + 2 * 2)
            #expect(try await Self.entries(file).map(\.costNanoUSD) == [cost])
            #expect(try await file.holds().isEmpty)
            // What was spent is missing, and no more than that.
            #expect(try await rig.begin(chat).end().fault?.kind == .budgetExceeded)
            try await Self.set(Self.bound(chat) + cost, rig)
            let next = try await rig.begin(chat)
            try await rig.one.call().cut()
            #expect(try await next.end().fault?.kind != .budgetExceeded)
        }
    }

    @Test("what a killed process had reserved is charged at its bound by the next one, with a row of its own, once")
    func killed() async throws {
        try await Self.run { rig, file, path in
            let chat = TestChat("one")
            try await Self.set(Self.bound(chat), rig)
            let request = try await rig.begin(chat)
            _ = try await rig.one.call()
            // Another life of the process finds the file as this one would have left it.
            let heir = try LedgerFile(path: path, chainSecret: Secret("a secret for chains"))
            let (limiter, now) = (EmbeddedLimiter(), Date().timeIntervalSince1970 * 1_000)
            let wallets = ProcessWallets(limiter: limiter, file: heir)
            try await wallets.restore(unixMilliseconds: UInt64(now))
            #expect(limiter.expireHolds(now: .now()).isEmpty)
            let later = EmbeddedLimiter()
            try await ProcessWallets(limiter: later, file: heir).restore(unixMilliseconds: UInt64(now) + 86_400_000)
            let records = later.expireHolds(now: .now())
            #expect(records.count == 1 && later.expireHolds(now: .now()).isEmpty)
            let entry = try LedgerEntry(decoding: try #require(records.first))
            #expect(entry.id == request.id && entry.costNanoUSD == Self.bound(chat))
            _ = try await heir.append([entry])
            #expect(try await heir.holds().isEmpty)
            // The one that was taken for dead comes back: its row is there, and what it cost less is another row.
            var bill = RepricedBill()
            for entry in try await Self.entries(file) { #expect(bill.add(entry) == nil) }
            #expect(bill.charged == Self.bound(chat))
            await heir.close()
            try await request.cancel()
        }
    }

    @Test("a gateway fills its wallets from the ledger when it starts")
    func restores() async throws {
        try await Self.run { rig, file, _ in
            let chat = TestChat("one")
            for _ in 0..<3 {
                let request = try await rig.begin(chat)
                try await rig.one.call().answer()
                #expect(try await request.end().summary?.costNanoUSD == 13)
            }
            let limiter = EmbeddedLimiter()
            try await ProcessWallets(limiter: limiter, file: file).restore(unixMilliseconds: UInt64(Date().timeIntervalSince1970 * 1_000))
            var outcome = AdmissionModel.Outcome(isAdmitted: true, rates: [], leaseCounts: [])
            func asks(_ bound: Int64, id: String) -> Bool {
                let hold = WalletHold(
                    wallets: [RedisKey.wallet(tenant: "acme", .user("ana")).name], limits: [BudgetSet(day: 100, month: 100, total: 100)],
                    bound: bound, time: SpendingTime(unixMilliseconds: UInt64(Date().timeIntervalSince1970 * 1_000)), milliseconds: 1,
                    record: [])
                _ = limiter.admit(tenant: "acme", [], caps: [], hold: hold, holder: id, now: .now(), into: &outcome)
                return outcome.isAdmitted
            }
            let answers = [asks(62, id: "a"), asks(61, id: "b")]
            #expect(answers == [false, true])
        }
    }

    @Test("a budget without a durable ledger refuses its requests, and says why")
    func withoutLedger() async throws {
        try await PipelineRig.run { rig in
            try await Self.set(1_000_000, rig)
            let fault = try await rig.begin(TestChat("one")).end().fault
            #expect(fault?.kind == .ledgerUnavailable && fault?.message.contains("no durable ledger") == true)
            #expect(try await rig.one.calls == 0)
        }
    }
}
