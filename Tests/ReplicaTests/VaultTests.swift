import Foundation
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    /// Whether secrets are where they belong and nowhere else: everything that others may read is searched for each of them.
    @Suite("secrets", .timeLimit(.minutes(10)))
    struct VaultTests {
        /// What nobody may find, by what it is.
        private static let fixed = [
            "the provider's key": "provider-key-e1c7a90b5d3f48", "Redis' password": "redis-password-7b20d4f69c1e",
            "the credential of the listener for administration": "control-credential-3f8e5a71c9d204b6", "the pepper": Replicas.pepper,
            "PostgreSQL's password": PostgresCluster.password,
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
                        try await Self.search(store, redis, monitor)
                        monitor.stop()
                    }
                }
            }
        }

        private static func search(_ store: StoreCommands, _ redis: RedisProcess, _ monitor: RedisMonitor) async throws {
            let password = fixed["Redis' password"] ?? ""
            let setup = Replicas.Setup(
                count: 2, keyLimits: "requests_per_minute: 600000, tokens_per_minute: 10000000, concurrent_requests: 50",
                redis: "redis://:\(password)@127.0.0.1:\(redis.port)", store: store,
                listen: ["control: {address: \"127.0.0.1:0\", credential_env: CONTROL_CREDENTIAL}"],
                provider: ", api_key_env: PROVIDER_KEY", logLevel: "trace",
                environment: [
                    "PROVIDER_KEY": fixed["the provider's key"] ?? "",
                    "CONTROL_CREDENTIAL": fixed["the credential of the listener for administration"] ?? "",
                ])
            try await store.must("tenants", "create", "initech")
            let first = try await store.createKey("k", of: "initech")
            try await Replicas.run(setup) { replicas in
                let second = try StoreCommands.key(try await store.must("keys", "rotate", "--id", "k", "--tenant", "initech"))
                let wrong = String(first.dropLast(4)) + "AAAA"
                for index in replicas.members.indices {
                    for key in [replicas.key, first, second, wrong, "ask_junk", ""] {
                        let caller = replicas.calling(with: key)
                        for model in ["echo", "fail-401", "fail-500", "no such model", "cut"] {
                            _ = try await caller.chat(index, model)
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
                let commands = try await store.must("keys", "list", "--tenant", "initech") + store.must("tenants", "list")
                try await redis.send("SAVE")
                var places = [Place(name: "what commands print", marker: "initech", data: Data(commands.utf8))]
                for (index, member) in replicas.members.enumerated() {
                    places.append(
                        Place(
                            name: "the log of gateway \(index)", marker: "fail-401",
                            data: Data((member.process.output + member.process.errorOutput).utf8)))
                }
                places.append(Place(name: "Redis' MONITOR", marker: "EVALSHA", data: Data(monitor.text.utf8)))
                places += try await redisFiles(redis)
                places += try await storeFiles(store)
                places.append(contentsOf: commandLines())
                var secrets = fixed
                secrets["a key of the file"] = replicas.key
                secrets["the first key of the store"] = first
                secrets["its second"] = second
                for place in places {
                    #expect(place.data.range(of: Data(place.marker.utf8)) != nil, "\(place.name) was not searched")
                    for (name, secret) in secrets {
                        #expect(place.data.range(of: Data(secret.utf8)) == nil, "\(name) is in \(place.name)")
                        // A prefix would be enough to know whose it is, a suffix to guess the rest.
                        #expect(place.data.range(of: Data(secret.dropFirst(8).utf8)) == nil, "\(name), cut, is in \(place.name)")
                    }
                }
            }
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
                let files = try FileManager.default.contentsOfDirectory(atPath: store.folder.path).filter { $0.hasPrefix("control.sqlite") }
                return try #require(files.contains("control.sqlite-wal") ? files : nil).map { file in
                    Place(
                        name: file, marker: file.hasSuffix("-shm") ? "" : "initech",
                        data: FileManager.default.contents(atPath: store.folder.appendingPathComponent(file).path) ?? Data())
                }.filter { !$0.data.isEmpty && !$0.marker.isEmpty }
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
