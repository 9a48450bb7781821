import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing

extension EndToEndTests {
    @Suite("one port for everything", .sharedStack, .timeLimit(.minutes(4)))
    struct ProtocolChoiceTests {
        @Test(
            "ALPN chooses the door",
            arguments: [
                (["agentshield/1"], "agentshield/1"), (["http/1.1", "h2", "agentshield/1"], "agentshield/1"), (["h2", "http/1.1"], "h2"),
                (["http/1.1"], "http/1.1"), ([], nil),
            ] as [([String], String?)])
        func alpn(offered: [String], chosen: String?) async throws {
            let stack = try Stack.shared
            #expect(try await Self.negotiate(stack, offered).chosen == chosen)
        }

        @Test("HTTP/1.1 through TLS, of 1.3 and 1.2, with ALPN and without", arguments: [TLSVersion.tlsv13, .tlsv12], [["http/1.1"], []])
        func http1(version: TLSVersion, offered: [String]) async throws {
            let stack = try Stack.shared
            let caller = try await HTTPCaller.connectTLS(stack, key: stack.keys.main, protocols: offered, maximum: version)
            defer { caller.close() }
            for streamed in [false, true] {
                #expect(try await caller.chat(Chat("echo", streamed: streamed)).text == "Hello out there")
            }
        }

        @Test("the wire protocol is refused over TLS 1.2")
        func wireNeedsTLS13() async throws {
            let stack = try Stack.shared
            let connection = try await Self.negotiate(stack, ["agentshield/1"], maximum: .tlsv12)
            try await connection.closed.within("the end of a wire connection over TLS 1.2")
            #expect(try await connection.received.get() == 0)
        }

        @Test("HTTP/2 as curl speaks it", arguments: [false, true])
        func http2(streamed: Bool) async throws {
            let stack = try Stack.shared
            let chat = Chat("echo", "Mail dora@example.com", streamed: streamed)
            let output = try await Self.curl(
                stack, ["--http2", "-w", "\nHTTP/%{http_version} %{http_code}", "-d", String(decoding: try chat.json(), as: UTF8.self)])
            #expect(output.hasSuffix("HTTP/2 200"))
            #expect(output.contains("data: [DONE]") == streamed)
            #expect(output.contains("dora@example.com"))

            let refused = try await Self.curl(stack, ["--http2", "-w", "\nHTTP/%{http_version} %{http_code}", "-d", "{"])
            #expect(refused.hasSuffix("HTTP/2 400"))
            #expect(refused.contains(#""code":"malformed_body""#))
        }

        @Test(
            "HTTP/2 without TLS, for a client that begins with it; one that offers to change is answered by HTTP/1.1",
            arguments: [false, true])
        func plainHTTP2(streamed: Bool) async throws {
            let stack = try Stack.shared
            let chat = String(decoding: try Chat("echo", "Mail dora@example.com", streamed: streamed).json(), as: UTF8.self)
            for (option, version) in [("--http2-prior-knowledge", "2"), ("--http2", "1.1")] {
                let arguments = [
                    "-sS", "-N", option, "-H", "authorization: Bearer \(stack.keys.main)", "-H", "content-type: application/json",
                    "-w", "\nHTTP/%{http_version} %{http_code}", "-d", chat, "http://127.0.0.1:\(stack.httpPort)/v1/chat/completions",
                ]
                let output = try await Self.run("/usr/bin/curl", arguments).output
                #expect(output.hasSuffix("HTTP/\(version) 200") && output.contains("dora@example.com"))
                #expect(output.contains("data: [DONE]") == streamed)
            }
        }

        @Test("who trusts another authority does not get through")
        func certificate() async throws {
            let stack = try Stack.shared
            let status = try await Self.run("/usr/bin/curl", ["-sS", "https://localhost:\(stack.tlsPort)/healthz"]).status
            // 60: the peer's certificate is not trusted.
            #expect(status == 60)
        }

        private static func curl(_ stack: Stack, _ arguments: [String]) async throws -> String {
            let url = "https://localhost:\(stack.tlsPort)/v1/chat/completions"
            let common = [
                "-sS", "-N", "--cacert", stack.authority, "-H", "authorization: Bearer \(stack.keys.main)", "-H",
                "content-type: application/json",
            ]
            return try await run("/usr/bin/curl", common + arguments + [url]).output
        }

        /// Runs a program of the system to its end.
        static func run(_ program: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
            try await NIOThreadPool.singleton.runIfActive {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: program)
                process.arguments = ["--noproxy", "*"] + arguments
                let output = Pipe()
                process.standardOutput = output
                process.standardError = FileHandle.nullDevice
                try process.run()
                let data = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                return (process.terminationStatus, String(decoding: data, as: UTF8.self))
            }
        }

        struct Negotiated: Sendable {
            var chosen: String?
            var closed: EventLoopFuture<Void>
            /// Bytes that came until the connection closed.
            var received: EventLoopFuture<Int>
        }

        static func negotiate(_ stack: Stack, _ offered: [String], maximum: TLSVersion? = nil) async throws -> Negotiated {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let chosen = loop.makePromise(of: String?.self)
            let received = loop.makePromise(of: Int.self)
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(try stack.tls(offered, maximum: maximum))
                        try channel.pipeline.syncOperations.addHandler(HandshakeWatch(chosen: chosen, received: received))
                    }
                }
                .connect(host: "127.0.0.1", port: stack.tlsPort).get()
            let name = try await chosen.futureResult.within("a handshake")
            if maximum == nil { channel.close(promise: nil) }
            return Negotiated(chosen: name, closed: channel.closeFuture, received: received.futureResult)
        }
    }
}
