import Foundation
import NIOHTTP1
import ProcessSupport
import Testing
import TokenForge

extension ReplicaTests {
    /// What ends a credential or stops traffic, in gateways that run.
    @Suite("stop what has no right to go on", .timeLimit(.minutes(10)))
    struct StopTests {
        /// As many gateways as `AGENTSHIELD_REPLICAS` says; `make replicas` has 50.
        private static let count = ProcessInfo.processInfo.environment["AGENTSHIELD_REPLICAS"].flatMap { Int($0) } ?? 3

        private static func with(_ kind: StoreKind, _ body: (StoreCommands) async throws -> Void) async throws {
            try await withTemporaryDirectory { directory in
                try await kind.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await store.must("tenants", "create", "initech")
                    try await body(store)
                }
            }
        }

        /// When every replica answered each key so, asked again and again.
        private static func instant(_ replicas: Replicas, _ keys: [String], _ status: Int) async throws -> ContinuousClock.Instant {
            try await withThrowingTaskGroup(of: ContinuousClock.Instant.self) { group in
                for index in replicas.members.indices {
                    for key in keys {
                        group.addTask {
                            let connection = try await replicas.calling(with: key).connect(index)
                            defer { connection.close() }
                            try await until("\(status)") { try await connection.chat().status == status }
                            return .now
                        }
                    }
                }
                return try await group.reduce(into: .now) { $0 = max($0, $1) }
            }
        }

        @Test(
            "a panic stops keys of the store, keys of the file and tokens on every gateway, and their streams; how soon is printed",
            arguments: StoreKind.allCases)
        func panic(kind: StoreKind) async throws {
            let signing = SigningKey(secret: Array("a-shared-secret-of-thirty-two-bytes-or-more".utf8))
            try await Self.with(kind) { store in
                let key = try await store.createKey("k", of: "initech")
                var setup = Replicas.Setup(count: Self.count, eventLoops: 2, store: store)
                setup.authentication = [
                    "profiles: {staff: {models: [\"*\"]}}",
                    "issuers: [{id: corp, issuer: \"https://corp.example/\", audiences: [shield], algorithm: HS256, secret_env: ISSUER_SECRET, tenant: acme, profile: staff}]",
                ]
                setup.environment["ISSUER_SECRET"] = signing.secretText
                let now = Int(Date().timeIntervalSince1970)
                let token = try signing.token(
                    id: nil, payload: #"{"iss":"https://corp.example/","aud":"shield","sub":"ana","exp":\#(now + 3_600)}"#)
                try await Replicas.run(setup) { replicas in
                    let keys = [key, replicas.key, token]
                    _ = try await Self.instant(replicas, keys, 200)
                    async let ends = withThrowingTaskGroup(of: ContinuousClock.Instant.self) { group in
                        for index in replicas.members.indices {
                            for key in keys {
                                group.addTask {
                                    // Minutes long: what ends it is not its own end.
                                    let answer = try await replicas.calling(with: key).chat(index, "say:10000+slow-50ms", streamed: true)
                                    #expect(answer.body.contains("traffic_stopped") && !answer.body.contains("[DONE]"))
                                    return .now
                                }
                            }
                        }
                        return try await group.reduce(into: ContinuousClock.now) { $0 = max($0, $1) }
                    }
                    try await until("streams on all of them") { try await replicas.providerFigure("active") == 3 * Self.count }
                    try await store.must("panic", "on")
                    let committed = ContinuousClock.now
                    let (refused, ended) = (try await Self.instant(replicas, keys, 503), try await ends)
                    print(
                        """
                        \(Self.count) gateways on \(kind.rawValue), a panic: keys of the store and of the file and tokens refused by the last of them \
                        \(refused - committed) after the command's end; the last stream ended \(ended - committed) after it
                        """)
                    // The promise is a second, kept by counting polls in ControlFollowerTests; this fails only where it is broken altogether.
                    #expect(max(refused, ended) - committed < .seconds(30))
                    try await store.must("panic", "off")
                    _ = try await Self.instant(replicas, keys, 200)
                }
            }
        }

        @Test(
            "a key that expires and a secret whose overlap ends are refused in a gateway that runs, and their streams end",
            arguments: StoreKind.allCases)
        func expiry(kind: StoreKind) async throws {
            try await Self.with(kind) { store in
                // The file's key ends when gateways have had time to start, however slow the machine.
                let end = Date(timeIntervalSinceNow: 60)
                var setup = Replicas.Setup(count: 1, store: store)
                setup.eventLoops = 2
                setup.keyExpires = end.ISO8601Format()
                try await Replicas.run(setup) { replicas in
                    let rotated = try await store.createKey("rotated", of: "initech")
                    let expiring = try await store.createKey("expiring", of: "initech", "--expires", "40s")
                    let second = try StoreCommands.key(
                        try await store.must("keys", "rotate", "--id", "rotated", "--tenant", "initech", "--overlap", "40s"))
                    let ending = [expiring, rotated, replicas.key]
                    for key in ending + [second] {
                        try await until("a key that is good") { try await replicas.calling(with: key).chat().status == 200 }
                    }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for key in ending {
                            group.addTask {
                                let answer = try await replicas.calling(with: key).chat(0, "say:10000+slow-50ms", streamed: true)
                                #expect(answer.status == 200 && answer.body.contains("invalid_api_key") && !answer.body.contains("[DONE]"))
                            }
                        }
                        try await group.waitForAll()
                    }
                    for key in ending {
                        try await until("it is refused") { try await replicas.calling(with: key).chat().status == 401 }
                    }
                    // It is written in whole seconds.
                    #expect(Date() > end - 1)
                    #expect(try await replicas.calling(with: second).chat().status == 200)
                }
            }
        }

        @Test("what no gateway can have issued is refused without a look-up; an unknown key is looked up once")
        func junk() async throws {
            try await Self.with(.postgresql) { store in
                let cluster = try #require(store.cluster)
                let key = try await store.createKey("k", of: "initech")
                try await Replicas.run(Replicas.Setup(store: store)) { replicas in
                    let database = TroubledReplicaTests.StoreFaultTests.Database(cluster: cluster)
                    try await database.say("ALTER SYSTEM SET log_statement = 'all'")
                    try await database.say("SELECT pg_reload_conf()")
                    func lookUps() -> Int { cluster.process.errorOutput.split(separator: "\n").count { $0.contains("api_key_hashes") } }
                    try await until("statements are logged") { cluster.process.errorOutput.contains("control_state") }
                    let before = lookUps()
                    let last = key.last == "A" ? "B" : "A"
                    for junk in [
                        "", "junk", "ask_", "ask_junk", String(key.dropLast()) + last, key + "A", String(key.dropFirst()), key.uppercased(),
                    ] {
                        #expect(try await replicas.calling(with: junk).chat().status == 401)
                    }
                    #expect(lookUps() == before)
                    // One that could be a key is looked up, so the log does show it.
                    #expect(try await replicas.calling(with: key).chat().status == 200)
                    try await until("a look-up") { lookUps() > before }
                }
            }
        }
    }
}
