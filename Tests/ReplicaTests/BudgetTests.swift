import Foundation
import GatewayCore
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("share budgets in Redis, with the ledger in PostgreSQL", .timeLimit(.minutes(5)))
    struct BudgetTests {
        private struct Scene {
            let replicas: Replicas
            let store: StoreCommands
            let redis: RedisProcess

            func command(_ arguments: String...) async throws -> (status: ProductProcess.ExitStatus, output: String, error: String) {
                var environment = store.environment
                environment["REDIS_URL"] = redis.url
                let run = try await ProductProcess.runToEnd("agentshield", arguments: arguments, environment: environment)
                return (run.status, run.output, run.errorOutput)
            }

            /// The rows of the ledger.
            func rows() async throws -> [[String: Any]] {
                try await command("ledger", "export", "--format", "jsonl").output.split(separator: "\n").compactMap {
                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                }
            }

            func reconciles() async throws -> Bool {
                let end = try await command("budgets", "reconcile")
                return end.status == .exited(0) && end.output.hasSuffix("difference 0 nano-USD\n")
            }
        }

        /// - Parameter prepare: what is in the store before the gateways start.
        private static func run(
            _ count: Int, sections: String = "", prepare: (StoreCommands) async throws -> Void = { _ in },
            _ body: (Scene) async throws -> Void
        ) async throws {
            try await withTemporaryDirectory { directory in
                try await StoreKind.postgresql.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await prepare(store)
                    try await RedisProcess.run { redis in
                        var setup = Replicas.Setup(count: count, sections: sections, redis: redis.url, store: store)
                        setup.eventLoops = 2
                        try await Replicas.run(setup) { replicas in
                            try await body(Scene(replicas: replicas, store: store, redis: redis))
                        }
                    }
                }
            }
        }

        @Test("eight processes never spend more than random budgets together, and the wallets agree with the ledger to the nano-USD")
        func neverOverspend() async throws {
            // Whoever hears of a budget later spends until then.
            let budgets = ([([], "month"), (["--user", "ana"], "day"), (["--user", "ana"], "total")] as [([String], String)]).map {
                (who: $0.0, period: $0.1, nanoUSD: Int.random(in: 30_000...60_000))
            }
            let limit = budgets.map(\.nanoUSD).min() ?? 0
            func prepare(_ store: StoreCommands) async throws {
                for (who, period, nanoUSD) in budgets {
                    print("budget of \(who), \(period): \(nanoUSD) nano-USD")
                    let set = try await store.run(
                        ["budgets", "set", "acme"] + who + ["--period", period, "--limit", "0.0000\(nanoUSD)"])
                    #expect(set.status == .exited(0), "\(set)")
                }
            }
            try await Self.run(8, prepare: prepare) { scene in
                let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                    for client in 0..<8 {
                        group.addTask {
                            let connection = try await scene.replicas.connect(client)
                            defer { connection.close() }
                            var statuses: [Int] = []
                            for number in 0..<20 {
                                let answer = try await connection.chat("say:\(1 + number % 5)", streamed: number % 2 == 0, maxTokens: 5)
                                statuses.append(answer.status)
                            }
                            return statuses
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(Set(statuses) == [200, 402])
                try await until("all rows in the ledger") { try await scene.rows().count == statuses.count }
                let spent = try await scene.rows().reduce(0) { $0 + ($1["cost_nano_usd"] as? Int ?? 0) }
                print("8 gateways, random budgets: \(spent) nano-USD spent of \(limit)")
                #expect(spent > 0 && spent <= limit)
                try await until("wallets and ledger agree") { try await scene.reconciles() }
            }
        }

        @Test(
            "what a killed replica had reserved is charged at its bound by another, in one row; without Redis nothing with a budget is served"
        )
        func killed() async throws {
            try await Self.run(2) { scene in
                #expect(try await scene.command("budgets", "set", "acme", "--period", "day", "--limit", "1").status == .exited(0))
                try await until("the budget") {
                    _ = try await scene.replicas.chat(0, maxTokens: 7)
                    return try await scene.redis.send("HEXISTS", RedisKey.wallet(tenant: "acme", .tenant).name, "tr").integer == 1
                }
                // It is looked at and killed long before its deadline, behind which its reservation is over.
                async let cut = scene.replicas.chat(0, "say:100+slow-300ms", streamed: true, maxTokens: 100, deadlineMilliseconds: 15_000)
                try await until("the request is under way") { try await scene.replicas.providerFigure("active") == 1 }
                #expect(try await scene.redis.send("ZCARD", RedisKey.holds(bucket: RedisKey.bucket(of: "acme")).name).integer == 1)
                scene.replicas.members[0].process.kill(SIGKILL)
                _ = try? await cut
                try await until("the row of the request that nobody ended") {
                    try await scene.rows().contains { $0["outcome"] as? String == "expired" }
                }
                let expired = try await scene.rows().filter { $0["outcome"] as? String == "expired" }
                #expect(expired.count == 1 && expired[0]["is_estimated"] as? Bool == true)
                // 100 tokens at 0.60, and as many as the body has bytes at 0.15 USD per million.
                #expect((expired[0]["cost_nano_usd"] as? Int ?? 0) > 60_000)
                try await until("wallets and ledger agree") { try await scene.reconciles() }

                // What is wrong is found and told, and mended.
                let wallet = RedisKey.wallet(tenant: "acme", .tenant).name
                try await scene.redis.send("HINCRBY", wallet, "t", "17")
                let wrong = try await scene.command("budgets", "reconcile")
                #expect(
                    wrong.status == .exited(65) && wrong.output.contains("difference 17 nano-USD")
                        && wrong.output.contains("acme tenant, t:"))
                try await scene.redis.send("DEL", wallet)
                #expect(try await scene.command("budgets", "reconcile", "--rebuild").status == .exited(0))
                #expect(try await scene.reconciles())
                #expect(try await scene.replicas.chat(1, maxTokens: 7).status == 200)

                scene.redis.process.kill(SIGKILL)
                try await until("refusals") { try await scene.replicas.chat(1, maxTokens: 7).status == 503 }
            }
        }

        @Test(
            "while PostgreSQL stands still records wait in Redis up to the mark, then requests are refused, and none that was answered is lost"
        )
        func streamIsFull() async throws {
            try await Self.run(1, sections: "ledger: {max_stream_length: 100}") { scene in
                #expect(try await scene.replicas.chat().status == 200)
                try await until("the row") { try await scene.rows().count == 1 }
                // A record leaves the stream when PostgreSQL has said that it has it.
                let stream = RedisKey.ledger(bucket: RedisKey.bucket(of: "acme")).name
                try await until("the stream is empty") { try await scene.redis.send("XLEN", stream).integer == 0 }
                scene.store.cluster?.signalAll(SIGSTOP)
                var refusal: Answer?
                for number in 0..<101 {
                    let answer = try await scene.replicas.chat()
                    #expect(answer.status == (number < 100 ? 200 : 503))
                    refusal = answer
                }
                #expect(refusal?.body.contains("ledger_unavailable") == true && refusal?.headers.first(name: "retry-after") == "1")
                #expect(try await scene.redis.send("XLEN", stream).integer == 100)
                scene.store.cluster?.signalAll(SIGCONT)
                try await until("room") { try await scene.replicas.chat().status == 200 }
                // The refused have no rows.
                try await until("the rows") { try await scene.rows().count == 102 }
            }
        }
    }
}
