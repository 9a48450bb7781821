import Foundation
import GatewayCore
import GatewayCrypto
import NIOCore
import ProcessSupport
import Testing

@testable import EmbeddedStore
@testable import GatewayPipeline

@Suite("pipeline: an answer ends when its record is durable", .timeLimit(.minutes(4)))
struct DurabilityTests {
    /// A gateway with a ledger, and a second hand on its file.
    ///
    /// - Parameter pipeline: waits longer for the ledger than any machine takes for the test, where that is not what is tried.
    private static func run(
        _ pipeline: PipelineSettings = PipelineSettings(ledgerTimeout: .seconds(60)), mark: Int = 100,
        _ body: (PipelineRig, LedgerFile, _ disk: SQLiteConnection) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("ledger.sqlite").path
            let file = try LedgerFile(path: path, chainSecret: Secret("a secret for chains"), settings: .init(mark: mark))
            var setup = PipelineRig.Setup()
            setup.pipeline = pipeline
            setup.file = file
            let disk = try SQLiteConnection(path: path)
            let result: Result<Void, any Error>
            do {
                result = .success(try await PipelineRig.run(setup) { try await body($0, file, disk) })
            } catch {
                result = .failure(error)
            }
            await file.close()
            try result.get()
        }
    }

    private static func record(_ id: RequestID, in file: LedgerFile) async throws -> LedgerRecord? {
        guard let row = try await file.row(id, tenant: "acme"), case .request(let record) = try LedgerEntry(decoding: row.bytes) else {
            return nil
        }
        return record
    }

    @Test("the end is told after the disk has the record, and says how long that took", arguments: [true, false])
    func waits(streamed: Bool) async throws {
        try await Self.run { rig, file, disk in
            try disk.execute("BEGIN IMMEDIATE")
            let request = try await rig.begin(TestChat("one", streamed: streamed))
            let call = try await rig.one.call()
            if streamed {
                try await call.beginStream()
                try await call.piece("Hello")
                try await call.finish()
                try await call.done()
            } else {
                try await call.answer()
            }
            try await until("the record") { file.waiting == 1 }
            let told = try await request.told
            #expect(told.chunks > 0 && told.summary == nil && told.fault == nil)
            #expect(try await !rig.isEmpty)
            try disk.execute("COMMIT")
            let end = try await request.end()
            #expect(end.fault == nil && (end.summary?.timings[.record] ?? 0) > 0)
            let record = try #require(try await Self.record(request.id, in: file))
            #expect(record.outcome == .answered && record.summary.costNanoUSD == end.summary?.costNanoUSD)
            #expect(try await rig.isEmpty)
            #expect(rig.records == 0)
        }
    }

    @Test("who leaves while the record is written hears nothing more, and the answer counts as given")
    func leaves() async throws {
        try await Self.run { rig, file, disk in
            try disk.execute("BEGIN IMMEDIATE")
            let request = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer()
            try await until("the record") { file.waiting == 1 }
            let calls = try await request.told.calls
            try await request.cancel()
            try await request.pause()
            try await request.resume()
            try disk.execute("COMMIT")
            try await until("the record") { try await rig.isEmpty }
            #expect(try await request.told.calls == calls)
            #expect(try await Self.record(request.id, in: file)?.outcome == .answered)
        }
    }

    @Test("a record that is too late ends the answer with an error, and is written all the same")
    func late() async throws {
        try await Self.run(PipelineSettings(ledgerTimeout: .milliseconds(50))) { rig, file, disk in
            try disk.execute("BEGIN IMMEDIATE")
            let request = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer()
            let told = try await request.end()
            #expect(told.fault?.kind == .ledgerUnavailable && told.fault?.message.contains("is charged") == true)
            #expect(try await rig.isEmpty)
            try disk.execute("COMMIT")
            try await until("the record") { file.waiting == 0 }
            #expect(try await Self.record(request.id, in: file)?.outcome == .answered)
            #expect(try await request.told.calls == told.calls)
        }
    }

    @Test("the request's own deadline counts while its record is written")
    func deadline() async throws {
        try await Self.run { rig, file, disk in
            try disk.execute("BEGIN IMMEDIATE")
            let request = try await rig.begin(TestChat("one"), timeout: .seconds(6))
            try await rig.one.call().answer()
            #expect(try await request.end().fault?.kind == .deadlineExceeded)
            try disk.execute("COMMIT")
            try await until("the record") { file.waiting == 0 }
            #expect(try await Self.record(request.id, in: file)?.outcome == .answered)
        }
    }

    @Test("at the mark a request is refused before anything is done for it, and is not what fills the ledger")
    func mark() async throws {
        try await Self.run(mark: 1) { rig, file, disk in
            try disk.execute("BEGIN IMMEDIATE")
            let first = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer()
            try await until("the record") { file.waiting == 1 }
            let refused = try await rig.begin(TestChat("one")).end()
            #expect(refused.fault?.kind == .ledgerUnavailable && refused.fault?.retryAfterMilliseconds != nil)
            #expect(file.waiting == 1)
            #expect(try await rig.one.calls == 1)
            try disk.execute("COMMIT")
            #expect(try await first.end().fault == nil)
            let next = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer()
            #expect(try await next.end().fault == nil)
        }
    }

    @Test("answers of the cache, failures and those who leave have their rows too, and a receipt is found in the file")
    func everyEnd() async throws {
        try await Self.run { rig, file, _ in
            let first = try await rig.begin(TestChat("memo"))
            try await rig.one.call().answer()
            _ = try await first.end()
            let hit = try await rig.begin(TestChat("memo"))
            _ = try await hit.end()
            let failed = try await rig.begin(TestChat("nobody"))
            #expect(try await failed.end().fault?.kind == .modelNotFound)
            let left = try await rig.begin(TestChat("one"))
            _ = try await rig.one.call()
            try await left.cancel()
            try await until("the record") { try await Self.record(left.id, in: file) != nil }
            #expect(try await Self.record(hit.id, in: file)?.summary.cache == .hit)
            #expect(try await Self.record(failed.id, in: file)?.fault == "model_not_found")
            #expect(try await Self.record(left.id, in: file)?.outcome == .cancelled)

            func receipt(_ id: RequestID, of principal: Principal) async throws -> LedgerRecord? {
                let promise = rig.loop.makePromise(of: LedgerRecord?.self)
                try await rig.onLoop { $0.receipt(id, for: principal) { promise.completeWith($0.mapError { $0 }) } }
                return try await promise.futureResult.get()
            }
            #expect(try await receipt(hit.id, of: Callers.plain)?.summary.cache == .hit)
            let stranger = Principal(keyID: "k", tenant: "umbrella", scrub: Callers.plain.scrub)
            #expect(try await receipt(hit.id, of: stranger) == nil)
            #expect(try await receipt(RequestID(high: 1, low: 1), of: Callers.plain) == nil)
        }
    }
}
