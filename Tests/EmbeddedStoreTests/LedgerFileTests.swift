import Foundation
import GatewayCore
import GatewayCrypto
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOPosix
import ProcessSupport
import Testing

@testable import EmbeddedStore

@Suite("The ledger in a SQLite file", .timeLimit(.minutes(4)))
struct LedgerFileTests {
    private static let secret = Secret("a secret for chains")

    private static func entry(_ number: UInt64, tenant: String = "acme", cost: UInt64? = 5) -> LedgerEntry {
        var summary = AnswerSummary(requestID: RequestID(high: 1_000 << 16, low: number))
        summary.costNanoUSD = cost
        return .request(
            LedgerRecord(
                summary: summary, tenant: tenant, department: "d", user: nil, keyID: "k", endUser: nil, callerRequestID: nil,
                requestedModel: "m", usedModel: "m", provider: "p", outcome: .answered, fault: nil, receivedUnixMilliseconds: 1_000 + number
            ))
    }

    /// What a file said of itself, and how to wait for it.
    private final class Reports: Sendable {
        private let state = NIOLockedValueBox<[DurabilityReport]>([])

        func add(_ report: DurabilityReport) { state.withLockedValue { $0.append(report) } }

        var all: [DurabilityReport] { state.withLockedValue { $0 } }

        var commits: [Int] {
            all.compactMap { report in
                if case .committed(let count, _) = report { count } else { nil }
            }
        }

        func wait(until isThere: @Sendable ([DurabilityReport]) -> Bool) async throws { try await until("a report") { isThere(all) } }
    }

    private static func with(
        _ settings: LedgerFile.Settings = .init(), _ body: (LedgerFile, _ path: String, Reports) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("ledger.sqlite").path
            let reports = Reports()
            let file = try LedgerFile(path: path, chainSecret: secret, settings: settings, report: reports.add)
            try await body(file, path, reports)
            await file.close()
        }
    }

    /// Appends and waits until it is durable.
    private static func append(_ entries: [LedgerEntry], to file: LedgerFile) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promises = entries.map { _ in loop.makePromise(of: Void.self) }
        for (entry, promise) in zip(entries, promises) {
            file.append(entry, waiter: DurabilityWaiter(eventLoop: loop) { _ in promise.succeed(()) })
        }
        for promise in promises { try await promise.futureResult.get() }
    }

    private static func fault(of tenant: String, in archive: any LedgerArchive) async throws -> ChainFault? {
        let chain = LedgerChain(secret: secret)
        var check = ChainCheck(tenant: tenant) { previous, sequence, bytes in
            (try? chain.hash(tenant: tenant, previous: previous, sequence: sequence, bytes: bytes).bytes) ?? []
        }
        for row in try await archive.chain(of: tenant, after: 0) {
            if let fault = check.check(row) { return fault }
        }
        return check.finish(try await archive.head(of: tenant) ?? LedgerHead(tenant: tenant))
    }

    @Test("entries are read back by id, position and tenant, also by another process and after a restart")
    func life() async throws {
        try await Self.with { file, path, _ in
            let entries = (1...3).map { Self.entry($0) } + [Self.entry(4, tenant: "umbrella", cost: nil)]
            try await Self.append(entries, to: file)
            let other = try LedgerFileReader(path: path)
            let rows = try await other.rows(LedgerQuery(), after: 0)
            #expect(try rows.map { try LedgerEntry(decoding: $0.bytes) } == entries)
            #expect(rows.map(\.sequence) == [1, 2, 3, 1] && rows.map(\.tenant) == ["acme", "acme", "acme", "umbrella"])
            #expect(rows.map(\.columns) == entries.map { LedgerColumns(of: $0) })
            #expect(try await other.row(entries[1].id, tenant: "acme") == rows[1])
            #expect(try await other.row(entries[1].id, tenant: "umbrella") == nil)
            #expect(try await other.lastRows(LedgerQuery(tenant: "acme"), count: 2) == Array(rows[1...2]))
            #expect(try await other.rows(LedgerQuery(since: 1_002, until: 1_004), after: 0) == Array(rows[1...2]))
            #expect(try await other.heads(after: "").map(\.sequence) == [3, 1])
            await other.close()
            await file.close()
            let again = try LedgerFile(path: path, chainSecret: Self.secret)
            try await Self.append([Self.entry(5)], to: again)
            #expect(try await again.chain(of: "acme", after: 0).map(\.sequence) == [1, 2, 3, 4])
            #expect(try await Self.fault(of: "acme", in: again) == nil)
            await again.close()
        }
    }

    @Test("an entry that is appended again is there once, and takes no number")
    func duplicates() async throws {
        try await Self.with { file, _, _ in
            try await Self.append([Self.entry(1), Self.entry(1), Self.entry(2)], to: file)
            try await Self.append([Self.entry(2), Self.entry(3)], to: file)
            #expect(try await file.chain(of: "acme", after: 0).map(\.columns.id.low) == [1, 2, 3])
            #expect(try await Self.fault(of: "acme", in: file) == nil)
        }
    }

    @Test("what comes while the disk is busy is committed together, and nobody is told before")
    func groups() async throws {
        try await Self.with { file, path, reports in
            try await Self.append([Self.entry(0)], to: file)
            let other = try SQLiteConnection(path: path)
            try other.execute("BEGIN IMMEDIATE")
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let told = NIOLockedValueBox(0)
            let last = loop.makePromise(of: Void.self)
            for number in 1...200 as ClosedRange<UInt64> {
                file.append(
                    Self.entry(number),
                    waiter: DurabilityWaiter(eventLoop: loop) { _ in
                        told.withLockedValue { $0 += 1 }
                        if number == 200 { last.succeed(()) }
                    })
            }
            #expect(file.waiting == 200 && told.withLockedValue { $0 } == 0)
            try other.execute("COMMIT")
            try await last.futureResult.get()
            #expect(told.withLockedValue { $0 } == 200)
            try await until("the last commit's report") { reports.commits.reduce(0, +) == 201 }
            // One may have been on its way before the others came.
            #expect(reports.commits.count <= 3)
            #expect(try await Self.fault(of: "acme", in: file) == nil)
        }
    }

    @Test("at the mark and while writes fail nothing new is accepted; what was appended is written when they succeed again")
    func recovers() async throws {
        try await Self.with(.init(mark: 2)) { file, path, reports in
            let other = try SQLiteConnection(path: path)
            try other.execute("BEGIN IMMEDIATE")
            file.append(Self.entry(1), waiter: nil)
            #expect(file.isAccepting)
            file.append(Self.entry(2), waiter: nil)
            #expect(!file.isAccepting)
            try await reports.wait { reports in reports.contains { if case .failing = $0 { true } else { false } } }
            #expect(!file.isAccepting)
            try other.execute("COMMIT")
            try await reports.wait { $0.contains(.recovered) }
            try await Self.append([Self.entry(3)], to: file)
            #expect(file.isAccepting)
            #expect(try await file.chain(of: "acme", after: 0).map(\.columns.id.low) == [1, 2, 3])
        }
    }

    @Test("a full disk is told, keeps what waits, and loses nothing that was acknowledged")
    func full() async throws {
        try await Self.with(.init(closingTime: .zero, maxPages: 40)) { file, path, reports in
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let told = NIOLockedValueBox<Set<UInt64>>([])
            for number in 1...2_000 as ClosedRange<UInt64> {
                file.append(
                    Self.entry(number),
                    waiter: DurabilityWaiter(eventLoop: loop) { if $0 { _ = told.withLockedValue { $0.insert(number) } } })
            }
            try await reports.wait { reports in reports.contains { if case .failing = $0 { true } else { false } } }
            #expect(!file.isAccepting && file.waiting > 0)
            let waiting = file.waiting
            await file.close()
            #expect(reports.all.last == .lost(count: waiting))
            try await loop.submit {}.get()
            let reader = try LedgerFileReader(path: path)
            var there: Set<UInt64> = []
            var position: Int64 = 0
            while let rows = try? await reader.rows(LedgerQuery(), after: position), let last = rows.last {
                there.formUnion(rows.map(\.columns.id.low))
                position = last.position
            }
            #expect(there == told.withLockedValue { $0 } && there.count + waiting == 2_000)
            await reader.close()
        }
    }

    @Test(
        "whoever changes the file is found out, at the first row that is touched",
        arguments: [
            ("UPDATE entries SET cost = 0 WHERE sequence = 2", 2, ChainFault.Reason.columnsDiffer),
            ("UPDATE entries SET record = x'0101' WHERE sequence = 2", 2, .hashDiffers),
            ("UPDATE entries SET user_id = 'x' WHERE sequence = 3", 3, .columnsDiffer),
            ("UPDATE entries SET id = x'01' WHERE sequence = 1", 1, .columnsDiffer),
            ("DELETE FROM entries WHERE sequence = 2", 2, .missing), ("DELETE FROM entries WHERE sequence = 4", 4, .missing),
            ("DELETE FROM heads", 4, .headDiffers),
            ("UPDATE entries SET sequence = -1 WHERE sequence = 2; UPDATE entries SET sequence = 2 WHERE sequence = 3;", 2, .hashDiffers),
        ])
    func tampering(sql: String, sequence: Int64, reason: ChainFault.Reason) async throws {
        try await Self.with { file, path, _ in
            try await Self.append((1...4).map { Self.entry($0) }, to: file)
            #expect(try await Self.fault(of: "acme", in: file) == nil)
            try SQLiteConnection(path: path).execute(sql)
            #expect(try await Self.fault(of: "acme", in: file) == ChainFault(tenant: "acme", sequence: sequence, reason: reason))
        }
    }

    @Test("the spool keeps records in their order until they are taken away, over a restart, and refuses beyond its bound")
    func spool() async throws {
        try await withTemporaryDirectory { directory in
            func open() throws -> LedgerSpool {
                try LedgerSpool(folder: directory.path, maxBytes: 1_000, mark: 100, report: { _ in })
            }
            func add(_ number: UInt64, to spool: LedgerSpool) async {
                await withCheckedContinuation { continuation in
                    spool.append(Self.entry(number), waiter: DurabilityWaiter(eventLoop: nil) { _ in continuation.resume() })
                }
            }
            let first = try open()
            #expect(first.isAccepting && first.bytes == 0)
            for number in 1...3 as ClosedRange<UInt64> { await add(number, to: first) }
            #expect(!first.isAccepting)
            await first.close()

            let second = try open()
            #expect(second.bytes > 0)
            let waiting = try await second.first(2)
            #expect(try waiting.map { try LedgerEntry(decoding: $0.bytes) } == [Self.entry(1), Self.entry(2)])
            await second.remove(through: waiting[1].position)
            #expect(try await second.first(9).map { try LedgerEntry(decoding: $0.bytes) } == [Self.entry(3)])
            #expect(second.isAccepting && second.bytes < 300)
            await second.close()
        }
    }

    @Test("a file that is something else, or was begun with another key, is refused; a reader makes none")
    func otherFiles() async throws {
        try await Self.with { _, path, _ in
            #expect(throws: LedgerError.self) { try LedgerFile(path: path, chainSecret: Secret("another secret, as long")) }
            let control = path + "-control"
            await (try EmbeddedControlStore(path: control)).close()
            #expect(throws: LedgerError.self) { try LedgerFile(path: control, chainSecret: Self.secret) }
            #expect(throws: LedgerError.self) { try LedgerFileReader(path: control) }
            try Data("no database at all, but long enough to be looked at".utf8).write(to: URL(fileURLWithPath: path + "-text"))
            #expect(throws: LedgerError.self) { try LedgerFile(path: path + "-text", chainSecret: Self.secret) }
            #expect(throws: LedgerError.self) { try LedgerFileReader(path: path + "-none") }
            #expect(!FileManager.default.fileExists(atPath: path + "-none"))
        }
    }
}
