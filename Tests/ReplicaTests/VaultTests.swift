import Foundation
import GatewayCrypto
import ProcessSupport
import RedisStore
import Testing
import TokenForge

extension TroubledReplicaTests {
    /// Whether secrets are where they belong and nowhere else: everything that others may read is searched for each of them.
    @Suite("secrets", .timeLimit(.minutes(10)))
    struct VaultTests {
        /// What nobody may find, by what it is.
        private static let fixed = [
            "the provider's key": "provider-key-e1c7a90b5d3f48", "Redis' password": "redis-password-7b20d4f69c1e",
            "the credential of the listener for administration": "control-credential-3f8e5a71c9d204b6", "the pepper": Replicas.pepper,
            "PostgreSQL's password": PostgresCluster.password,
            "the key of a provider of Anthropic's dialect": "anthropic-key-5d0b9e7f2c8a41", "the key of Azure": "azure-key-9c2e61f4a8b30d",
            "an issuer's shared secret": "issuer-secret-4b8e0c6f1a3d5729b7e2c0",
            "the secret of the origin": "origin-secret-c81d5f0b3a967e24d2b1c0",
            "the one before it": "former-origin-secret-7e4a09b1f6c3d258",
            "the pepper before it": "former-pepper-d2b6e1c9a70f4583", "the key of the ledger's chain": "ledger-key-a93e7c5d1f0b8264",
            "the key of hashes in texts": "hash-key-6f1c8e3a0d7b5924",
        ]
        /// Variables of the gateway, by the names above.
        private static let variables = [
            "PROVIDER_KEY": "the provider's key", "CONTROL_CREDENTIAL": "the credential of the listener for administration",
            "CLAUDE_KEY": "the key of a provider of Anthropic's dialect", "AZURE_KEY": "the key of Azure",
            "ISSUER_SECRET": "an issuer's shared secret", "ORIGIN_SECRET": "the secret of the origin",
            "FORMER_ORIGIN_SECRET": "the one before it", "FORMER_PEPPER": "the pepper before it",
            "LEDGER_KEY": "the key of the ledger's chain",
            "HASH_KEY": "the key of hashes in texts",
        ]

        /// Text that others may read.
        private struct Place {
            var name: String
            /// What shows that the place was searched: it is there.
            var marker: String
            var data: Data
        }

        @Test(
            "no store, dump, log or command line has a provider's key, a key of ours, a pepper or a password", arguments: StoreKind.allCases
        )
        func search(kind: StoreKind) async throws {
            try await withTemporaryDirectory { directory in
                try await kind.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await RedisProcess.run(["--appendonly", "yes"]) { redis in
                        try await redis.send("CONFIG", "SET", "requirepass", Self.fixed["Redis' password"] ?? "")
                        let monitor = try await redis.monitor()
                        try await Self.search(store, redis, monitor, directory)
                        monitor.stop()
                    }
                }
            }
        }

        /// A gateway with every secret that it can have.
        private static func setup(_ store: StoreCommands, _ redis: RedisProcess, _ folder: URL, _ certificate: DevelopmentCertificate)
            throws
            -> Replicas.Setup
        {
            var setup = Replicas.Setup(
                count: 2, keyLimits: "requests_per_minute: 600000, tokens_per_minute: 10000000, concurrent_requests: 50",
                redis: "redis://:\(fixed["Redis' password"] ?? "")@127.0.0.1:\(redis.port)", store: store,
                authentication: [
                    "previous_pepper_env: FORMER_PEPPER", "previous_pepper_id: \"0\"", "profiles: {staff: {models: [\"*\"]}}",
                    "issuers: [{id: corp, issuer: \"https://corp.example/\", audiences: [shield], algorithm: HS256, secret_env: ISSUER_SECRET, tenant: acme, profile: staff}]",
                ],
                listen: ["control: {address: \"127.0.0.1:0\", credential_env: CONTROL_CREDENTIAL}"],
                provider: ", api_key_env: PROVIDER_KEY", logLevel: "trace",
                environment: variables.compactMapValues { fixed[$0] })
            // Either ledger holds texts' hashes, never texts; the spool takes over when Redis is stopped.
            let ledger =
                store.cluster == nil
                ? "file: \"\(store.folder.path)/ledger.sqlite\"" : "without_store: spool, spool: \"\(folder.path)/spool\""
            setup.sections = """
                ledger: {\(ledger), key_env: LEDGER_KEY}
                edge: {origin_secret: {secret_env: ORIGIN_SECRET, previous_secret_env: FORMER_ORIGIN_SECRET}}
                scrub: {policies: {hashing: {kinds: {EMAIL: hash}, hash_key_env: HASH_KEY}}}
                """
            setup.cacheMode = "always"
            setup.files = ["server.pem": Data(certificate.certificate), "server.key": certificate.privateKey.withUnsafeBytes { Data($0) }]
            setup.tls = "{address: \"127.0.0.1:0\", certificate: server.pem, private_key: server.key, edge_proof: true}"
            setup.http = ", edge_proof: true"
            setup.providers = { url in
                [
                    "claude: {dialect: anthropic, base_url: \"\(url)\", api_key_env: CLAUDE_KEY}",
                    "azure: {preset: azure, base_url: \"\(url)\", api_key_env: AZURE_KEY}",
                ]
            }
            setup.models = ["claude", "azure"].map {
                "- {name: \($0), provider: \($0), upstream_name: echo, price: free, scrub: hashing, cache: {mode: always}}"
            }
            return setup
        }

        private static func search(_ store: StoreCommands, _ redis: RedisProcess, _ monitor: RedisMonitor, _ folder: URL) async throws {
            let certificate = try DevelopmentCertificate.make(now: Int64(Date().timeIntervalSince1970))
            let setup = try setup(store, redis, folder, certificate)
            let issuer = SigningKey(secret: Array((fixed["an issuer's shared secret"] ?? "").utf8))
            let token = try issuer.token(
                id: nil,
                payload:
                    #"{"iss":"https://corp.example/","aud":"shield","sub":"ana","exp":\#(Int(Date().timeIntervalSince1970) + 3_600)}"#)
            try await store.must("tenants", "create", "initech")
            let first = try await store.createKey("k", of: "initech")
            try await Replicas.run(setup) { unproven in
                let origin = fixed["the secret of the origin"] ?? ""
                let replicas = unproven.proving(origin)
                let second = try StoreCommands.key(try await store.must("keys", "rotate", "--id", "k", "--tenant", "initech"))
                let wrong = String(first.dropLast(4)) + "AAAA"
                for index in replicas.members.indices {
                    for (secret, status) in [
                        (origin, 200), (fixed["the one before it"] ?? "", 200), (String(origin.dropLast(4)) + "AAAA", 403),
                    ] {
                        #expect(try await unproven.proving(secret).chat(index).status == status)
                    }
                    for key in [replicas.key, first, second, token, wrong, "ask_junk", ""] {
                        let caller = replicas.calling(with: key)
                        for model in ["echo", "claude", "azure", "fail-401", "fail-500", "no such model", "cut"] {
                            _ = try await caller.chat(index, model, "Write to ana@example.com", idempotencyKey: "once-\(model)")
                            _ = try await caller.chat(index, model, streamed: true)
                        }
                    }
                    let port = try #require(replicas.members[index].controlPort)
                    for credential in [setup.environment["CONTROL_CREDENTIAL"] ?? "", "nobody"] {
                        let administration = try await Connection.open(port: port, key: credential)
                        _ = try await administration.get("/v1/tenants/initech/keys/k", host: "localhost:\(port)")
                        administration.close()
                    }
                    replicas.members[index].process.kill(SIGHUP)
                }
                try await until("a key that works") { try await replicas.calling(with: second).chat().status == 200 }
                #expect(try await replicas.calling(with: token).chat().status == 200)
                let commands = try await store.must("keys", "list", "--tenant", "initech") + store.must("tenants", "list")
                try await redis.send("SAVE")
                var places = [Place(name: "what commands print", marker: "initech", data: Data(commands.utf8))]
                places.append(Place(name: "Redis' MONITOR", marker: "EVALSHA", data: Data(monitor.text.utf8)))
                places += try await redisFiles(redis)
                places += try await storeFiles(store)
                if store.cluster != nil { places.append(try await spool(replicas, redis, folder)) }
                for (index, member) in replicas.members.enumerated() {
                    places.append(
                        Place(
                            name: "the log of gateway \(index)", marker: "fail-401",
                            data: Data((member.process.output + member.process.errorOutput).utf8)))
                }
                places.append(contentsOf: commandLines())
                var secrets = fixed
                secrets["a key of the file"] = replicas.key
                secrets["the first key of the store"] = first
                secrets["its second"] = second
                secrets["a token"] = token
                let lines = certificate.privateKey.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }.split(separator: "\n")
                for (number, line) in lines.dropFirst().dropLast().enumerated() where line.count > 20 {
                    secrets["line \(number) of the private key"] = String(line)
                }
                for place in places {
                    #expect(place.data.range(of: Data(place.marker.utf8)) != nil, "\(place.name) was not searched")
                    for (name, secret) in secrets {
                        #expect(place.data.range(of: Data(secret.utf8)) == nil, "\(name) is in \(place.name)")
                        // A beginning would be enough to know whose it is, an end to guess the rest.
                        let parts = [Data(secret.utf8.prefix(secret.utf8.count - 8)), Data(secret.utf8.dropFirst(8))]
                        for part in parts { #expect(place.data.range(of: part) == nil, "\(name), cut, is in \(place.name)") }
                    }
                }
            }
        }

        /// What gateways write on their disk while Redis is stopped.
        private static func spool(_ replicas: Replicas, _ redis: RedisProcess, _ folder: URL) async throws -> Place {
            redis.process.kill(SIGSTOP)
            defer { redis.process.kill(SIGCONT) }
            func files() -> Data {
                let spool = folder.appendingPathComponent("spool").path
                return ((try? FileManager.default.subpathsOfDirectory(atPath: spool)) ?? []).reduce(into: Data()) {
                    $0 += FileManager.default.contents(atPath: "\(spool)/\($1)") ?? Data()
                }
            }
            try await until("a record is spooled") {
                _ = try await replicas.chat(deadlineMilliseconds: 30_000)
                return files().range(of: Data("acme".utf8)) != nil
            }
            return Place(name: "the spool", marker: "acme", data: files())
        }

        /// Snapshot, log of commands, and the names of all keys.
        private static func redisFiles(_ redis: RedisProcess) async throws -> [Place] {
            let names = try await redis.send("KEYS", "*").elements.map { $0.compactMap(\.string) } ?? []
            var places = [Place(name: "the names of Redis' keys", marker: "rate", data: Data(names.joined(separator: "\n").utf8))]
            let folder = try #require(try await redis.send("CONFIG", "GET", "dir").elements.map { Array($0) }?.last?.string)
            var files = Data()
            for file in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                files += FileManager.default.contents(atPath: "\(folder)/\(file)") ?? Data()
            }
            places.append(Place(name: "Redis' files", marker: "rate", data: files))
            return places
        }

        /// PostgreSQL's dump, or SQLite's files with those of its log.
        private static func storeFiles(_ store: StoreCommands) async throws -> [Place] {
            guard let cluster = store.cluster else {
                let files = try FileManager.default.contentsOfDirectory(atPath: store.folder.path).filter { $0.contains(".sqlite") }
                let isThere = files.contains("control.sqlite-wal") && files.contains("ledger.sqlite")
                let all = try #require(isThere ? files : nil).reduce(into: Data()) {
                    $0 += FileManager.default.contents(atPath: store.folder.appendingPathComponent($1).path) ?? Data()
                }
                return [Place(name: "SQLite's files", marker: "initech", data: all)]
            }
            let dump = try await ProductProcess.runToEnd(
                try Programs.postgres("pg_dumpall"),
                arguments: ["-h", "127.0.0.1", "-p", String(cluster.port), "-U", PostgresCluster.user, "--no-role-passwords"],
                environment: ["PGPASSWORD": PostgresCluster.password])
            #expect(dump.status == .exited(0), "\(dump.errorOutput)")
            // Raw, with its write-ahead log; dumps leave out what was deleted.
            var files = Data()
            let folder = store.folder.appendingPathComponent("data").path
            for file in try FileManager.default.subpathsOfDirectory(atPath: folder) {
                files += FileManager.default.contents(atPath: "\(folder)/\(file)") ?? Data()
            }
            return [
                Place(name: "pg_dumpall", marker: "initech", data: Data(dump.output.utf8)),
                Place(name: "PostgreSQL's files", marker: "initech", data: files),
                Place(
                    name: "PostgreSQL's log", marker: "ready to accept connections",
                    data: Data((cluster.process.output + cluster.process.errorOutput).utf8)),
            ]
        }

        /// Of every process of this machine.
        private static func commandLines() -> [Place] {
            var lines = Data()
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(entry) != nil {
                lines += FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") ?? Data()
            }
            #if os(Linux)
            return [Place(name: "a command line", marker: "gateway.yaml", data: lines)]
            #else
            return []
            #endif
        }
    }
}
