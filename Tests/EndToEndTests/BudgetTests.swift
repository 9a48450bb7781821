import Foundation
import ProcessSupport
import Testing

@testable import EmbeddedStore

extension EndToEndTests {
    @Suite("budgets", .timeLimit(.minutes(3)))
    struct BudgetTests {
        /// A gateway with a ledger's file and a store with the tenant `initech`, and a key of ann in sales.
        private static func run(
            configure: @escaping @Sendable (String) -> String = { $0 },
            _ body: (Stack, StoreCommands, _ key: String, _ ledger: String) async throws -> Void
        ) async throws {
            try await withTemporaryDirectory { directory in
                let ledger = directory.appendingPathComponent("ledger.sqlite").path
                try await Replicas.run(
                    1, over: .sqlite, extra: { _ in "ledger: {file: \"\(ledger)\"}\n" }, configure: { text, _ in configure(text) }
                ) { replicas in
                    let (stack, store) = (replicas.stacks[0], replicas.store)
                    try await store.must("tenants", "create", "initech")
                    try await store.must("departments", "create", "sales", "--tenant", "initech")
                    try await store.must("users", "create", "ann", "--tenant", "initech", "--department", "sales")
                    let key = try await store.createKey("k", of: "initech", "--department", "sales", "--user", "ann")
                    try await until("the key") { try await ask(stack, .http, key).isWhole }
                    try await body(stack, store, key, ledger)
                }
            }
        }

        private static func ask(_ stack: Stack, _ door: Door, _ key: String, _ chat: Chat = Chat("echo")) async throws -> Reply {
            let caller = try await door.connect(stack, key: key)
            defer { caller.close() }
            return try await caller.chat(chat)
        }

        private static func command(_ arguments: String...) async throws -> (
            status: ProductProcess.ExitStatus, output: String, error: String
        ) {
            let run = try await ProductProcess.runToEnd("agentshield", arguments: arguments, environment: Keys.environment)
            return (run.status, run.output, run.errorOutput)
        }

        @Test("a used-up budget is told through both doors with its level and when it resets, from the next request on")
        func exceeded() async throws {
            try await Self.run { stack, store, key, _ in
                let levels: [(options: [String], words: String)] = [
                    ([], "this tenant"), (["--department", "sales"], "the department `sales`"), (["--user", "ann"], "the user `ann`"),
                ]
                for (options, words) in levels {
                    for (period, resets) in [("day", "It resets at "), ("month", "It resets at "), ("total", "It does not reset.")] {
                        try await Self.budget(store, "set", "initech", options, period, limit: "0.000001")
                        for door in Door.allCases {
                            for streamed in [false, true] {
                                try await until("the budget at \(door)") {
                                    let fault = try await Self.ask(stack, door, key, Chat("echo", streamed: streamed)).fault
                                    return fault?.told == Documented.budgetExceeded.told(by: door)
                                        && fault?.message.contains("\(words), 0.000001 USD") == true
                                        && fault?.message.contains(resets) == true
                                }
                            }
                            let fault = try await Self.ask(stack, door, key).fault
                            #expect((fault?.retryAfterMilliseconds != nil) == (period != "total"))
                        }
                        try await Self.budget(store, "remove", "initech", options, period)
                    }
                }
                try await until("no budget") { try await Self.ask(stack, .wire, key).isWhole }
                #expect(try await Self.ask(stack, .http, stack.keys.main).isWhole)
            }
        }

        private static func budget(
            _ store: StoreCommands, _ verb: String, _ tenant: String, _ who: [String], _ period: String, limit: String? = nil
        )
            async throws
        {
            let arguments =
                ["budgets", verb, tenant] + who + ["--period", period] + (limit.map { ["--limit", $0] } ?? []) + store.options
            let end = try await ProductProcess.runToEnd("agentshield", arguments: arguments, environment: store.environment)
            guard end.status == .exited(0) else { throw StoreCommands.Failure(description: end.errorOutput) }
        }

        @Test("what was spent before a budget was set counts, also in an earlier life of the process; the figures are exact")
        func countsThePast() async throws {
            try await Self.run { stack, store, key, ledger in
                for door in Door.allCases { #expect(try await Self.ask(stack, door, key, Chat("say:9")).isWhole) }
                let rows = try await Self.command("ledger", "export", "--file", ledger, "--format", "jsonl", "--tenant", "initech")
                let spent = try rows.output.split(separator: "\n").reduce(0) { try $0 + (JSON(String($1)).int("cost_nano_usd") ?? 0) }
                #expect(spent > 0)
                let reconciled = try await Self.command("budgets", "reconcile", "--file", ledger, "--tenant", "initech", "--json")
                let wallets = try reconciled.output.split(separator: "\n").map { try JSON(String($0)) }
                #expect(reconciled.status == .exited(0) && wallets.map { $0.string("level") } == ["department", "tenant", "user"])
                #expect(
                    wallets.allSatisfy {
                        $0.int("month.spent") == spent && $0.int("month.difference") == 0 && $0.int("total.reserved") == 0
                    })
                // Not enough for a nano-USD more.
                let usd = String(format: "%.9f", Double(spent) / 1e9)
                try await Self.budget(store, "set", "initech", ["--user", "ann"], "month", limit: usd)
                try await until("the budget") {
                    try await Self.ask(stack, .http, key).fault?.told == Documented.budgetExceeded.told(by: .http)
                }
                try await Self.budget(store, "set", "initech", ["--user", "ann"], "month", limit: "1000")
                try await until("another budget") { try await Self.ask(stack, .http, key).isWhole }
                let listed = try await store.must("budgets", "list")
                #expect(try JSON(listed).string("limit_usd") == "1000.00" && JSON(listed).string("name") == "ann")
                #expect(try await store.must("budgets", "show", "initech") == listed)
                #expect(try await store.run("budgets", "show", "acme").status == .exited(66))
                #expect(try await store.run("budgets", "remove", "initech", "--period", "day").status == .exited(66))
                #expect(try await store.run("budgets", "set", "initech", "--period", "day", "--limit", "-1").status == .exited(64))
                #expect(
                    try await store.run("budgets", "set", "initech", "--user", "a", "--department", "b", "--period", "day", "--limit", "1")
                        .status
                        == .exited(64))
            }
        }

        @Test("the reserved cap goes to the provider, a stream beyond it is cut, and one that is left is charged what was produced")
        func caps() async throws {
            let (line, assumed) = ("\nlimits: {", "\nlimits: {assumed_output_tokens: 10, ")
            try await Self.run(configure: { $0.replacing(line, with: assumed) }) { stack, store, key, ledger in
                try await Self.budget(store, "set", "initech", [], "day", limit: "5")
                try await until("the budget") {
                    try await stack.provider.forget()
                    _ = try await Self.ask(stack, .http, key)
                    return try await stack.provider.bodies().first?.contains(#""max_tokens":10"#) == true
                }
                for door in Door.allCases {
                    #expect(try await Self.ask(stack, door, key, Chat("say:50")).outputTokens == 10)
                    // Pieces smaller than a token.
                    let whole = try await Self.ask(stack, door, key, Chat("say:10+pieces:1", streamed: true))
                    #expect(whole.isWhole && whole.text.count > 40 && whole.finishReason == "stop", "\(whole)")
                    // A provider that takes no notice: ten tokens have 1,280 bytes at most.
                    let reply = try await Self.ask(stack, door, key, Chat("say:1000+no-limit", streamed: true))
                    #expect(reply.isWhole && (1_270...1_280).contains(reply.text.utf8.count), "\(reply.text.utf8.count)")
                    #expect(reply.finishReason == (door == .http ? "length" : "2"))
                    let caller = try await door.connect(stack, key: key)
                    // Long enough to be left before its end, however slow the machine.
                    let call = try await caller.begin(Chat("say:9+slow-1000ms", streamed: true))
                    try await call.begun()
                    call.cancel()
                    caller.close()
                }
                try await until("the rows of those that left") {
                    try await Self.command("ledger", "export", "--file", ledger).output.split(separator: "\r\n").count {
                        $0.contains(",cancelled,")
                    } == 2
                }
                let export = try await Self.command("ledger", "export", "--file", ledger, "--format", "jsonl", "--tenant", "initech")
                let rows = try export.output.split(separator: "\n").map { try JSON(String($0)) }
                let left = rows.filter { $0.string("outcome") == "cancelled" }
                #expect(left.allSatisfy { ($0.int("cost_nano_usd") ?? 0) > 0 && ($0.int("output_tokens") ?? 0) > 0 })
                let repriced = try await Self.command("ledger", "reprice", "--file", ledger)
                #expect(repriced.status == .exited(0) && repriced.output.contains("difference 0 nano-USD"), "\(repriced)")
                let reconciled = try await Self.command("budgets", "reconcile", "--file", ledger)
                #expect(reconciled.status == .exited(0) && reconciled.output.contains("difference 0 nano-USD"))
                // A column that says something else than its row.
                try SQLiteConnection(path: ledger).execute(
                    "UPDATE entries SET cost = cost + 7 WHERE sequence = 1 AND tenant_id = 'initech'")
                let differing = try await Self.command("budgets", "reconcile", "--file", ledger)
                #expect(differing.status == .exited(65) && differing.output.contains("initech tenant, t: the file's sum has "))
            }
        }

        @Test("what a killed gateway had reserved is charged in full by the next one, in one row, when its time is over")
        func killed() async throws {
            try await withTemporaryDirectory { directory in
                let ledger = directory.appendingPathComponent("ledger.sqlite").path
                let extra = "ledger: {file: \"\(ledger)\"}\ntenants: {acme: {budget: {day: 1}}}\n"
                func expired() async throws -> [JSON] {
                    try await Self.command("ledger", "export", "--file", ledger, "--format", "jsonl").output.split(separator: "\n")
                        .map { try JSON(String($0)) }.filter { $0.string("outcome") == "expired" }
                }
                try await Stack.run(extra: extra) { stack in
                    let caller = try await Door.http.connect(stack, key: stack.keys.main)
                    defer { caller.close() }
                    // It is looked at and killed long before its deadline, behind which its reservation is over.
                    let call = try await caller.begin(Chat("say:1000+slow-50ms", streamed: true, deadlineMilliseconds: 15_000))
                    try await call.begun()
                    let open = try await Self.command("budgets", "reconcile", "--file", ledger, "--json")
                    let wallets = try open.output.split(separator: "\n").map { try JSON(String($0)) }
                    #expect(wallets.count == 1 && (wallets[0].int("day.reserved") ?? 0) > 0 && wallets[0].int("day.spent") == 0)
                    stack.gateway.kill(SIGKILL)
                    #expect(await stack.gateway.waitForExit() == .signalled(SIGKILL))
                    try stack.removeAuthority()
                }
                #expect(try await expired().isEmpty)
                try await Stack.run(extra: extra) { stack in
                    try await until("the row") { try await !expired().isEmpty }
                    #expect(try await Self.ask(stack, .http, stack.keys.main).isWhole)
                }
                let rows = try await expired()
                #expect(rows.count == 1 && (rows[0].int("cost_nano_usd") ?? 0) > 0)
                let repriced = try await Self.command("ledger", "reprice", "--file", ledger)
                #expect(repriced.status == .exited(0), "\(repriced)")
                let verified = try await Self.command("ledger", "verify", "--file", ledger)
                #expect(verified.status == .exited(0))
            }
        }

        @Test("the wallets in a running gateway's memory are compared with its file, and a sum in the file that is wrong is found")
        func reconcilesMemory() async throws {
            try await withTemporaryDirectory { directory in
                let (ledger, store) = (directory.appendingPathComponent("ledger.sqlite").path, directory.appendingPathComponent("s").path)
                let environment = Keys.environment.merging(["CONTROL_CREDENTIAL": "a-credential-for-tests-thirty-two-bytes"]) { $1 }
                func reconcile(_ arguments: String...) async throws -> (status: ProductProcess.ExitStatus, output: String, error: String) {
                    let run = try await ProductProcess.runToEnd(
                        "agentshield", arguments: ["budgets", "reconcile", "--credential-env", "CONTROL_CREDENTIAL"] + arguments,
                        environment: environment)
                    return (run.status, run.output, run.errorOutput)
                }
                try await Stack.run(
                    environment: environment, listen: "  control: {address: \"127.0.0.1:0\", credential_env: CONTROL_CREDENTIAL}\n",
                    extra: "control: {file: \"\(store)\"}\nledger: {file: \"\(ledger)\"}\ntenants: {acme: {budget: {day: 1}}}\n"
                ) { stack in
                    for door in Door.allCases { #expect(try await Self.ask(stack, door, stack.keys.main, Chat("say:9")).isWhole) }
                    let caller = try await Door.http.connect(stack, key: stack.keys.main)
                    defer { caller.close() }
                    let call = try await caller.begin(Chat("say:10000+slow-50ms", streamed: true))
                    try await call.begun()
                    let alone = try await reconcile("--file", ledger)
                    #expect(alone.status == .exited(0) && alone.output.contains("the file alone was looked at"), "\(alone)")
                    let control = "http://localhost:\(try #require(stack.controlPort))"
                    let both = try await reconcile("--file", ledger, "--control", control)
                    #expect(both.status == .exited(0) && both.output.contains("difference 0 nano-USD"), "\(both)")
                    let wallets = try await reconcile("--file", ledger, "--control", control, "--json")
                    let wallet = try JSON(String(try #require(wallets.output.split(separator: "\n").first)))
                    #expect(
                        (wallet.int("day.reserved") ?? 0) > 0 && (wallet.int("day.spent") ?? 0) > 0 && wallet.int("day.difference") == 0)
                    call.cancel()
                    // Somebody changes what a row counts as, which its record does not say.
                    let sqlite = try SQLiteConnection(path: ledger)
                    try sqlite.execute("UPDATE entries SET cost = cost + 7 WHERE sequence = 1")
                    let wrong = try await reconcile("--file", ledger, "--control", control)
                    #expect(wrong.status == .exited(65) && wrong.output.contains("the file's sum has"), "\(wrong)")
                    #expect(wrong.output.contains("difference 21 nano-USD"), "\(wrong)")
                    #expect(!wrong.output.contains("the gateway has"), "\(wrong)")
                }
                let gone = try await reconcile("--file", ledger, "--control", "http://127.0.0.1:1")
                #expect(gone.status == .exited(69) && gone.error.contains("nothing answers"), "\(gone)")
            }
        }

        @Test("a gateway that cannot count budgets does not start with any, in the file or in the store")
        func needsLedger() async throws {
            try await withTemporaryDirectory { directory in
                let keys = try await Keys.shared
                let file = directory.appendingPathComponent("gateway.yaml")
                func start(_ extra: String) async throws -> (status: ProductProcess.ExitStatus, error: String) {
                    let text = GatewayFile(providerURL: "http://127.0.0.1:1", keys: keys).text + extra
                    try Data(text.utf8).write(to: file)
                    let run = try await ProductProcess.runToEnd(
                        "agentshield", arguments: ["serve", "--config", file.path], environment: Keys.environment)
                    return (run.status, run.errorOutput)
                }
                let inFile = try await start("tenants: {acme: {budget: {day: 1}}}\n")
                #expect(inFile.status == .exited(78) && inFile.error.contains("no durable ledger to count by"))
                let store = directory.appendingPathComponent("control.sqlite").path
                #expect(try await Self.command("tenants", "create", "acme", "--store", store).status == .exited(0))
                #expect(
                    try await Self.command("budgets", "set", "acme", "--period", "day", "--limit", "1", "--store", store).status
                        == .exited(0))
                let inStore = try await start("control: {file: \"\(store)\"}\n")
                #expect(inStore.status == .exited(78) && inStore.error.contains("of the tenant acme"))
            }
        }
    }
}
