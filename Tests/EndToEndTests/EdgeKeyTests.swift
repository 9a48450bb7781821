import Foundation
import GatewayCrypto
import ProcessSupport
import Testing
import TokenForge

extension EndToEndTests {
    @Suite("the edge's published keys", .timeLimit(.minutes(4)))
    struct EdgeKeyTests {
        private static func assertion(_ key: SigningKey, _ id: String) throws -> String {
            let now = Int(Date().timeIntervalSince1970)
            return try key.token(
                id: id,
                payload: #"{"iss":"https://acme.cloudflareaccess.com","aud":["tag"],"iat":\#(now - 60),"exp":\#(now + 600),"sub":"ana"}"#)
        }

        private static func document(_ keys: [(SigningKey, String)]) throws -> String {
            #"{"keys":[\#(try keys.map { try $0.jwk(id: $1) }.joined(separator: ","))]}"#
        }

        /// A gateway whose plain listener asks for the edge's token, with keys that are fetched.
        private static func run(_ server: KeySetServer, maximumAge: String = "1h", _ body: (Stack) async throws -> Void) async throws {
            try await Stack.run(
                configure: { text, folder in
                    try Data(server.authority.utf8).write(to: folder.appendingPathComponent("edge-ca.pem"))
                    return text.replacing(
                        #"  tls: {address: "127.0.0.1:0"}"#, with: #"  tls: {address: "127.0.0.1:0", edge_proof: true}"#
                    )
                    .replacing(#"  http: {address: "127.0.0.1:0"}"#, with: #"  http: {address: "127.0.0.1:0", edge_proof: true}"#)
                    .replacing(
                        "auth:\n",
                        with: """
                            edge:
                              access:
                                team_domain: acme.cloudflareaccess.com
                                audiences: [tag]
                                jwks_url: \(server.url)
                                ca_file: edge-ca.pem
                                refresh_interval: 1s
                                minimum_refresh_interval: 1s
                                fetch_timeout: 2s
                                maximum_age: \(maximumAge)
                            auth:

                            """, maxReplacements: 1)
                }, body)
        }

        private static func ask(_ stack: Stack, _ assertion: String) async throws -> String {
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            let response = try await caller.send(
                "POST", "/v1/chat/completions",
                headers: [
                    ("authorization", "Bearer \(stack.keys.main)"), ("content-type", "application/json"),
                    ("cf-access-jwt-assertion", assertion),
                ],
                body: Chat("echo").json())
            guard response.status != 200 else { return "200" }
            return "\(response.status) \(try JSON(response.body).object("error").string("code") ?? "?")"
        }

        @Test("they are fetched, and rotated while requests run: a new one opens the door, one that is gone does not")
        func rotation() async throws {
            let (first, second, stranger) = (try SigningKey(.rs256), try SigningKey(.rs256), try SigningKey(.rs256))
            try await KeySetServer.run(.keys(Self.document([(first, "a")]))) { server in
                try await Self.run(server) { stack in
                    let (old, new) = (try Self.assertion(first, "a"), try Self.assertion(second, "b"))
                    try await until("the keys are there") { try await Self.ask(stack, old) == "200" }
                    // Signed by somebody else under the name of a key that there is.
                    #expect(try await Self.ask(stack, Self.assertion(stranger, "a")) == "403 edge_proof_required")
                    server.say(.keys(try Self.document([(first, "a"), (second, "b")])))
                    try await until("the new key is there") { try await Self.ask(stack, new) == "200" }
                    #expect(try await Self.ask(stack, old) == "200")
                    server.say(.keys(try Self.document([(second, "b")])))
                    try await until("the old key is gone") { try await Self.ask(stack, old) != "200" }
                    #expect(try await Self.ask(stack, new) == "200")
                    // Never more often than stated, whatever is presented.
                    let (fetches, began) = (server.count, ContinuousClock.now)
                    for number in 0..<50 { _ = try await Self.ask(stack, Self.assertion(stranger, "invented-\(number)")) }
                    let seconds = Int((ContinuousClock.now - began).components.seconds)
                    #expect(server.count - fetches <= seconds + 2)
                }
            }
        }

        @Test(
            "while they cannot be had nobody is let in, and nobody is told that the proof is wrong; the last ones serve for the time that is stated"
        )
        func failure() async throws {
            let key = try SigningKey(.rs256)
            let unavailable = "503 authority_unavailable"
            try await KeySetServer.run(.status(500)) { server in
                try await Self.run(server, maximumAge: "4s") { stack in
                    let proof = try Self.assertion(key, "a")
                    #expect(try await Self.ask(stack, proof) == unavailable)
                    for answer in [.huge, .silence, .status(302), .keys("{")] as [KeySetServer.Answer] {
                        server.say(answer)
                        let before = server.count
                        try await until("another fetch", within: .seconds(60)) { server.count >= before + 1 }
                        #expect(try await Self.ask(stack, proof) == unavailable)
                    }
                    server.say(.keys(try Self.document([(key, "a")])))
                    try await until("the keys are there") { try await Self.ask(stack, proof) == "200" }
                    try await server.goAway()
                    try await until("they are too old") { try await Self.ask(stack, proof) == unavailable }
                    try await server.comeBack()
                    try await until("they are there again") { try await Self.ask(stack, proof) == "200" }
                }
            }
        }
    }
}
