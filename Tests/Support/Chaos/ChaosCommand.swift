import ArgumentParser
import Foundation
import GatewayCore
import ProcessSupport
import SeededRandomness
import Tracing

/// Kills gateways at random moments under load, and holds their ledger against what clients saw.
@main
struct ChaosCommand: AsyncParsableCommand {
    enum Stores: String, ExpressibleByArgument, CaseIterable, Sendable {
        /// One gateway, whose ledger is a SQLite file.
        case file
        /// Several gateways on one Redis, their ledger in PostgreSQL.
        case shared
    }

    enum Trouble: String, ExpressibleByArgument, CaseIterable, Sendable {
        /// kill -9 of gateways.
        case kill
        /// kill -9 of Redis, which comes back (shared).
        case redis
        /// PostgreSQL is stopped and comes back (shared).
        case postgres
        /// PostgreSQL refuses some rows, and gateways are killed (shared).
        case refusal
        /// No file of the gateway may grow any more, as on a full disk; then it is killed (file).
        case disk
    }

    static let configuration = CommandConfiguration(
        commandName: "chaos", abstract: "Kills gateways under load, round after round, and checks the ledger after each.")

    @Option(name: .long, help: "Rounds.")
    var rounds = 200

    @Option(name: .long, help: "What the rounds' seeds follow from; printed at the start.")
    var seed: UInt64 = .random(in: 1...999_999_999)

    @Option(name: .long, help: "Only this round, as a run with the same seed had it.")
    var only: Int?

    @Option(name: .long, help: "file or shared.")
    var stores = Stores.file

    @Option(name: .long, help: "kill, redis, postgres, refusal or disk.")
    var trouble = Trouble.kill

    @Option(name: .long, help: "Gateways, with shared stores.")
    var gateways = 3

    @Flag(name: .long, help: "While Redis is away records are spooled; without it requests are refused.")
    var spool = false

    func validate() throws {
        let isShared = stores == .shared
        let needsShared: Set<Trouble> = [.redis, .postgres, .refusal]
        if needsShared.contains(trouble), !isShared { throw ValidationError("--trouble \(trouble.rawValue) needs --stores shared") }
        if trouble == .disk, isShared { throw ValidationError("--trouble disk needs --stores file") }
    }

    func run() async throws {
        let isShared = stores == .shared
        let name = "\(stores.rawValue), \(trouble.rawValue)\(spool ? ", spool" : "")"
        print("chaos: \(name); \(only == nil ? "\(rounds) rounds" : "round \(only ?? 0)"); --seed \(seed)")
        InstrumentationSystem.bootstrap(TraceparentInstrument())
        try await withTemporaryDirectory { directory in
            // PostgreSQL's files belong to another user when the tests are run by root.
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
            let world = World(.init(isShared: isShared, gateways: isShared ? gateways : 1, spools: spool), directory: directory)
            let result: Result<Bool, any Error>
            do {
                try await world.start()
                result = .success(try await Campaign(world: world, command: self).run())
            } catch {
                result = .failure(error)
            }
            await world.end()
            let isGood = try result.get()
            print("\(isGood ? "ok" : "not ok") chaos: \(name)")
            if !isGood { throw ExitCode.failure }
        }
    }
}

/// All rounds of a run.
struct Campaign {
    let world: World
    let command: ChaosCommand

    private struct Totals {
        var completed = 0
        var refused = 0
        var lost = 0
        var problems = 0

        mutating func add(_ load: Load, _ problems: [String]) {
            completed += load.completed.count
            refused += load.refused.values.reduce(0, +)
            lost += load.lost
            self.problems += problems.count
        }
    }

    /// What is compared with what.
    private struct Books {
        var audit: Audit
        var bill = BillCheck()

        mutating func takeProblems() -> [String] { audit.takeProblems() + bill.takeProblems() }
    }

    func run() async throws -> Bool {
        var totals = Totals()
        if command.trouble == .refusal {
            // One of sixteen, by the last byte of the request's id.
            try await world.sql(
                "ALTER TABLE agentshield.ledger_entries ADD CONSTRAINT chaos CHECK (get_byte(record, 17) % 16 <> 0)")
        }
        try await world.startGateways()
        var books = Books(audit: try await makeAudit())
        let rounds = command.only.map { $0...$0 } ?? 1...max(1, command.rounds)
        for round in rounds { try await self.round(round, of: rounds.upperBound, &books, &totals) }
        try await peace(&books, &totals)
        try await settle(&books, &totals)
        await books.audit.close()
        print("\(totals.completed) answers complete, \(totals.refused) refused, \(totals.lost) lost or left; \(totals.problems) problems")
        if totals.completed == 0 { print("no answer was complete: nothing was shown") }
        return totals.problems == 0 && totals.completed > 0
    }

    private func makeAudit() async throws -> Audit {
        if let url = await world.databaseURL { return try Audit(database: url) }
        return try Audit(file: world.ledgerFile)
    }

    // MARK: rounds

    private func round(_ round: Int, of rounds: Int, _ books: inout Books, _ totals: inout Totals) async throws {
        var random = SeededRandom(seed: command.seed &* 1_000_003 &+ UInt64(round))
        let loadSeed = random.next()
        let moment = Int.random(in: 20...700, using: &random)
        if command.trouble == .disk {
            // The log that the last gateway leaves is gone, and the file may grow by so much.
            try await books.audit.lettingGo(of: world.ledgerFile) { await world.stopGateways() }
            try await world.startGateways(maxFileKiB: await world.ledgerKiB + Int.random(in: 128...768, using: &random))
        } else {
            try await world.startGateways()
        }
        let load = Load()
        let (running, tenants) = (await world.gateways.compactMap { $0 }, await world.tenants)
        async let asking: Void = load.run(running, tenants, seed: loadSeed, leaves: true)
        try await Task.sleep(for: .milliseconds(moment))
        let what = try await makeTrouble(&random, load)
        load.stop()
        try await asking
        // What a dead gateway left in Redis is moved by the others, and by itself when it is back.
        try await world.startGateways()
        let buried = try await deadLetters(of: load.completed, &books)
        try await books.audit.check(load.completed, patience: .seconds(60)) { buried.contains($0.id) }
        // A refused row is in no ledger, and its cost is in a wallet.
        if command.trouble != .refusal, let problem = try await world.reconcile() { books.audit.add(problem) }
        try await books.bill.read(world)
        if command.trouble == .disk, load.refused["ledger_unavailable"] == nil {
            books.audit.add("the disk was not full: nothing was shown")
        }
        let problems = books.takeProblems()
        tell(round, rounds, what, after: moment, load, problems)
        totals.add(load, problems)
    }

    /// - Returns: what was done.
    private func makeTrouble(_ random: inout SeededRandom, _ load: Load) async throws -> String {
        let pause = Int.random(in: 50...800, using: &random)
        switch command.trouble {
        case .kill, .refusal:
            let count = await world.gateways.count
            let victims = (0..<count).shuffled(using: &random).prefix(Int.random(in: 1...count, using: &random))
            for victim in victims { await world.kill(victim) }
            // Those that are left go on for a moment.
            if victims.count < count { try await Task.sleep(for: .milliseconds(pause)) }
            return "killed \(victims.map(String.init).joined(separator: ", "))"
        case .redis:
            await world.killRedis()
            try await Task.sleep(for: .milliseconds(pause))
            try await world.startRedis()
            try await Task.sleep(for: .milliseconds(pause + 500))
            return "Redis away for \(pause) ms"
        case .postgres:
            await world.stopPostgres()
            try await Task.sleep(for: .milliseconds(pause))
            try await world.startPostgres()
            return "PostgreSQL away for \(pause) ms"
        case .disk:
            // Until it is full, and a moment more.
            for _ in 0..<200 where load.refused["ledger_unavailable"] == nil { try await Task.sleep(for: .milliseconds(50)) }
            try await Task.sleep(for: .milliseconds(pause))
            await world.kill(0)
            return "disk full, then killed"
        }
    }

    /// Those that PostgreSQL refused, once each of these answers has come to it: rows of dead gateways may still be on their way there.
    private func deadLetters(of completed: [Completed], _ books: inout Books) async throws -> Set<String> {
        guard command.trouble == .refusal, let url = await world.databaseURL else { return [] }
        let end = ContinuousClock.now + .seconds(60)
        while true {
            let buried = Set(try await PostgresStatements(url: url).texts("SELECT row_key FROM agentshield.dead_letters"))
            try await books.audit.readOn()
            let isThere = completed.allSatisfy { books.audit.records[$0.id] != nil || buried.contains($0.id) }
            if isThere || ContinuousClock.now >= end { return buried }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Takes the rows that PostgreSQL refused into the audit, once every call that the provider bills has one here or there.
    private func takeDeadLetters(_ url: String, _ books: inout Books) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            try await books.audit.readOn()
            let records = try await PostgresStatements(url: url).texts(
                "SELECT encode(row_text, 'hex') FROM agentshield.dead_letters ORDER BY created_at")
            var audit = books.audit
            for record in records { audit.take(try LedgerEntry(decoding: bytes(ofHexadecimal: record))) }
            guard books.bill.open(audit) == 0 || ContinuousClock.now >= end else {
                try await Task.sleep(for: .milliseconds(100))
                continue
            }
            books.audit = audit
            print("\(records.count) dead letters")
            if records.isEmpty { books.audit.add("PostgreSQL refused no row: nothing was shown") }
            return
        }
    }

    /// Behind trouble gateways refuse for a moment, until they know that it is over, and rows are on their way: neither belongs to the quiet phase.
    private func quieten(_ books: inout Books) async throws {
        let (running, tenants) = (await world.gateways.compactMap { $0 }, await world.tenants)
        for attempt in 0..<60 {
            let load = Load()
            async let asking: Void = load.run(running, tenants, seed: command.seed &+ UInt64(1_000 + attempt), leaves: false)
            try await Task.sleep(for: .milliseconds(200))
            load.stop()
            try await asking
            try await books.audit.check(load.completed, patience: .seconds(60))
            if load.refused.isEmpty, load.lost == 0 { break }
            try await Task.sleep(for: .milliseconds(500))
        }
        var (rows, unchanged) = (-1, 0)
        while unchanged < 4 {
            try await books.audit.readOn()
            unchanged = rows == books.audit.records.count ? unchanged + 1 : 0
            rows = books.audit.records.count
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    /// Nothing is killed: the ledger agrees with the provider's own bill, to the token, and a gateway that ends in peace leaves nothing behind.
    private func peace(_ books: inout Books, _ totals: inout Totals) async throws {
        guard command.trouble != .refusal else { return }
        try await world.startGateways()
        try await quieten(&books)
        let (known, before) = (Set(books.audit.records.keys), try await world.bill())
        let load = Load()
        let (running, tenants) = (await world.gateways.compactMap { $0 }, await world.tenants)
        async let asking: Void = load.run(running, tenants, seed: command.seed, leaves: false)
        try await Task.sleep(for: .seconds(1))
        load.stop()
        try await asking
        await world.stopGateways()
        // What a busy machine had spooled is brought on by the next life.
        if command.spool { try await world.startGateways() }
        try await books.audit.check(load.completed, patience: .seconds(10))
        if let problem = try await world.reconcile() { books.audit.add(problem) }
        try await books.bill.read(world)
        let (billed, charged) = (
            try await world.bill() - before,
            books.audit.bill(of: books.audit.records.keys.filter { !known.contains($0) && books.audit.records[$0]?.outcome != .expired })
        )
        var problems = books.takeProblems()
        if billed != charged { problems.append("the provider bills \(billed), the ledger says \(charged)") }
        tell(nil, 0, "nothing killed; bill \(charged.promptTokens) + \(charged.completionTokens) tokens", after: 1_000, load, problems)
        totals.add(load, problems)
    }

    /// The reservations of killed gateways end, and then the provider's whole bill is compared, call by call, with rows and wallets.
    private func settle(_ books: inout Books, _ totals: inout Totals) async throws {
        try await world.startGateways()
        let end = ContinuousClock.now + .seconds(180)
        var isTold = false
        while ContinuousClock.now < end {
            try await books.audit.readOn()
            let reserved = try await world.wallets().reduce(0) { $0 + $1.reserved }
            let open = command.trouble == .refusal ? 0 : books.bill.open(books.audit)
            if reserved == 0, open == 0 { break }
            if !isTold {
                print("settling: waiting for reservations to end: \(reserved) nano-USD in all wallets, \(open) billed calls without a row")
            }
            isTold = true
            try await Task.sleep(for: .milliseconds(500))
        }
        if command.trouble == .refusal, let url = await world.databaseURL {
            try await takeDeadLetters(url, &books)
        } else if let problem = try await world.reconcile() {
            books.audit.add(problem)
        }
        try await books.audit.readOn()
        books.bill.check(books.audit, bill: try await world.bill())
        books.bill.check(try await world.wallets(), books.audit)
        await world.stopGateways()
        let problems = books.takeProblems()
        totals.problems += problems.count
        for line in books.bill.report { print(line) }
        print("bill: \(problems.isEmpty ? "good" : "\(problems.count) PROBLEMS")")
        for problem in problems.prefix(20) { print("    \(problem)") }
    }

    private func bytes(ofHexadecimal text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }

    private func tell(_ round: Int?, _ rounds: Int, _ what: String, after moment: Int, _ load: Load, _ problems: [String]) {
        let completed = load.completed
        let counts = Job.Kind.allCases.map { kind in "\(kind.rawValue) \(completed.count { $0.job.kind == kind })" }
        let refused = load.refused.sorted { $0.key < $1.key }.map { ", \($0.key) \($0.value)" }.joined()
        let wire = completed.count { $0.job.door == .wire }
        print(
            "\(round.map { "round \($0)/\(rounds)" } ?? "peace"): \(what) after \(moment) ms; \(completed.count) complete "
                + "(wire \(wire), http \(completed.count - wire); \(counts.joined(separator: ", "))), \(load.lost) lost\(refused): "
                + (problems.isEmpty ? "good" : "\(problems.count) PROBLEMS"))
        for problem in problems.prefix(20) { print("    \(problem)") }
    }
}
