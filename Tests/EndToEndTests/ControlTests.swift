import Foundation
import GatewayCrypto
import ProcessSupport
import Testing
import TokenForge

extension EndToEndTests {
    @Suite("tenants and keys of a store", .timeLimit(.minutes(5)))
    struct ControlTests {
        /// A request through a connection of its own.
        private static func ask(_ stack: Stack, _ door: Door, key: String, _ chat: Chat = Chat("echo")) async throws -> Reply {
            let caller = try await door.connect(stack, key: key)
            defer { caller.close() }
            return try await caller.chat(chat)
        }

        /// Waits until every replica answers so, at both doors.
        private static func all(
            _ replicas: Replicas, key: String, answer expected: Documented?, _ what: String
        ) async throws {
            for stack in replicas.stacks {
                for door in Door.allCases {
                    try await until("\(what) through \(door)") {
                        let reply = try await ask(stack, door, key: key)
                        return reply.fault?.told == expected?.told(by: door) && (expected != nil || reply.isWhole)
                    }
                }
            }
        }

        /// A stream through each door of each replica, each begun; ended by the body's doing.
        private static func streams(
            _ replicas: Replicas, key: String, endWith expected: Documented, _ body: () async throws -> Void
        ) async throws {
            var calls: [(call: Call, door: Door)] = []
            var callers: [any Caller] = []
            defer { callers.forEach { $0.close() } }
            for stack in replicas.stacks {
                for door in Door.allCases {
                    let caller = try await door.connect(stack, key: key)
                    callers.append(caller)
                    // Minutes long: what ends them is not their own end.
                    let call = try await caller.begin(Chat("say:10000+slow-50ms", streamed: true))
                    try await call.begun()
                    calls.append((call, door))
                }
            }
            try await body()
            for (call, door) in calls {
                let reply = try await call.reply()
                #expect(reply.fault?.told == expected.told(by: door, midStream: true), "\(door)")
                #expect(!reply.isWhole || door == .http)
            }
        }

        @Test("a new key is good at once on every replica, a revoked one on none, and its streams end", arguments: StoreKind.allCases)
        func revokes(kind: StoreKind) async throws {
            try await Replicas.run(2, over: kind) { replicas in
                try await replicas.store.must("tenants", "create", "initech")
                let (key, other) = (
                    try await replicas.store.createKey("k1", of: "initech"), try await replicas.store.createKey("k2", of: "initech")
                )
                try await Self.all(replicas, key: key, answer: nil, "a new key")
                try await Self.streams(replicas, key: key, endWith: .unauthenticated) {
                    try await replicas.store.must("keys", "revoke", "--id", "k1", "--tenant", "initech")
                }
                try await Self.all(replicas, key: key, answer: .unauthenticated, "a revoked key")
                try await Self.all(replicas, key: other, answer: nil, "another key of the tenant")
                try await Self.all(replicas, key: replicas.stacks[0].keys.main, answer: nil, "a key of the file")
                // What was unknown and comes to be is known, before the memory of it would end by itself.
                #expect(try await Self.ask(replicas.stacks[0], .http, key: key).fault != nil)
                let late = try await replicas.store.createKey("k3", of: "initech")
                try await Self.all(replicas, key: late, answer: nil, "a late key")
            }
        }

        @Test("after a rotation both secrets are good, without an overlap the new one alone", arguments: StoreKind.allCases)
        func rotates(kind: StoreKind) async throws {
            try await Replicas.run(1, over: kind) { replicas in
                try await replicas.store.must("tenants", "create", "initech")
                let first = try await replicas.store.createKey("k", of: "initech")
                try await Self.all(replicas, key: first, answer: nil, "the first secret")
                let second = try StoreCommands.key(
                    try await replicas.store.must("keys", "rotate", "--id", "k", "--tenant", "initech", "--overlap", "1d"))
                try await Self.all(replicas, key: second, answer: nil, "the second secret")
                try await Self.all(replicas, key: first, answer: nil, "the first secret in the overlap")
                try await Self.streams(replicas, key: first, endWith: .unauthenticated) {
                    try await replicas.store.must("keys", "rotate", "--id", "k", "--tenant", "initech", "--overlap", "0s")
                }
                try await Self.all(replicas, key: second, answer: .unauthenticated, "the second secret")
            }
        }

        @Test(
            "a paused tenant, a stopped one and one of another region are refused by name, and streams end", arguments: StoreKind.allCases)
        func stops(kind: StoreKind) async throws {
            try await Replicas.run(1, over: kind, extra: { _ in "replica: {region: eu}\n" }) { replicas in
                let store = replicas.store
                try await store.must("tenants", "create", "initech", "--region", "eu")
                try await store.must("tenants", "create", "hooli")
                // A tenant of the file's keys may be in the store too.
                try await store.must("tenants", "create", "acme")
                let (key, other) = (try await store.createKey("k", of: "initech"), try await store.createKey("k", of: "hooli"))
                let own = replicas.stacks[0].keys.main
                try await Self.streams(replicas, key: key, endWith: .tenantPaused) { try await store.must("tenants", "pause", "initech") }
                try await Self.all(replicas, key: key, answer: .tenantPaused, "a paused tenant")
                try await store.must("tenants", "resume", "initech")
                try await Self.all(replicas, key: key, answer: nil, "a resumed tenant")
                try await Self.streams(replicas, key: key, endWith: .wrongRegion) {
                    try await store.must("tenants", "region", "initech", "--region", "us")
                }
                try await Self.all(replicas, key: key, answer: .wrongRegion, "a tenant of another region")
                try await store.must("tenants", "region", "initech")
                try await Self.all(replicas, key: key, answer: nil, "a tenant of any region")
                try await Self.streams(replicas, key: own, endWith: .trafficStopped) { try await store.must("panic", "on", "acme") }
                try await Self.all(replicas, key: own, answer: .trafficStopped, "a stopped tenant")
                try await Self.all(replicas, key: other, answer: nil, "another tenant")
                try await store.must("panic", "off", "acme")
                try await Self.streams(replicas, key: other, endWith: .trafficStopped) { try await store.must("panic", "on") }
                for key in [key, other, own] { try await Self.all(replicas, key: key, answer: .trafficStopped, "everybody") }
                try await store.must("panic", "off")
                for key in [key, other, own] { try await Self.all(replicas, key: key, answer: nil, "everybody again") }
            }
        }

        @Test("a tenant whose callers bring tokens alone is paused, stopped and bound as any other", arguments: StoreKind.allCases)
        func stopsTokens(kind: StoreKind) async throws {
            let signing = try SigningKey(.es256)
            let publicKey = try signing.publicPEM
            let issuers = """
                auth:
                  profiles: {staff: {models: ["*"], limits: {requests_per_minute: 600000, burst: 600000}}}
                  issuers:
                    - {id: one, issuer: "https://one.example/", audiences: [shield], algorithm: ES256, public_key_file: one.pem, tenant: initech, profile: staff}
                    - {id: many, issuer: "https://many.example/", audiences: [shield], algorithm: ES256, public_key_file: one.pem, tenant_claim: org, tenants: [hooli, acme], profile: staff}

                """
            try await Replicas.run(
                1, over: kind, extra: { _ in "replica: {region: eu}\n" },
                configure: { text, folder in
                    try Data(publicKey.utf8).write(to: folder.appendingPathComponent("one.pem"))
                    return text.replacing("auth:\n", with: issuers, maxReplacements: 1)
                }
            ) { replicas in
                let store = replicas.store
                func token(_ issuer: String, _ tenant: String) throws -> String {
                    let now = Int(Date().timeIntervalSince1970)
                    return try signing.token(
                        id: nil,
                        payload:
                            #"{"iss":"https://\#(issuer).example/","aud":"shield","sub":"ana","org":"\#(tenant)","exp":\#(now + 3600)}"#)
                }
                let (one, many) = (try token("one", "-"), try token("many", "hooli"))
                // Tenants that the store does not know are nobody's business.
                for token in [one, many] { try await Self.all(replicas, key: token, answer: nil, "a token of an unknown tenant") }
                try await store.must("tenants", "create", "initech", "--region", "us")
                try await Self.all(replicas, key: one, answer: .wrongRegion, "a token of another region's tenant")
                try await store.must("tenants", "region", "initech", "--region", "eu")
                try await Self.all(replicas, key: one, answer: nil, "a token of this region's tenant")
                try await Self.streams(replicas, key: one, endWith: .tenantPaused) { try await store.must("tenants", "pause", "initech") }
                try await Self.all(replicas, key: one, answer: .tenantPaused, "a token of a paused tenant")
                try await Self.all(replicas, key: many, answer: nil, "a token of another tenant")
                try await store.must("tenants", "create", "hooli")
                try await Self.streams(replicas, key: many, endWith: .trafficStopped) { try await store.must("panic", "on", "hooli") }
                try await Self.all(replicas, key: many, answer: .trafficStopped, "a token of a stopped tenant")
                try await store.must("panic", "off", "hooli")
                try await store.must("tenants", "resume", "initech")
                for token in [one, many] { try await Self.all(replicas, key: token, answer: nil, "a token again") }
            }
        }

        @Test("commands tell what is wrong, and no file or log has a key in it", arguments: StoreKind.allCases)
        func tellsNothing(kind: StoreKind) async throws {
            try await Replicas.run(1, over: kind) { replicas in
                let store = replicas.store
                try await store.must("tenants", "create", "initech")
                try await store.must("tenants", "create", "hooli")
                try await store.must("departments", "create", "sales", "--tenant", "initech")
                try await store.must("users", "create", "ann", "--tenant", "initech", "--department", "sales")
                let key = try await store.createKey(
                    "k", of: "initech", "--department", "sales", "--user", "ann", "--models", "echo,say:*", "--requests-per-minute", "1000",
                    "--expires", "30d")
                try await Self.all(replicas, key: key, answer: nil, "a key with rights")
                #expect(
                    try await Self.ask(replicas.stacks[0], .http, key: key, Chat("memo")).fault?.told
                        == Documented.modelNotFound.told(by: .http))
                // Another tenant's ids are nobody's.
                #expect(try await store.run("keys", "revoke", "--id", "k", "--tenant", "hooli").status == .exited(66))
                #expect(try await store.run("keys", "rotate", "--id", "k", "--tenant", "hooli").status == .exited(66))
                let stranger = try await store.run("keys", "create", "--id", "x", "--tenant", "hooli", "--user", "ann")
                #expect(stranger.status == .exited(65) && stranger.errorOutput.contains("no such tenant, department or user"))
                #expect(try await store.run("keys", "create", "--id", "k", "--tenant", "initech").status == .exited(65))
                #expect(try await store.run("tenants", "create", "no spaces").status == .exited(65))
                #expect(try await store.run("tenants", "pause", "nobody").status == .exited(66))
                for what in ["keys", "users", "departments"] {
                    #expect(try await store.run(what, "list", "--tenant", "nobody").status == .exited(66))
                }
                let over = try await store.run("keys", "create", "--id", "x", "--tenant", "hooli", "--expires", "2020-01-01T00:00:00Z")
                #expect(over.status == .exited(64) && over.errorOutput.contains("would never be good"))
                let none = try await store.run("keys", "create", "--id", "x", "--tenant", "hooli", "--requests-per-minute", "0")
                #expect(none.status == .exited(64) && none.errorOutput.contains("at least 1"))
                let id = try await store.run("keys", "create", "--id", "no spaces", "--tenant", "hooli")
                #expect(id.status == .exited(65) && id.errorOutput.contains("1 to 64 letters"))
                let made = try JSON(
                    try await store.must("keys", "create", "--id", "j", "--tenant", "hooli", "--json", "--models", "echo, say:*"))
                let secret = try #require(made.string("key"))
                try await Self.all(replicas, key: secret, answer: nil, "a key that was told in JSON")
                let next = try JSON(try await store.must("keys", "rotate", "--id", "j", "--tenant", "hooli", "--json")).string("key")
                #expect(next != nil && next != secret)
                // Nobody is there to be asked whether the key is to end.
                try await store.must("keys", "revoke", "--id", "j", "--tenant", "hooli")
                #expect(try JSON(try await store.must("panic", "status")).has("stopped"))
                #expect(try JSON(try await store.must("panic", "status", "hooli")).string("id") == "hooli")
                if kind == .sqlite {
                    let mistyped = store.folder.appendingPathComponent("mistyped.sqlite").path
                    let lost = try await ProductProcess.runToEnd("agentshield", arguments: ["tenants", "list", "--store", mistyped])
                    #expect(lost.status == .exited(66) && !FileManager.default.fileExists(atPath: mistyped))
                }
                #expect(try JSON(try await store.must("keys", "list", "--tenant", "hooli")).has("revoked_at"))
                let listed = try JSON(try await store.must("keys", "list", "--tenant", "initech"))
                #expect(listed.string("id") == "k" && listed.string("user") == "ann" && listed.int("requests_per_minute") == 1_000)
                try await Self.all(replicas, key: key, answer: nil, "the key after all that")

                let keyBytes = Data(key.utf8)
                for file in try FileManager.default.subpathsOfDirectory(atPath: store.folder.path) {
                    let data = FileManager.default.contents(atPath: store.folder.appendingPathComponent(file).path)
                    #expect(data?.range(of: keyBytes) == nil, "\(file)")
                }
                for stack in replicas.stacks { #expect(!stack.gateway.errorOutput.contains(key)) }
            }
        }
    }
}
