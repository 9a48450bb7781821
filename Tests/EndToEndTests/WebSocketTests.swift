import AgentShield
import Foundation
import GatewayCrypto
import NIOCore
import ProcessSupport
import Testing
import Wire

extension EndToEndTests {
    @Suite("the wire protocol in a WebSocket", .sharedStack, .timeLimit(.minutes(3)))
    struct WebSocketTests {
        /// `wss` through the port for everything, `ws` through the plain one.
        enum Scheme: String, CaseIterable { case wss, ws }

        private static func client(_ stack: Stack, _ scheme: Scheme, path: String = "", headers: [UpgradeHeader] = []) throws
            -> AgentShieldClient
        {
            let port = scheme == .wss ? stack.tlsPort : stack.httpPort
            let address = try #require(Address("\(scheme.rawValue)://localhost:\(port)\(path)"))
            var configuration = AgentShieldClient.Configuration(address: address, apiKey: stack.keys.main)
            configuration.trust = .file(stack.authority)
            configuration.upgradeHeaders = headers
            configuration.retry.maxConnectAttempts = 1
            return try AgentShieldClient(configuration: configuration)
        }

        private static func failure(_ client: AgentShieldClient) async throws -> AgentShieldError {
            let error = await #expect(throws: AgentShieldError.self) {
                try await client.chat(ChatRequest(model: "echo", prompt: "Hello"), options: CallOptions(deadline: .seconds(20)))
            }
            await client.shutdown(within: .seconds(1))
            return try #require(error)
        }

        @Test("the SDK's calls are answered as over TLS: many at once, whole and streamed, short and long", arguments: Scheme.allCases)
        func calls(scheme: Scheme) async throws {
            let client = try Self.client(try Stack.shared, scheme)
            #expect(try await client.models().contains { $0.id == "memo" })
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<24 {
                    group.addTask {
                        // Random hexadecimal digits compress little: many frames of the WebSocket, in both directions.
                        let words = (0..<(index % 4 == 0 ? 20_000 : 3)).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 16) }
                        let request = ChatRequest(model: "echo", prompt: words.joined(separator: " "))
                        let answer = index.isMultiple(of: 2) ? try await client.chat(request) : try await client.stream(request).collect()
                        #expect(answer.text == words.joined(separator: " "))
                    }
                }
                try await group.waitForAll()
            }
            await client.shutdown()
        }

        @Test("embeddings are the same over both, scrubbed and charged", arguments: Scheme.allCases)
        func embeddings(scheme: Scheme) async throws {
            let client = try Self.client(try Stack.shared, scheme)
            // The scripted provider's vectors: characters, words, vowels.
            let answer = try await client.embeddings(EmbeddingsRequest(model: "echo", texts: ["one two", "Mail ana@example.com", "a"]))
            #expect(answer.vectors == [[7, 2, 3], [14, 2, 2], [1, 1, 1]])
            #expect(answer.usage.input == 5 && answer.usage.output == 0 && answer.summary.costNanoUSD == 5000)
            #expect(answer.summary.scrubbed == [ScrubCount(kind: "EMAIL", count: 1)] && answer.head.provider == "scripted")
            let refused = await #expect(throws: AgentShieldError.self) {
                try await client.embeddings(EmbeddingsRequest(model: "echo", texts: []))
            }
            #expect(refused?.code == .invalidRequest && refused?.parameter == "embeddings.input")
            let failed = await #expect(throws: AgentShieldError.self) {
                try await client.embeddings(EmbeddingsRequest(model: "fail-429", texts: ["x"]))
            }
            #expect(failed?.code == .upstreamRateLimited)
            await client.shutdown()
        }

        @Test("who leaves a stream has the provider's closed, and the connection goes on", arguments: Scheme.allCases)
        func cancel(scheme: Scheme) async throws {
            let stack = try Stack.shared
            let client = try Self.client(stack, scheme)
            let before = try await stack.provider.statistics("exactly=active:0")
            for try await event in client.stream(ChatRequest(model: "say:2000+slow-10ms", prompt: "x")) where event.text != nil { break }
            #expect(try await stack.provider.statistics("exactly=active:0").closedEarly == before.closedEarly + 1)
            #expect(try await client.chat(ChatRequest(model: "echo", prompt: "still here")).text == "still here")
            await client.shutdown()
        }

        @Test("a reader that stops stops the provider, and the gateway holds no more than its credit; then all of it comes")
        func backPressure() async throws {
            let stack = try Stack.shared
            let client = try Self.client(stack, .ws)
            let before = try await stack.provider.statistics("exactly=active:0")
            let memory = try stack.residentBytes
            var text = ""
            // More than the sockets on the way can hold.
            let prompt = String(repeating: "0123456789abcdef", count: 1 << 14)
            let choices = 96
            var request = ChatRequest(model: "echo+pieces:8192", prompt: prompt)
            request.choices = choices
            for try await event in client.stream(request) {
                guard let piece = event.text else { continue }
                if text.isEmpty {
                    var seen = -1
                    try await until("the stream stands still") {
                        let sent = try await stack.provider.statistics().bytesSent
                        defer { seen = sent }
                        // Twice the same, a few looks apart.
                        try await Task.sleep(for: .milliseconds(100))
                        return sent == seen
                    }
                    let stalled = try await stack.provider.statistics()
                    #expect(stalled.active == 1)
                    #expect(stalled.bytesSent - before.bytesSent < choices << 18)
                    #expect(try stack.residentBytes < memory + 64 << 20)
                }
                text += piece
            }
            // `text` is that of the first choice.
            #expect(text == prompt)
            await client.shutdown()
            try await stack.provider.forget()
        }

        @Test("a client that breaks RFC 6455 or our rules is told why and let go; nothing behind the upgrade is a request")
        func hostile() async throws {
            let stack = try Stack.shared
            typealias Script = WebSocketTranscript
            let smuggled = Array(repeating: Array("GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n".utf8), count: 4).flatMap { $0 }
            let table: [(String, [UInt8], Int?)] = [
                ("unmasked", Script.frame(2, [1, 2, 3], masked: false), 1002), ("reserved bit", Script.frame(2, [1], reserved: 0x40), 1002),
                ("reserved opcode", Script.frame(5, [1]), 1002), ("text", Script.frame(1, Array("hello".utf8)), 1003),
                ("long frame", Script.frame(2, length: 131_073), 1009), ("endless frame", Script.frame(2, length: .max), 1009),
                ("cut ping", Script.frame(9, [1], fin: false), 1002),
                ("long ping", Script.frame(9, [UInt8](repeating: 0, count: 126)), 1002),
                ("continuation of nothing", Script.frame(0, [1]), 1002), ("requests", smuggled, 1002),
                ("pings", (0..<64).flatMap { _ in Script.frame(9) }, 1008), ("nothings", (0..<80).flatMap { _ in Script.frame(2) }, 1008),
                ("close", Script.frame(8, [3, 232]), 1000), ("close with a wrong code", Script.frame(8, [3, 237]), 1002),
                ("no wire protocol", Script.frame(2, Array("GET / HTTP/1.1\r\n\r\n".utf8)), 1000),
            ]
            for (name, bytes, code) in table {
                let socket = try await RawSocket.connect(port: stack.httpPort, sending: Script.upgrade() + bytes)
                let said = try Script(try await socket.untilEnd())
                #expect(said.status == 101 && said.closeCode == code, "\(name): \(said)")
                #expect(said.pongs <= 32 && !said.head.contains("200 ok"), "\(name)")
                // Only the wire protocol itself has anything to say: ERROR on stream 0.
                #expect(said.bytes.isEmpty == (name != "no wire protocol"), "\(name)")
            }
            let client = try Self.client(stack, .ws)
            #expect(try await client.chat(ChatRequest(model: "echo", prompt: "unharmed")).text == "unharmed")
            await client.shutdown()
        }

        @Test("an upgrade that is none, and what stands behind it, is answered once, and its connection ends")
        func refusedUpgrades() async throws {
            let stack = try Stack.shared
            let good = String(decoding: WebSocketTranscript.upgrade(), as: UTF8.self)
            let table = [
                (good.replacing("version: 13", with: "version: 12"), 426), (good.replacing("HTTP/1.1", with: "HTTP/1.0"), 426),
                (good.replacing("agentshield.v1", with: "chat"), 400),
                (good.replacing("host: gateway", with: "host: gateway\r\ncontent-length: 5") + "hello", 400),
                (good.replacing("connection: Upgrade", with: "connection: keep-alive"), 426),
            ]
            for (text, status) in table {
                let socket = try await RawSocket.connect(
                    port: stack.httpPort, sending: Array((text + "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n").utf8))
                let said = String(decoding: try await socket.untilEnd(), as: UTF8.self)
                // One answer, in the version that was asked in.
                let version = text.contains("HTTP/1.0") ? "1.0" : "1.1"
                #expect(said.hasPrefix("HTTP/\(version) \(status) "), "\(said)")
                #expect(said.split(separator: "x-request-id:").count == 2, "\(said)")
            }
        }

        @Test("over HTTP/2 the caller is told to come by HTTP/1.1")
        func http2() async throws {
            let stack = try Stack.shared
            let told = try await ProtocolChoiceTests.run(
                "/usr/bin/curl",
                [
                    "-sS", "--http2", "--cacert", stack.authority, "-w", "HTTP/%{http_version} %{http_code}",
                    "https://localhost:\(stack.tlsPort)/agentshield/v1",
                ])
            #expect(told.output.hasSuffix("HTTP/2 501") && told.output.contains("http/1.1 alone"))
        }

        @Test("what answers in a gateway's place is named by its status, with what to do")
        func misdirected() async throws {
            let stack = try Stack.shared
            let lost = try await Self.failure(try Self.client(stack, .wss, path: "/elsewhere"))
            #expect(lost.code == .upgradeRefused && !lost.isRetryable && lost.message.contains("with 404"))
            let provider = try #require(Address("ws://127.0.0.1:\(stack.adminPort)"))
            let other = try await Self.failure(try AgentShieldClient(configuration: .init(address: provider, apiKey: "k")))
            #expect(other.code == .upgradeRefused && other.message.contains("with 404"))
            let secure = try #require(Address("wss://localhost:\(stack.httpPort)"))
            var configuration = AgentShieldClient.Configuration(address: secure, apiKey: "k")
            configuration.retry.maxConnectAttempts = 1
            let noTLS = try await Self.failure(try AgentShieldClient(configuration: configuration))
            #expect(noTLS.code == .unreachable && noTLS.message.contains("TLS failed"))
        }

        @Test("a draining gateway lets WebSockets finish what they have begun, then says 1001")
        func drains() async throws {
            try await Stack.run { stack in
                let client = try Self.client(stack, .wss)
                var hello = ClientConnection(credential: Text(stack.keys.main), agent: "tests", compressor: nil, now: .now())
                let outbound = hello.takeOutbound()
                let helloBytes = Array(try #require(outbound).readableBytesView)
                let idle = try await RawSocket.connect(
                    port: stack.httpPort, sending: WebSocketTranscript.upgrade() + WebSocketTranscript.frame(2, helloBytes))
                var pieces = 0
                for try await event in client.stream(ChatRequest(model: "say:40+slow-25ms", prompt: "x")) where event.text != nil {
                    if pieces == 0 { stack.gateway.kill(SIGTERM) }
                    pieces += 1
                }
                #expect(pieces > 1)
                let said = try WebSocketTranscript(try await idle.untilEnd())
                #expect(said.status == 101 && said.closeCode == 1001)
                // WELCOME and GOAWAY.
                #expect(said.bytes.count > 16 && said.bytes[3] == 2)
                await client.shutdown()
                #expect(await stack.gateway.waitForExit() == .exited(0))
            }
        }

        @Test("a WebSocket without HELLO is let go in time, by the wire protocol's own word")
        func silent() async throws {
            try await Stack.run(slowRequestTimeout: "4s") { stack in
                let socket = try await RawSocket.connect(port: stack.httpPort, sending: WebSocketTranscript.upgrade())
                let said = try WebSocketTranscript(try await socket.untilEnd())
                #expect(said.status == 101 && said.closeCode == 1000 && said.bytes.count > 8 && said.bytes[3] == 8)
            }
        }

        @Test("with an edge the WebSocket is the wire protocol's way through it, with the proof and not without")
        func edge() async throws {
            let secret = String(repeating: "origin-secret.", count: 4)
            try await Stack.run(
                environment: ["ORIGIN_SECRET": secret],
                configure: { text, _ in
                    text.replacing(#"  tls: {address: "127.0.0.1:0"}"#, with: #"  tls: {address: "127.0.0.1:0", edge_proof: true}"#)
                        .replacing(#"  http: {address: "127.0.0.1:0"}"#, with: #"  http: {address: "127.0.0.1:0", edge_proof: true}"#)
                        .replacing("level: notice, format: text", with: "level: info, format: text, client_address: true")
                        .replacing("auth:\n", with: "edge: {origin_secret: {secret_env: ORIGIN_SECRET}}\nauth:\n", maxReplacements: 1)
                }
            ) { stack in
                for scheme in Scheme.allCases {
                    let proof = [UpgradeHeader("x-agentshield-origin-secret", secret), UpgradeHeader("cf-connecting-ip", "203.0.113.9")]
                    let client = try Self.client(stack, scheme, headers: proof)
                    #expect(try await client.chat(ChatRequest(model: "echo", prompt: "through the edge")).text == "through the edge")
                    await client.shutdown()
                    for headers in [[], [UpgradeHeader("x-agentshield-origin-secret", "guessed")]] {
                        let error = try await Self.failure(try Self.client(stack, scheme, headers: headers))
                        #expect(
                            error.code == .upgradeRefused && error.message.contains("with 403") && error.message.contains("upgradeHeaders"))
                        #expect(!error.message.contains("guessed"))
                    }
                }
                _ = try await stack.gateway.errorLine(containing: "client=203.0.113.9")
                #expect(!stack.gateway.errorOutput.contains(secret))
            }
        }
    }
}
