import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension ReplicaTests {
    /// Two tenants with the same ids of departments, users and keys: whatever one of them presents of the other's, it gets nothing.
    @Suite("tenants that present each other's ids", .timeLimit(.minutes(10)))
    struct TenantTests {
        /// Where state is.
        enum Place: String, CaseIterable, Sendable {
            /// In the process and SQLite files.
            case embedded
            /// In Redis and PostgreSQL.
            case shared
        }

        enum Door: String, CaseIterable, Sendable {
            case http, wire
        }

        private static let credential = "control-credential-for-tests-3f8e5a71c9d2"

        private struct Scene {
            /// One tenant's, and the other's.
            let one: Replicas
            let other: Replicas
            let store: StoreCommands
            let door: Door

            var last: Int { one.members.count - 1 }

            /// - Returns: the error; `nil`: it was answered.
            func ask(
                _ caller: Replicas, _ model: String, _ text: String, index: Int = 0, streamed: Bool = false, idempotencyKey: String? = nil
            ) async throws -> String? {
                switch door {
                case .http:
                    let answer = try await caller.chat(index, model, text, streamed: streamed, idempotencyKey: idempotencyKey)
                    guard answer.status != 200 else { return answer.body.contains(text.split(separator: " ")[0]) ? nil : answer.body }
                    let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: [String: Any]]
                    return json?["error"]?["code"] as? String ?? "\(answer.status)"
                case .wire:
                    return try await WireClient.run(caller, index) { client in
                        let answer = try await client.chat(model, text, streamed: streamed, idempotencyKey: idempotencyKey)
                        return answer.error ?? (answer.text.contains(text.split(separator: " ")[0]) ? nil : answer.text)
                    }
                }
            }

            /// The same of one that must be answered.
            ///
            /// - Returns: how many requests the provider got for it.
            func sent(
                _ caller: Replicas, _ model: String, _ text: String, index: Int = 0, idempotencyKey: String? = nil
            ) async throws -> Int {
                let before = try await one.providerFigure("requests")
                let error = try await ask(caller, model, text, index: index, idempotencyKey: idempotencyKey)
                #expect(error == nil)
                return try await one.providerFigure("requests") - before
            }
        }

        private static func run(_ place: Place, _ door: Door, _ body: (Scene) async throws -> Void) async throws {
            try await withTemporaryDirectory { directory in
                let kind: StoreKind = place == .embedded ? .sqlite : .postgresql
                try await kind.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    var keys: [String] = []
                    for tenant in ["initech", "hooli"] {
                        try await store.must("tenants", "create", tenant)
                        try await store.must("departments", "create", "sales", "--tenant", tenant)
                        try await store.must("users", "create", "ana", "--tenant", tenant, "--department", "sales")
                        keys.append(try await store.createKey("k", of: tenant, "--user", "ana", "--department", "sales"))
                    }
                    var setup = Replicas.Setup(count: place == .embedded ? 1 : 2, store: store)
                    setup.eventLoops = 2
                    setup.cacheMode = "always"
                    setup.listen = ["control: {address: \"127.0.0.1:0\", credential_env: CONTROL_CREDENTIAL}"]
                    setup.environment = ["CONTROL_CREDENTIAL": credential]
                    if place == .embedded { setup.sections = "ledger: {file: \"\(directory.path)/ledger.sqlite\"}" }
                    func start(_ setup: Replicas.Setup) async throws {
                        try await Replicas.run(setup) { started in
                            let scene = Scene(
                                one: started.calling(with: keys[0]), other: started.calling(with: keys[1]), store: store, door: door)
                            for caller in [scene.one, scene.other] {
                                for index in started.members.indices {
                                    try await until("a key that is good") {
                                        try await scene.ask(caller, "echo", "warm \(UUID())", index: index) == nil
                                    }
                                }
                            }
                            try await body(scene)
                        }
                    }
                    guard place == .shared else { return try await start(setup) }
                    try await RedisProcess.run { redis in
                        setup.redis = redis.url
                        try await start(setup)
                    }
                }
            }
        }

        @Test("answers, streams under way and idempotency keys", arguments: Place.allCases, Door.allCases)
        func answers(place: Place, door: Door) async throws {
            try await Self.run(place, door) { scene in
                // Of the same tenant the second one is told what was kept, of another one it is not.
                #expect(try await scene.sent(scene.one, "echo", "kept for whom") == 1)
                try await until("it is kept") { try await scene.sent(scene.one, "echo", "kept for whom", index: scene.last) == 0 }
                #expect(try await scene.sent(scene.other, "echo", "kept for whom") == 1)

                // Nobody follows another tenant's stream, in the same process or elsewhere.
                let (model, text) = ("echo+slow-200ms", "told a word at a time and slowly")
                let before = try await scene.one.providerFigure("requests")
                async let first = scene.ask(scene.one, model, text, streamed: true)
                try await until("it was begun") { try await scene.one.providerFigure("requests") == before + 1 }
                async let equal = scene.ask(scene.one, model, text, index: scene.last, streamed: true)
                async let foreign = scene.ask(scene.other, model, text, index: scene.last, streamed: true)
                let errors = try await [first, equal, foreign]
                #expect(errors == [nil, nil, nil])
                #expect(try await scene.one.providerFigure("requests") == before + 2)

                // The same idempotency key is another one.
                let key = "order-1"
                #expect(try await scene.sent(scene.one, "echo+delay-1ms", "first order", idempotencyKey: key) == 1)
                #expect(try await scene.sent(scene.one, "echo+delay-1ms", "first order", index: scene.last, idempotencyKey: key) == 0)
                #expect(try await scene.ask(scene.one, "echo+delay-1ms", "other order", idempotencyKey: key) == "idempotency_conflict")
                #expect(try await scene.sent(scene.other, "echo+delay-1ms", "other order", index: scene.last, idempotencyKey: key) == 1)
            }
        }

        @Test("wallets, budgets, receipts and the interface for administration", arguments: Place.allCases, Door.allCases)
        func money(place: Place, door: Door) async throws {
            try await Self.run(place, door) { scene in
                let receipt = try #require(try await scene.one.chat(0, "echo", "paid for").headers.first(name: "x-request-id"))
                func found(_ caller: Replicas, _ index: Int) async throws -> Int {
                    let connection = try await caller.connect(index)
                    defer { connection.close() }
                    return try await connection.get("/v1/receipts/\(receipt)").status
                }
                // The last replica has never seen the request: what it tells is the store's.
                try await until("the receipt") { try await found(scene.one, scene.last) == 200 }
                for index in 0...scene.last { #expect(try await found(scene.other, index) == 404) }

                try await scene.store.must("budgets", "set", "initech", "--user", "ana", "--period", "total", "--limit", "0.000000001")
                for subject in [["--user", "ana"], ["--department", "sales"], []] as [[String]] {
                    let foreign = try await scene.store.run(["budgets", "remove", "hooli"] + subject + ["--period", "total"])
                    #expect(foreign.status != .exited(0), "\(foreign.output)")
                }
                for index in 0...scene.last {
                    try await until("the budget holds") {
                        try await scene.ask(scene.one, "echo", "too dear \(UUID())", index: index) == "budget_exceeded"
                    }
                    #expect(try await scene.ask(scene.other, "echo", "not too dear \(UUID())", index: index) == nil)
                }
                #expect(try await scene.store.run("budgets", "show", "hooli").status == .exited(66))
                #expect(try await scene.store.must("budgets", "show", "initech").contains("ana"))

                try await Self.administration(scene, place)
            }
        }

        private static func administration(_ scene: Scene, _ place: Place) async throws {
            let port = try #require(scene.one.members[0].controlPort)
            let admin = try await Connection.open(port: port, key: credential)
            defer { admin.close() }
            func ask(_ method: HTTPMethod, _ path: String, _ body: String = "") async throws -> Answer {
                try await admin.request(method, path, body, host: "localhost:\(port)")
            }
            for tenant in ["initech", "hooli"] {
                #expect(try await ask(.POST, "/v1/tenants/\(tenant)/departments", #"{"id": "of-\#(tenant)"}"#).status == 201)
                #expect(
                    try await ask(.POST, "/v1/tenants/\(tenant)/users", #"{"id": "user-of-\#(tenant)", "department": "of-\#(tenant)"}"#)
                        .status
                        == 201)
                #expect(try await ask(.POST, "/v1/tenants/\(tenant)/keys", #"{"id": "key-of-\#(tenant)"}"#).status == 201)
            }
            let foreign: [(HTTPMethod, String, String, Int)] = [
                (.POST, "users", #"{"id": "x", "department": "of-hooli"}"#, 422),
                (.POST, "keys", #"{"id": "x", "department": "of-hooli"}"#, 422),
                (.POST, "keys", #"{"id": "x", "user": "user-of-hooli"}"#, 422),
                (.GET, "keys/key-of-hooli", "", 404),
                (.POST, "keys/key-of-hooli/revoke", "", 404),
                (.POST, "keys/key-of-hooli/rotate", #"{"overlap_seconds": 0}"#, 404),
                (.GET, "keys/..%2F..%2Fhooli%2Fkeys%2Fkey-of-hooli", "", 404),
            ]
            for (method, path, body, status) in foreign {
                let answer = try await ask(method, "/v1/tenants/initech/\(path)", body)
                #expect(answer.status == status && !answer.body.contains("ask_"), "\(method) \(path): \(answer)")
            }
            for collection in ["departments", "users", "keys"] {
                let listed = try await ask(.GET, "/v1/tenants/initech/\(collection)").body
                #expect(listed.contains("of-initech") && !listed.contains("of-hooli"), "\(collection): \(listed)")
            }
            // What was spent by one is in no wallet of the other's.
            let wallets = try await ask(.GET, "/v1/tenants/hooli/wallets")
            #expect(wallets.status == (place == .embedded ? 200 : 404) && !wallets.body.contains("initech"))
        }
    }
}
