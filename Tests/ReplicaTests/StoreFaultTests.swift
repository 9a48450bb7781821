import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension TroubledReplicaTests {
    /// Each trouble of PostgreSQL beside each caller. docs/control-plane.md has the same as a table.
    @Suite("PostgreSQL in trouble", .timeLimit(.minutes(10)))
    struct StoreFaultTests {
        enum Trouble: String, CaseIterable, Sendable {
            /// Every process of it stands still.
            case stopped
            /// Every question waits, as behind a lock or a full disk.
            case slow
            /// Look-ups wait; what has changed is still told.
            case slowLookUps
            case killed
            /// The server answers, and takes nobody in.
            case turnedAway

            func begin(_ database: Database) async throws {
                switch self {
                case .stopped: database.cluster.signalAll(SIGSTOP)
                case .slow: try await database.hold("agentshield.control_state")
                case .slowLookUps: try await database.hold("agentshield.api_key_hashes")
                case .killed: await database.cluster.stop()
                case .turnedAway:
                    try await database.say("ALTER DATABASE agents ALLOW_CONNECTIONS false")
                    try await database.say("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'agents'")
                }
            }

            func end(_ database: Database) async throws {
                switch self {
                case .stopped: database.cluster.signalAll(SIGCONT)
                case .slow, .slowLookUps: try await database.release()
                case .killed: break
                case .turnedAway:
                    try await database.say("ALTER DATABASE agents ALLOW_CONNECTIONS true")
                }
            }
        }

        /// The tests' own access to the server, through psql.
        struct Database: Sendable {
            let cluster: PostgresCluster
            var url: String { cluster.url("agents") }

            func say(_ sql: String) async throws {
                let end = try await ProductProcess.runToEnd(
                    try Programs.postgres("psql"), arguments: arguments(sql), environment: ["PGPASSWORD": PostgresCluster.password])
                guard end.status == .exited(0) else { throw StoreCommands.Failure(description: end.errorOutput) }
            }

            func hold(_ table: String) async throws {
                let hold = "BEGIN; LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600) AS held"
                Task { [self] in
                    _ = try? await ProductProcess.runToEnd(
                        try Programs.postgres("psql"), arguments: arguments(hold, "agents"),
                        environment: ["PGPASSWORD": PostgresCluster.password])
                }
                try await until("the lock") {
                    do {
                        try await say(
                            "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted) > 0; END $$")
                        return true
                    } catch {
                        return false
                    }
                }
            }

            func release() async throws {
                try await say(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%AS held' AND pid <> pg_backend_pid()")
            }

            private func arguments(_ sql: String, _ database: String = "postgres") -> [String] {
                [
                    "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(cluster.port), "-U", PostgresCluster.user, "-d",
                    database, "-c", sql,
                ]
            }
        }

        private static let lost = "the store of keys cannot be reached"
        private static let back = "the store of keys is there"
        private static let environment = ["AGENTSHIELD_PEPPER": Replicas.pepper]

        /// A server with an empty schema, whose folder and port outlive it.
        private static func with(_ body: (PostgresCluster, StoreCommands) async throws -> Void) async throws {
            try await withTemporaryDirectory { directory in
                let folder = try await PostgresCluster.prepare(inside: directory)
                try await PostgresCluster.run(in: folder, port: FreePort.find()) { cluster in
                    let database = Database(cluster: cluster)
                    try await database.say("CREATE DATABASE agents")
                    let store = StoreCommands(
                        options: [], environment: environment.merging(["DATABASE_URL": database.url]) { $1 }, configuration: "",
                        folder: folder, cluster: cluster)
                    try await store.must("migrate")
                    try await store.must("tenants", "create", "initech")
                    try await body(cluster, store)
                }
            }
        }

        @Test("known keys and the file's go on, unknown ones are told so in time, and all is well afterwards", arguments: Trouble.allCases)
        func trouble(trouble: Trouble) async throws {
            try await Self.with { cluster, store in
                let known = try await store.createKey("known", of: "initech")
                var unknown: [String] = []
                for index in 0..<3 { unknown.append(try await store.createKey("unknown-\(index)", of: "initech")) }
                let strangers = unknown
                try await Replicas.run(Replicas.Setup(store: store)) { replicas in
                    let gateway = replicas.members[0].process
                    let database = Database(cluster: cluster)
                    try await until("a known key") { try await replicas.calling(with: known).chat().status == 200 }
                    try await trouble.begin(database)
                    // Nobody has noticed yet: whoever asks first waits, but never longer than it says.
                    let began = ContinuousClock.now
                    let hasty = try await replicas.calling(with: strangers[0]).chat(deadlineMilliseconds: 300)
                    print(
                        "gateways, PostgreSQL \(trouble), an unknown key, deadline 300 ms: \(hasty.status) after \(ContinuousClock.now - began)"
                    )
                    #expect([503, 504].contains(hasty.status))
                    let patient = try await replicas.calling(with: strangers[1]).chat()
                    #expect(patient.status == 503 && patient.headers.first(name: "retry-after") == "1", "\(patient)")
                    if trouble != .slowLookUps { _ = try await gateway.errorLine(containing: Self.lost, timeout: .seconds(60)) }
                    let refusedAt = ContinuousClock.now
                    #expect(try await replicas.calling(with: strangers[2]).chat().status == 503)
                    print("gateways, PostgreSQL \(trouble), noticed, an unknown key: 503 after \(ContinuousClock.now - refusedAt)")
                    for _ in 0..<8 {
                        #expect(try await replicas.chat().status == 200)
                        #expect(try await replicas.calling(with: known).chat().status == 200)
                    }
                    try await trouble.end(database)
                    try await Self.withServer(trouble, cluster) {
                        for key in strangers {
                            try await until("an unknown key again") { try await replicas.calling(with: key).chat().status == 200 }
                        }
                        try await store.must("keys", "revoke", "--id", "known", "--tenant", "initech")
                        try await until("what changed meanwhile") { try await replicas.calling(with: known).chat().status == 401 }
                    }
                    let lines = gateway.errorOutput.split(separator: "\n").filter { $0.contains("store") }
                    #expect(lines.count <= 8, "\(lines.joined(separator: "\n"))")
                }
            }
        }

        /// A server that was killed has a successor at its address.
        private static func withServer(_ trouble: Trouble, _ cluster: PostgresCluster, _ body: () async throws -> Void) async throws {
            guard trouble == .killed else { return try await body() }
            try await PostgresCluster.run(in: cluster.directory, port: cluster.port) { _ in try await body() }
        }

        @Test(
            "Redis and PostgreSQL gone at once: each rule holds as if it were alone, and both are found again",
            arguments: ["local", "refuse"], [true, false])
        func bothGone(rule: String, isKilled: Bool) async throws {
            try await Self.with { cluster, store in
                let (known, unknown) = (
                    try await store.createKey("known", of: "initech"), try await store.createKey("unknown", of: "initech")
                )
                try await RedisProcess.run { redis in
                    // Records go through Redis too: who counts alone keeps them on the disk meanwhile.
                    let spool = FileManager.default.temporaryDirectory.appendingPathComponent("spool-\(UUID().uuidString)")
                    defer { try? FileManager.default.removeItem(at: spool) }
                    let ledger = rule == "local" ? "ledger: {without_store: spool, spool: \"\(spool.path)\"}" : ""
                    let setup = Replicas.Setup(
                        sections: "limits: {without_redis: \(rule)}\n\(ledger)", redis: redis.url, redisTimeout: "3s", store: store)
                    try await Replicas.run(setup) { replicas in
                        let gateway = replicas.members[0].process
                        try await until("a known key") { try await replicas.calling(with: known).chat().status == 200 }
                        if isKilled {
                            redis.process.kill(SIGKILL)
                            _ = await redis.process.waitForExit()
                            await cluster.stop()
                        } else {
                            redis.process.kill(SIGSTOP)
                            cluster.signalAll(SIGSTOP)
                        }
                        _ = try await gateway.errorLine(containing: Self.lost, timeout: .seconds(60))
                        // Until it is noticed each waits for Redis.
                        for _ in 0..<6 { _ = try await replicas.chat() }
                        for _ in 0..<8 {
                            let expected = rule == "local" ? 200 : 503
                            #expect(try await replicas.chat().status == expected)
                            #expect(try await replicas.calling(with: known).chat().status == expected)
                            let refused = try await replicas.calling(with: unknown).chat()
                            #expect(refused.status == 503 && refused.body.contains("authority_unavailable"))
                        }
                        let began = ContinuousClock.now
                        let answer = try await replicas.calling(with: unknown).chat(deadlineMilliseconds: 300)
                        print("gateways, Redis and PostgreSQL gone, deadline 300 ms: \(answer.status) after \(ContinuousClock.now - began)")
                        func allAgain() async throws {
                            for key in [unknown, known, replicas.key] {
                                try await until("all again") { try await replicas.calling(with: key).chat().status == 200 }
                            }
                        }
                        if isKilled {
                            try await RedisProcess.run(port: redis.port) { _ in
                                try await PostgresCluster.run(in: cluster.directory, port: cluster.port) { _ in try await allAgain() }
                            }
                        } else {
                            redis.process.kill(SIGCONT)
                            cluster.signalAll(SIGCONT)
                            try await allAgain()
                        }
                        let lines = gateway.errorOutput.split(separator: "\n").filter {
                            $0.contains("store of keys") || $0.contains("redis.state")
                        }
                        #expect(lines.count <= 8, "\(lines.joined(separator: "\n"))")
                    }
                }
            }
        }

        @Test("PostgreSQL gone for the whole run: the file's keys are served or not, as configured; a panic says that it stopped nothing")
        func goneForTheWholeRun() async throws {
            let port = try FreePort.find()
            let environment = Self.environment.merging(["DATABASE_URL": "postgresql://gateway:hunter2@127.0.0.1:\(port)/agents"]) { $1 }
            let store = StoreCommands(
                options: [], environment: environment, configuration: "", folder: FileManager.default.temporaryDirectory, cluster: nil)
            for (lines, status) in [([], 200), (["without_store: refuse"], 503)] {
                try await Replicas.run(Replicas.Setup(store: store, authentication: lines)) { replicas in
                    for _ in 0..<4 {
                        let answer = try await replicas.chat()
                        #expect(answer.status == status && (status == 200 || answer.body.contains("authority_unavailable")))
                    }
                    #expect(replicas.members[0].process.errorOutput.split(separator: "\n").count { $0.contains("store of keys") } <= 2)
                    #expect(!replicas.members[0].process.errorOutput.contains("hunter2"))
                }
            }
            let panic = try await store.run("panic", "on")
            #expect(panic.status == .exited(69))
            #expect(panic.errorOutput.contains("Nothing was stopped") && !panic.errorOutput.contains("hunter2"), "\(panic.errorOutput)")
        }

        @Test("a panic outlives the loss of the store, and holds from a gateway's first request on")
        func panic() async throws {
            try await Self.with { cluster, store in
                try await store.must("panic", "on")
                try await Replicas.run(Replicas.Setup(store: store, authentication: ["stale_max: 1s"])) { replicas in
                    #expect(try await replicas.chat().status == 503)
                    await cluster.stop()
                    _ = try await replicas.members[0].process.errorLine(containing: "keys of the store are refused", timeout: .seconds(60))
                    let answer = try await replicas.chat()
                    #expect(answer.status == 503 && answer.body.contains("traffic_stopped"))
                    try await PostgresCluster.run(in: cluster.directory, port: cluster.port) { _ in
                        try await store.must("panic", "off")
                        try await until("traffic again") { try await replicas.chat().status == 200 }
                    }
                }
            }
        }
    }
}
