import AgentShield
import Foundation
import GatewayCrypto
import NIOHTTP1
import ProcessSupport
import Testing
import TokenForge

extension EndToEndTests {
    @Suite("the proof of the edge", .timeLimit(.minutes(4)))
    struct EdgeTests {
        private static let secret = String(repeating: "new-origin-secret.", count: 3)
        private static let oldSecret = String(repeating: "old-origin-secret.", count: 3)
        private static let environment = ["ORIGIN_SECRET": secret, "OLD_ORIGIN_SECRET": oldSecret]

        /// The edge's signature of somebody's visit.
        private static func assertion(_ key: SigningKey, tag: String = "tag-of-the-application", seconds: Int = 600) throws -> String {
            let now = Int(Date().timeIntervalSince1970)
            return try key.token(
                id: "edge",
                payload:
                    #"{"iss":"https://acme.cloudflareaccess.com","aud":["\#(tag)"],"iat":\#(now - 60),"exp":\#(now + seconds),"sub":"ana","type":"app"}"#
            )
        }

        /// A gateway whose listeners all ask for the proof.
        private static func run<Result>(_ key: SigningKey, mutualTLS: Bool, _ body: (Stack) async throws -> Result) async throws -> Result {
            try await Stack.run(
                environment: environment,
                configure: { text, folder in
                    try Data(#"{"keys":[\#(key.jwk(id: "edge", extra: #","alg":"RS256","use":"sig""#))]}"#.utf8)
                        .write(to: folder.appendingPathComponent("certs.json"))
                    try Data(TestClient.authority.utf8).write(to: folder.appendingPathComponent("clients.pem"))
                    let clients = mutualTLS ? ", client_ca: clients.pem" : ""
                    return text.replacing(
                        #"  tls: {address: "127.0.0.1:0"}"#, with: #"  tls: {address: "127.0.0.1:0", edge_proof: true\#(clients)}"#
                    )
                    .replacing(#"  http: {address: "127.0.0.1:0"}"#, with: #"  http: {address: "127.0.0.1:0", edge_proof: true}"#)
                    .replacing("level: notice, format: text", with: "level: info, format: text, client_address: true")
                    .replacing(
                        "auth:\n",
                        with: """
                            edge:
                              access: {team_domain: acme.cloudflareaccess.com, audiences: [tag-of-the-application], jwks_file: certs.json}
                              origin_secret: {secret_env: ORIGIN_SECRET, previous_secret_env: OLD_ORIGIN_SECRET}
                            auth:

                            """)
                }, body)
        }

        private static func ask(_ caller: HTTPCaller, _ stack: Stack, _ headers: [(String, String)]) async throws -> String {
            let response = try await caller.send(
                "POST", "/v1/chat/completions",
                headers: [("authorization", "Bearer \(stack.keys.main)"), ("content-type", "application/json")] + headers,
                body: Chat("echo").json())
            #expect(response.headers.first(name: "x-request-id")?.isEmpty == false)
            guard response.status != 200 else { return "200" }
            return "\(response.status) \(try JSON(response.body).object("error").string("code") ?? "?")"
        }

        @Test("HTTP without the whole proof is refused on both ports, whatever else it brings", arguments: [false, true])
        func http(overTLS: Bool) async throws {
            let key = try SigningKey(.rs256)
            let stranger = try SigningKey(.rs256)
            try await Self.run(key, mutualTLS: false) { stack in
                let caller =
                    overTLS ? try await HTTPCaller.connectTLS(stack, key: nil) : try await HTTPCaller.connect(stack, key: nil)
                defer { caller.close() }
                let name = ("cf-access-jwt-assertion", try Self.assertion(key))
                let secret = ("x-agentshield-origin-secret", Self.secret)
                let refused = "403 edge_proof_required"
                for headers in [
                    [], [name], [secret], [name, ("x-agentshield-origin-secret", Self.secret + "x")],
                    [name, ("x-agentshield-origin-secret", "")],
                    [("cf-access-jwt-assertion", try Self.assertion(stranger)), secret],
                    [("cf-access-jwt-assertion", try Self.assertion(key, tag: "another")), secret],
                    [("cf-access-jwt-assertion", try Self.assertion(key, seconds: -3600)), secret],
                    [("cookie", "CF_Authorization=\(try Self.assertion(key))"), secret],
                    [name, name, secret], [name, secret, secret], [name, secret, ("x-agentshield-origin-secret", "other")],
                    [name, secret, ("cf-connecting-ip", "203.0.113.7"), ("cf-connecting-ip", "203.0.113.8")],
                ] {
                    #expect(try await Self.ask(caller, stack, headers) == refused, "\(headers.map(\.0))")
                }
                #expect(try await Self.ask(caller, stack, [name, secret]) == "200")
                #expect(try await Self.ask(caller, stack, [name, ("x-agentshield-origin-secret", Self.oldSecret)]) == "200")
                #expect(try await Self.ask(caller, stack, [name, secret, ("cf-connecting-ip", "not an address")]) == "400 invalid_request")
                #expect(try await Self.ask(caller, stack, [name, secret, ("cf-connecting-ip", "203.0.113.9")]) == "200")
                _ = try await stack.gateway.errorLine(containing: "client=203.0.113.9")
                // Nothing is told to who has no proof: not even which paths there are. A platform's probe is answered.
                #expect(try await caller.send("GET", "/v1/nothing").status == 403)
                #expect(try await caller.send("GET", "/v1/models").status == 403)
                #expect(try await caller.send("GET", "/healthz").status == 200)
                #expect(!stack.gateway.errorOutput.contains(Self.secret))
            }
        }

        @Test("HTTP/2 needs the proof on every request of a connection, and the wire protocol is not offered")
        func tls() async throws {
            let key = try SigningKey(.rs256)
            try await Self.run(key, mutualTLS: false) { stack in
                let proof = [
                    "-H", "cf-access-jwt-assertion: \(try Self.assertion(key))", "-H", "x-agentshield-origin-secret: \(Self.secret)",
                ]
                func curl(_ headers: [String]) async throws -> String {
                    try await ProtocolChoiceTests.run(
                        "/usr/bin/curl",
                        [
                            "-sS", "--http2", "--cacert", stack.authority, "-H", "authorization: Bearer \(stack.keys.main)", "-o",
                            "/dev/null",
                            "-w", "HTTP/%{http_version} %{http_code}",
                        ] + headers + ["https://localhost:\(stack.tlsPort)/v1/models"]
                    ).output
                }
                #expect(try await curl(proof) == "HTTP/2 200")
                #expect(try await curl([]) == "HTTP/2 403")
                #expect(try await ProtocolChoiceTests.negotiate(stack, ["agentshield/1"]).chosen == nil)
                #expect(try await ProtocolChoiceTests.negotiate(stack, ["agentshield/1", "h2"]).chosen == "h2")
                // Who speaks it all the same talks to the HTTP door, which does not understand.
                let caller = try await WireCaller.connect(stack, key: stack.keys.main)
                #expect(try await caller.chat(Chat("echo")).isWhole == false)
                caller.close()
            }
        }

        @Test("with a CA for clients the wire protocol takes those with its certificates, and HTTP still needs the proof")
        func mutualTLS() async throws {
            let key = try SigningKey(.rs256)
            try await Self.run(key, mutualTLS: true) { stack in
                let stranger = try await WireCaller.connect(stack, key: stack.keys.main)
                #expect(try await stranger.chat(Chat("echo")).fault?.told == "310 edge_proof_required")
                try await stranger.closed.within("the end of a connection without a certificate")

                var known = stack
                known.clientIdentity = (TestClient.certificate, TestClient.privateKey)
                let caller = try await WireCaller.connect(known, key: stack.keys.main)
                defer { caller.close() }
                #expect(try await caller.chat(Chat("echo")).text == "Hello out there")

                var configuration = AgentShieldClient.Configuration(
                    address: Address(host: "localhost", port: stack.tlsPort), apiKey: stack.keys.main)
                configuration.trust = .file(stack.authority)
                configuration.clientCertificate = .pem(
                    certificate: Array(TestClient.certificate.utf8), privateKey: Array(TestClient.privateKey.utf8))
                #expect(!"\(configuration)".contains("PRIVATE"))
                let client = try AgentShieldClient(configuration: configuration)
                #expect(try await client.chat(ChatRequest(model: "echo", prompt: "by certificate")).text == "by certificate")
                await client.shutdown()

                let http = try await HTTPCaller.connectTLS(known, key: nil)
                defer { http.close() }
                #expect(try await Self.ask(http, stack, []) == "403 edge_proof_required")
                let proof = [("cf-access-jwt-assertion", try Self.assertion(key)), ("x-agentshield-origin-secret", Self.secret)]
                #expect(try await Self.ask(http, stack, proof) == "200")
                let uncertified = try await HTTPCaller.connectTLS(stack, key: nil)
                defer { uncertified.close() }
                #expect(try await Self.ask(uncertified, stack, proof) == "200")
            }
        }

        @Test("without edge_proof nobody's word for its address is taken, and client_ca asks everybody for a certificate")
        func withoutProof() async throws {
            try await Stack.run(configure: { text, folder in
                try Data(TestClient.authority.utf8).write(to: folder.appendingPathComponent("clients.pem"))
                return text.replacing(
                    #"  tls: {address: "127.0.0.1:0"}"#, with: #"  tls: {address: "127.0.0.1:0", client_ca: clients.pem}"#
                )
                .replacing("level: notice, format: text", with: "level: info, format: text, client_address: true")
            }) { stack in
                let caller = try await HTTPCaller.connect(stack, key: nil)
                defer { caller.close() }
                #expect(try await Self.ask(caller, stack, [("cf-connecting-ip", "203.0.113.9")]) == "200")
                _ = try await stack.gateway.errorLine(containing: "client=127.0.0.1")
                #expect(!stack.gateway.errorOutput.contains("203.0.113.9"))

                var known = stack
                known.clientIdentity = (TestClient.certificate, TestClient.privateKey)
                for door in Door.allCases {
                    let certified: any Caller =
                        door == .wire
                        ? try await WireCaller.connect(known, key: stack.keys.main)
                        : try await HTTPCaller.connectTLS(known, key: stack.keys.main)
                    #expect(try await certified.chat(Chat("echo")).isWhole)
                    certified.close()
                }
                let anybody = try await ProtocolChoiceTests.run(
                    "/usr/bin/curl", ["-sS", "--cacert", stack.authority, "https://localhost:\(stack.tlsPort)/healthz"])
                #expect(anybody.status != 0)
            }
        }
    }
}
