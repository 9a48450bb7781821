import Foundation
import GatewayCrypto
import ProcessSupport
import Testing
import TokenForge

extension EndToEndTests {
    @Suite("tokens as credentials", .timeLimit(.minutes(4)))
    struct TokenTests {
        static let issuer = "https://login.example.com/"

        static func token(_ key: SigningKey, _ id: String?, user: String = "ana", seconds: Int = 3600, audience: String = "shield") throws
            -> String
        {
            let now = Int(Date().timeIntervalSince1970)
            return try key.token(
                id: id,
                payload:
                    #"{"iss":"\#(issuer)","aud":"\#(audience)","sub":"\#(user)","org":"acme","iat":\#(now - 60),"exp":\#(now + seconds)}"#)
        }

        static func document(_ keys: [(SigningKey, String)]) throws -> String {
            #"{"keys":[\#(try keys.map { try $0.jwk(id: $1) }.joined(separator: ","))]}"#
        }

        private static func run<Result>(
            _ server: KeySetServer, maximumAge: String = "1h", refresh: String = "1h", _ body: (Stack) async throws -> Result
        ) async throws -> Result {
            try await Stack.run(
                configure: { text, folder in
                    try Data(server.authority.utf8).write(to: folder.appendingPathComponent("issuer-ca.pem"))
                    return text.replacing(
                        "auth:\n",
                        with: """
                            auth:
                              profiles:
                                staff: {models: ["echo*"], limits: {requests_per_minute: 600000, burst: 600000}}
                                narrow: {models: ["echo"], limits: {requests_per_minute: 1, burst: 2}}
                              issuers:
                                - id: corp
                                  issuer: "\(issuer)"
                                  audiences: [shield]
                                  algorithm: ES256
                                  jwks_url: \(server.url)
                                  ca_file: issuer-ca.pem
                                  refresh_interval: \(refresh)
                                  minimum_refresh_interval: 1s
                                  fetch_timeout: 2s
                                  maximum_age: \(maximumAge)
                                  tenant_claim: org
                                  tenants: [acme]
                                  profile_claim: group
                                  profile: staff

                            """)
                }, body)
        }

        private func chat(_ stack: Stack, _ door: Door, _ token: String, _ model: String = "echo") async throws -> Reply {
            try await door.withCaller(stack) { try await $0.chat(Chat(model, key: token)) }
        }

        /// Asks until the gateway has the keys.
        private func accepted(_ stack: Stack, _ token: String) async throws {
            try await until("the token's key", within: .seconds(60)) { try await chat(stack, .http, token).isWhole }
        }

        @Test("a token opens each door, for what its profile allows, and only as it was signed")
        func doors() async throws {
            let key = try SigningKey(.es256)
            let stranger = try SigningKey(.es256)
            try await KeySetServer.run(.keys(Self.document([(key, "a")]))) { server in
                try await Self.run(server) { stack in
                    let good = try Self.token(key, "a")
                    try await accepted(stack, good)
                    for door in Door.allCases {
                        #expect(try await chat(stack, door, good).text == "Hello out there")
                        let connection = try await door.connect(stack, key: good)
                        #expect(try await connection.chat(Chat("echo", streamed: true)).text == "Hello out there")
                        connection.close()
                        #expect(try await chat(stack, door, good, "gone").fault?.told == Documented.modelNotFound.told(by: door))
                        for bad in [
                            try Self.token(stranger, "a"), try Self.token(key, "a", seconds: -3600),
                            try Self.token(key, "a", audience: "elsewhere"),
                            String(good.dropLast(8)), good + ".", good + String(repeating: "A", count: 4000),
                        ] {
                            let fault = try #require(try await chat(stack, door, bad).fault)
                            #expect(fault.told == Documented.unauthenticated.told(by: door))
                            #expect(!fault.message.contains(bad.suffix(20)))
                        }
                    }
                    // The wire's connection is refused too, not only its requests.
                    let refused = try await WireCaller.connect(stack, key: Self.token(stranger, "a"))
                    #expect(try await refused.chat(Chat("echo")).fault?.told == Documented.unauthenticated.wire)
                    try await refused.closed.within("the end of a connection with a forged token")
                    // HTTP/2, as curl speaks it.
                    let output = try await ProtocolChoiceTests.run(
                        "/usr/bin/curl",
                        [
                            "-sS", "--http2", "--cacert", stack.authority, "-H", "authorization: Bearer \(good)", "-H",
                            "content-type: application/json", "-w", "\nHTTP/%{http_version} %{http_code}", "-d",
                            String(decoding: try Chat("echo").json(), as: UTF8.self),
                            "https://localhost:\(stack.tlsPort)/v1/chat/completions",
                        ]
                    ).output
                    #expect(output.hasSuffix("HTTP/2 200"))
                    // API keys go on as before.
                    #expect(try await chat(stack, .http, stack.keys.main).isWhole)
                    #expect(!stack.gateway.errorOutput.contains(good.suffix(20)))
                }
            }
        }

        @Test("limits of a profile hold for the user, whatever token is brought, and through whichever door")
        func limits() async throws {
            let key = try SigningKey(.es256)
            try await KeySetServer.run(.keys(Self.document([(key, "a")]))) { server in
                try await Self.run(server) { stack in
                    try await accepted(stack, Self.token(key, "a"))
                    func narrow(_ user: String, _ seconds: Int) throws -> String {
                        let now = Int(Date().timeIntervalSince1970)
                        return try key.token(
                            id: "a",
                            payload:
                                #"{"iss":"\#(Self.issuer)","aud":"shield","sub":"\#(user)","org":"acme","group":["x","narrow"],"exp":\#(now + seconds)}"#
                        )
                    }
                    #expect(try await chat(stack, .http, narrow("bob", 1000)).isWhole)
                    #expect(try await chat(stack, .wire, narrow("bob", 2000)).isWhole)
                    for door in Door.allCases {
                        #expect(try await chat(stack, door, narrow("bob", 3000)).fault?.told == Documented.rateLimited.told(by: door))
                    }
                    #expect(try await chat(stack, .http, narrow("eve", 1000)).isWhole)
                }
            }
        }

        @Test("keys are rotated while requests run: a new one is fetched when a token names it, one that is gone serves nothing")
        func rotation() async throws {
            let (first, second, third) = (try SigningKey(.es256), try SigningKey(.es256), try SigningKey(.es256))
            try await KeySetServer.run(.keys(Self.document([(first, "a")]))) { server in
                try await Self.run(server) { stack in
                    let old = try Self.token(first, "a")
                    let new = try Self.token(second, "b")
                    try await accepted(stack, old)
                    server.say(.keys(try Self.document([(first, "a"), (second, "b")])))
                    try await accepted(stack, new)
                    #expect(try await chat(stack, .http, old).isWhole)
                    server.say(.keys(try Self.document([(second, "b")])))
                    // Somebody's token with a key that nobody has makes the gateway look again.
                    try await until("the old key to be forgotten", within: .seconds(60)) {
                        _ = try await chat(stack, .http, Self.token(third, "c"))
                        let told = try await chat(stack, .http, old).fault?.told
                        return told == Documented.unauthenticated.http || told == "503 authority_unavailable"
                    }
                    #expect(try await chat(stack, .http, new).isWhole)
                    #expect(try await chat(stack, .wire, new).isWhole)
                }
            }
        }

        @Test("a reload forgets what was verified under the old rules, and tells wire connections to come again")
        func reload() async throws {
            let key = try SigningKey(.es256)
            try await KeySetServer.run(.keys(Self.document([(key, "a")]))) { server in
                try await Self.run(server) { stack in
                    let token = try Self.token(key, "a")
                    try await accepted(stack, token)
                    let fetches = server.count
                    let wire = try await WireCaller.connect(stack, key: token)
                    defer { wire.close() }
                    #expect(try await wire.chat(Chat("echo")).isWhole)
                    let changed = stack.configuration.replacing("audiences: [shield]", with: "audiences: [another]")
                    try Data(changed.utf8).write(to: stack.configurationFile)
                    stack.gateway.kill(SIGHUP)
                    try await until("the new rules", within: .seconds(60)) {
                        try await chat(stack, .http, token).fault?.told == Documented.unauthenticated.http
                    }
                    #expect(try await wire.chat(Chat("echo")).fault?.told == Documented.unauthenticated.wire)
                    try await wire.toldToLeave()
                    // The keys were kept: nothing was fetched for it.
                    #expect(server.count == fetches)
                    #expect(try await chat(stack, .http, Self.token(key, "a", audience: "another")).isWhole)
                }
            }
        }

        @Test(
            "an issuer that is gone, slow, broken or boundless costs nobody else anything, and its keys serve for the time that is stated")
        func failingIssuer() async throws {
            let key = try SigningKey(.es256)
            try await KeySetServer.run(.silence) { server in
                try await Self.run(server, maximumAge: "4s", refresh: "1s") { stack in
                    let token = try Self.token(key, "a")
                    let unavailable = "503 authority_unavailable"
                    #expect(try await chat(stack, .http, token).fault?.told == unavailable)
                    #expect(try await chat(stack, .wire, token).fault?.told == "311 authority_unavailable")
                    #expect(try await chat(stack, .http, stack.keys.main).isWhole)
                    let answers: [KeySetServer.Answer] = [.huge, .status(500), .status(302), .keys("{"), .keys(#"{"keys":[]}"#)]
                    for answer in answers {
                        server.say(answer)
                        let before = server.count
                        try await until("two more fetches", within: .seconds(60)) { server.count >= before + 2 }
                        #expect(try await chat(stack, .http, token).fault?.told == unavailable)
                        #expect(try await chat(stack, .http, stack.keys.main).isWhole)
                    }
                    server.say(.keys(try Self.document([(key, "a")])))
                    try await accepted(stack, token)
                    try await server.goAway()
                    // Until the last good set is too old; then closed, also for tokens that were verified before.
                    try await until("the keys to be too old", within: .seconds(60)) {
                        try await chat(stack, .http, token).fault?.told == unavailable
                    }
                    #expect(try await chat(stack, .http, stack.keys.main).isWhole)
                    try await server.comeBack()
                    try await accepted(stack, token)
                    // Each failing source says so once, not once for each attempt.
                    let lines = stack.gateway.errorOutput.split(separator: "\n")
                    let failures = lines.count { $0.contains("issuer keys not fetched") }
                    #expect(failures >= 1 && failures <= lines.count { $0.contains("issuer keys fetched") } + 1)
                }
            }
        }

        @Test("a credential in the configuration file or on the command line keeps the gateway from starting")
        func refusedStart() async throws {
            let secret = "sk-proj-" + "Zk3n8Qw1Rt5Yu7Io9Pa2Sd4Fg6Hj8Kl0Zx"
            let argument = try await ProductProcess.runToEnd(
                "agentshield", arguments: ["serve", "--config", "none.yaml", "--api-key=\(secret)"], environment: Keys.environment)
            #expect(argument.status == .exited(78))
            #expect(argument.errorOutput.contains("argument 4") && argument.errorOutput.contains("NAME_FILE"))
            #expect(!argument.errorOutput.contains(secret) && !argument.output.contains(secret))
            try await withTemporaryDirectory { folder in
                let file = folder.appendingPathComponent("gateway.yaml")
                let keys = try await Keys.shared
                let text = GatewayFile(providerURL: "http://127.0.0.1:1", keys: keys).text + "# \(secret)\n"
                try Data(text.utf8).write(to: file)
                let refused = try await ProductProcess.runToEnd(
                    "agentshield", arguments: ["serve", "--config", file.path], environment: Keys.environment)
                #expect(refused.status == .exited(78))
                #expect(refused.errorOutput.contains("looks like a credential") && !refused.errorOutput.contains(secret))
            }
        }
    }
}
