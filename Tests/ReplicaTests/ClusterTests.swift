import Foundation
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    /// Whole gateways on what large installations put in Redis' and PostgreSQL's place.
    @Suite("on a Redis cluster, and behind PgBouncer", .timeLimit(.minutes(10)))
    struct ClusterTests {
        private struct Scene {
            let replicas: Replicas
            let store: StoreCommands
            let redisURL: String
            /// A tenant on each node, and its key.
            let callers: [(tenant: String, key: String)]

            func command(_ arguments: String...) async throws -> (status: ProductProcess.ExitStatus, output: String, errorOutput: String) {
                var environment = store.environment
                environment["REDIS_URL"] = redisURL
                return try await ProductProcess.runToEnd("agentshield", arguments: arguments, environment: environment)
            }

            func rows(_ tenant: String) async throws -> [[String: Any]] {
                try await command("ledger", "export", "--format", "jsonl").output.split(separator: "\n").compactMap {
                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                }.filter { $0["tenant"] as? String == tenant }
            }
        }

        private static func run(
            _ url: String, _ store: StoreCommands, tenants: [String], _ body: (Scene) async throws -> Void
        ) async throws {
            var callers: [(tenant: String, key: String)] = []
            for tenant in tenants {
                try await store.must("tenants", "create", tenant)
                try await store.must("users", "create", "ana", "--tenant", tenant)
                callers.append((tenant, try await store.createKey("k", of: tenant, "--user", "ana", "--concurrent-streams", "3")))
                try await store.must("budgets", "set", tenant, "--period", "day", "--limit", "1")
            }
            var setup = Replicas.Setup(count: 2, redis: url, store: store)
            setup.eventLoops = 2
            setup.cacheMode = "always"
            try await Replicas.run(setup) { replicas in
                let scene = Scene(replicas: replicas, store: store, redisURL: url, callers: callers)
                for (_, key) in callers {
                    for index in 0..<2 {
                        try await until("the key and its budget") {
                            try await replicas.calling(with: key).chat(index, "echo", "warm \(UUID())", maxTokens: 7).status == 200
                        }
                    }
                }
                try await body(scene)
            }
        }

        /// What gateways do with their stores, for one tenant: caps, cache, budgets, records, and what is left of a replica that is killed.
        private static func everything(_ scene: Scene, _ tenant: String, _ replicas: Replicas) async throws {
            func cache(_ index: Int) async throws -> String? {
                try await replicas.chat(index, "echo", "of \(tenant)", maxTokens: 7).headers.first(name: "x-agentshield-cache")
            }
            #expect(try await cache(0) == "miss")
            try await until("the other replica tells it") { try await cache(1) == "hit" }
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<6 {
                    group.addTask {
                        try await replicas.chat(index, "echo+delay-8000ms", "at once \(index) of \(tenant)", maxTokens: 7).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 3 && statuses.count { $0 == 429 } == 3, "\(statuses)")
            let receipt = try #require(
                try await replicas.chat(0, "echo", "receipt of \(tenant)", maxTokens: 7).headers.first(name: "x-request-id"))
            try await until("its row") { try await scene.rows(tenant).contains { "\($0)".contains(receipt) } }
        }

        private static func reconciles(_ scene: Scene) async throws {
            try await until("wallets and ledger agree") {
                let end = try await scene.command("budgets", "reconcile")
                return end.status == .exited(0) && end.output.hasSuffix("difference 0 nano-USD\n")
            }
        }

        @Test("a gateway finds each tenant's node: limits, budgets, cache and records; what a killed replica had reserved is charged")
        func redisCluster() async throws {
            // One on each node, whatever hashes say.
            let tenants = try (0..<3).map { node in
                try #require((0..<1_000).lazy.map { "tenant-\($0)" }.first { RedisCluster.node(of: $0) == node })
            }
            try await withTemporaryDirectory { directory in
                try await StoreKind.postgresql.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await RedisCluster.run { cluster in
                        try await until("the cluster is up") {
                            try await cluster.nodes[0].send("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true
                        }
                        try await Self.run(cluster.nodes[0].url, store, tenants: tenants) { scene in
                            for (tenant, key) in scene.callers {
                                try await Self.everything(scene, tenant, scene.replicas.calling(with: key))
                            }
                            for (index, node) in cluster.nodes.enumerated() {
                                let keys = try await node.keys()
                                #expect(
                                    keys.contains { $0.contains(":\(tenants[index])") || $0.hasSuffix(":held") }, "node \(index): \(keys)")
                            }
                            let purged = try await scene.command("cache", "purge", "--yes")
                            #expect(purged.status == .exited(0) && !purged.output.hasPrefix("0 "), "\(purged)")
                            for node in cluster.nodes { #expect(try await node.keys("*:answer:*").isEmpty) }
                            try await Self.reconciles(scene)

                            // Requests of each tenant die with their replica, and are charged by the other's mover.
                            let streams = scene.callers.map { _, key in
                                Task {
                                    try? await scene.replicas.calling(with: key)
                                        .chat(0, "say:200+slow-200ms", streamed: true, maxTokens: 200, deadlineMilliseconds: 15_000)
                                }
                            }
                            try await until("they are under way") { try await scene.replicas.providerFigure("active") == tenants.count }
                            scene.replicas.members[0].process.kill(SIGKILL)
                            for stream in streams { _ = await stream.value }
                            for tenant in tenants {
                                try await until("the row of the request that nobody ended") {
                                    try await scene.rows(tenant).contains { $0["outcome"] as? String == "expired" }
                                }
                            }
                            try await Self.reconciles(scene)
                            #expect(!scene.replicas.members[1].process.errorOutput.contains("lost"))
                        }
                    }
                }
            }
        }

        @Test("a gateway and its commands work through PgBouncer in transaction mode: keys, revocation, prices, budgets and the ledger")
        func pooler() async throws {
            try await withTemporaryDirectory { directory in
                let folder = try await PostgresCluster.prepare(inside: directory)
                try await PostgresCluster.run(in: folder, port: FreePort.find()) { cluster in
                    try await PostgresPooler.run(to: cluster) { port in
                        let store = StoreCommands(
                            options: [],
                            environment: ["AGENTSHIELD_PEPPER": Replicas.pepper, "DATABASE_URL": cluster.url("postgres", port: port)],
                            configuration: "", folder: folder, cluster: cluster)
                        try await store.must("migrate")
                        try await RedisProcess.run { redis in
                            try await Self.run(redis.url, store, tenants: ["initech", "hooli"]) { scene in
                                for (tenant, key) in scene.callers {
                                    try await Self.everything(scene, tenant, scene.replicas.calling(with: key))
                                }
                                try await Self.reconciles(scene)
                                let rotated = try StoreCommands.key(
                                    try await store.must("keys", "rotate", "--id", "k", "--tenant", "hooli", "--overlap", "0s"))
                                let (old, new) = (scene.replicas.calling(with: scene.callers[1].key), scene.replicas.calling(with: rotated))
                                for index in 0..<2 {
                                    try await until("the new secret") {
                                        try await new.chat(index, "echo", "new \(UUID())", maxTokens: 7).status == 200
                                    }
                                    try await until("the old one is refused") { try await old.chat(index).status == 401 }
                                }
                                try await store.must("panic", "on", "initech")
                                let stopped = scene.replicas.calling(with: scene.callers[0].key)
                                for index in 0..<2 { try await until("it is stopped") { try await stopped.chat(index).status == 503 } }
                                #expect(scene.replicas.members.allSatisfy { !$0.process.errorOutput.contains("cannot be reached") })
                            }
                        }
                    }
                }
            }
        }
    }
}
