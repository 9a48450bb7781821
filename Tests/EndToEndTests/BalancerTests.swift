import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("TCP balancers that tell who their clients are", .timeLimit(.minutes(4)))
    struct BalancerTests {
        private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

        /// PROXY protocol version 2, TCP over IPv4, from 192.0.2.`client`.
        private static func header(client: UInt8) -> [UInt8] {
            signature + [0x21, 0x11, 0, 12, 192, 0, 2, client, 198, 51, 100, 1, 0xC0, 0, 0x20, 0xFB]
        }

        /// A gateway that takes headers from these networks on both ports.
        private static func run<Result>(from networks: String, _ body: (Stack) async throws -> Result) async throws -> Result {
            try await Stack.run(
                slowRequestTimeout: "2s",
                configure: { text, _ in
                    let proxies = "proxy_protocol: {from: [\(networks)]}"
                    return text.replacing(#"  tls: {address: "127.0.0.1:0"}"#, with: #"  tls: {address: "127.0.0.1:0", \#(proxies)}"#)
                        .replacing(#"  http: {address: "127.0.0.1:0"}"#, with: #"  http: {address: "127.0.0.1:0", \#(proxies)}"#)
                        .replacing("level: notice, format: text", with: "level: info, format: text, client_address: true")
                }, body)
        }

        private static func health(_ stack: Stack, behind bytes: [UInt8]) async throws -> String {
            let request = "GET /healthz HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n"
            let socket = try await RawSocket.connect(port: stack.httpPort, sending: bytes + Array(request.utf8))
            return String(decoding: try await socket.untilEnd(), as: UTF8.self)
        }

        @Test("the address that a balancer tells is the client's, on both ports and for both doors")
        func told() async throws {
            try await Self.run(from: "127.0.0.0/8") { stack in
                for (client, door) in zip([UInt8(7), 8], [Door.wire, .http]) {
                    var behind = stack
                    behind.preamble = Self.header(client: client)
                    let caller = try await door.connect(behind, key: stack.keys.main)
                    #expect(try await caller.chat(Chat("echo")).text == "Hello out there")
                    caller.close()
                    _ = try await stack.gateway.errorLine(containing: "client=192.0.2.\(client)")
                }
                var secure = stack
                secure.preamble = Self.header(client: 9)
                let caller = try await HTTPCaller.connectTLS(secure, key: stack.keys.main)
                #expect(try await caller.chat(Chat("echo")).isWhole)
                caller.close()
                _ = try await stack.gateway.errorLine(containing: "client=192.0.2.9")
                // The balancer looking after the gateway itself.
                #expect(try await Self.health(stack, behind: Self.signature + [0x20, 0, 0, 0]).hasPrefix("HTTP/1.1 200"))
            }
        }

        @Test("a balancer's connection without a good header is closed, in time too, and the log says why, without a storm")
        func untold() async throws {
            try await Self.run(from: "127.0.0.1") { stack in
                #expect(try await Self.health(stack, behind: Array("PROXY TCP4 192.0.2.7 198.51.100.1 49152 8443\r\n".utf8)).isEmpty)
                _ = try await stack.gateway.errorLine(containing: "set the balancer to version 2")
                for bytes in [[], Self.signature + [0x21, 0x11, 0, 3, 1, 2, 3], Self.signature + [0x21, 0x11, 0xFF, 0xFF]] {
                    #expect(try await Self.health(stack, behind: bytes).isEmpty)
                }
                for port in [stack.tlsPort, stack.httpPort] {
                    let half = try await RawSocket.connect(port: port, sending: Array(Self.header(client: 7).dropLast()))
                    #expect(try await half.untilEnd().isEmpty)
                }
                #expect(
                    stack.gateway.errorOutput.split(separator: "\n").filter { $0.contains("a balancer's connection was closed") }.count <= 4
                )
            }
        }

        @Test("who is no balancer needs no header, and may send none")
        func strangers() async throws {
            try await Self.run(from: "192.0.2.0/24") { stack in
                for door in Door.allCases {
                    let isWhole = try await door.withCaller(stack) { caller in try await caller.chat(Chat("echo")).isWhole }
                    #expect(isWhole)
                }
                _ = try await stack.gateway.errorLine(containing: "client=127.0.0.1")
                #expect(try await Self.health(stack, behind: Self.header(client: 7)).isEmpty)
                _ = try await stack.gateway.errorLine(containing: "not in listen.http.proxy_protocol.from")
                #expect(!stack.gateway.errorOutput.contains("client=192.0.2.7"))
            }
        }
    }
}
