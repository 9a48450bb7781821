import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("a store that is out of reach", .timeLimit(.minutes(5)))
    struct ControlFaultTests {
        private static func told(_ stack: Stack, _ door: Door, _ key: String) async throws -> String? {
            let caller = try await door.connect(stack, key: key)
            defer { caller.close() }
            return try await caller.chat(Chat("echo")).fault?.told
        }

        private static func until(_ stack: Stack, _ key: String, _ expected: Documented?, _ what: String) async throws {
            for door in Door.allCases {
                try await EndToEndTests.wait("\(what) through \(door)") { try await told(stack, door, key) == expected?.told(by: door) }
            }
        }

        @Test("PostgreSQL that is stopped: known keys are good for `stale_max`, then 503; unknown ones 503; all is well when it goes on")
        func stopped() async throws {
            try await Replicas.run(1, over: .postgresql, extra: { _ in "" }, staleMax: "2s") { replicas in
                let (stack, store) = (replicas.stacks[0], replicas.store)
                let cluster = try #require(store.cluster)
                try await store.must("tenants", "create", "initech")
                let (known, unknown) = (try await store.createKey("k1", of: "initech"), try await store.createKey("k2", of: "initech"))
                try await Self.until(stack, known, nil, "a known key")
                let caller = try await HTTPCaller.connect(stack, key: known)
                defer { caller.close() }
                let running = try await caller.begin(Chat("say:10000+slow-50ms", streamed: true))
                try await running.begun()

                cluster.signalAll(SIGSTOP)
                #expect(try await Self.told(stack, .http, unknown) == Documented.authorityUnavailable.told(by: .http))
                _ = try await stack.gateway.errorLine(containing: "the store of keys cannot be reached")
                for door in Door.allCases {
                    #expect(try await Self.told(stack, door, unknown) == Documented.authorityUnavailable.told(by: door))
                }
                try await Self.until(stack, known, .authorityUnavailable, "a known key whose authority is too old")
                try await Self.until(stack, stack.keys.main, nil, "a key of the file")
                // The log is written beside the answers.
                _ = try await stack.gateway.errorLine(containing: "keys of the store are refused")

                cluster.signalAll(SIGCONT)
                try await Self.until(stack, unknown, nil, "an unknown key again")
                try await Self.until(stack, known, nil, "a known key again")
                // What ran on meanwhile still does, and still ends with its key.
                try await store.must("keys", "revoke", "--id", "k1", "--tenant", "initech")
                #expect(try await running.reply().fault?.told == Documented.unauthenticated.told(by: .http, midStream: true))
                let lines = stack.gateway.errorOutput.split(separator: "\n").filter { $0.contains("store") }
                #expect(lines.count < 12, "\(lines.joined(separator: "\n"))")
            }
        }

        @Test("PostgreSQL that was restarted is used again, and a gateway that starts without it serves the file's keys")
        func restarted() async throws {
            try await withTemporaryDirectory { directory in
                let folder = try await PostgresCluster.prepare(inside: directory)
                let port = try FreePort.find()
                let url = try await PostgresCluster.run(in: folder, port: port) { $0.url("postgres") }
                let environment = Keys.environment.merging(["DATABASE_URL": url]) { $1 }
                let store = StoreCommands(options: [], environment: environment, configuration: "", folder: folder, cluster: nil)
                try await Stack.run(environment: environment) { stack in
                    #expect(try await Self.told(stack, .http, stack.keys.main) == nil)
                    #expect(try await store.run("tenants", "list").status != .exited(0))
                    for round in 1...2 {
                        try await PostgresCluster.run(in: folder, port: port) { _ in
                            #expect(try await store.run("migrate").status == .exited(0))
                            if round == 1 { try await store.must("tenants", "create", "initech") }
                            let key = try await store.createKey("k\(round)", of: "initech")
                            try await Self.until(stack, key, nil, "a key of round \(round)")
                        }
                    }
                    #expect(try await Self.told(stack, .http, stack.keys.main) == nil)
                }
            }
        }
    }

    fileprivate static func wait(_ what: String, _ isThere: () async throws -> Bool) async throws {
        try await until(what, within: .seconds(60), isThere)
    }
}
