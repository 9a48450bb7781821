import Foundation
import GatewayCrypto
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// An issuer's web server, over TLS on localhost: publishes a key set, or does what no such server should.
final class KeySetServer: Sendable {
    enum Answer: Sendable {
        case keys(String)
        /// Takes the request, and says nothing.
        case silence
        case huge
        case status(Int)
    }

    /// PEM of the CA of its certificate.
    let authority: String
    let port: Int
    private let context: NIOSSLContext
    private let answer: NIOLockedValueBox<Answer>
    private let requests = NIOLockedValueBox(0)
    private let listening: NIOLockedValueBox<(any Channel)?>

    var url: String { "https://localhost:\(port)/keys" }
    /// Requests so far.
    var count: Int { requests.withLockedValue { $0 } }

    static func run<Result>(_ first: Answer, _ body: (KeySetServer) async throws -> Result) async throws -> Result {
        let server = try await KeySetServer(first)
        do {
            let result = try await body(server)
            try await server.goAway()
            return result
        } catch {
            try await server.goAway()
            throw error
        }
    }

    private init(_ first: Answer) async throws {
        // Of an hour ago at the earliest, which is what the certificate is valid from.
        let made = try DevelopmentCertificate.make(now: Int64(Date().timeIntervalSince1970))
        authority = String(decoding: made.authority, as: UTF8.self)
        let key = try made.privateKey.withUnsafeBytes { try NIOSSLPrivateKey(bytes: Array($0), format: .pem) }
        context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMBytes(made.certificate).map { .certificate($0) }, privateKey: .privateKey(key)))
        answer = NIOLockedValueBox(first)
        let channel = try await Self.listen(0, context, answer, requests)
        listening = NIOLockedValueBox(channel)
        port = channel.localAddress?.port ?? 0
    }

    func say(_ next: Answer) { answer.withLockedValue { $0 = next } }

    /// Stops listening. Connections that are open stay so.
    func goAway() async throws {
        let channel = listening.withLockedValue { channel in
            defer { channel = nil }
            return channel
        }
        try await channel?.close()
    }

    func comeBack() async throws {
        let channel = try await Self.listen(port, context, answer, requests)
        listening.withLockedValue { $0 = channel }
    }

    private static func listen(
        _ port: Int, _ context: NIOSSLContext, _ answer: NIOLockedValueBox<Answer>, _ requests: NIOLockedValueBox<Int>
    ) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Responder(answer, requests))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
    }

    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: NIOLockedValueBox<Answer>
        private let requests: NIOLockedValueBox<Int>

        init(_ answer: NIOLockedValueBox<Answer>, _ requests: NIOLockedValueBox<Int>) {
            self.answer = answer
            self.requests = requests
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            requests.withLockedValue { $0 += 1 }
            switch answer.withLockedValue({ $0 }) {
            case .keys(let document): respond(.ok, document, context)
            case .silence: break
            case .huge: respond(.ok, #"{"keys":[""# + String(repeating: "x", count: 1 << 20) + #""]}"#, context)
            case .status(let status): respond(HTTPResponseStatus(statusCode: status), "{}", context)
            }
        }

        private func respond(_ status: HTTPResponseStatus, _ document: String, _ context: ChannelHandlerContext) {
            // One connection for each fetch, so that a server that has gone is gone.
            let headers: HTTPHeaders = [
                "content-type": "application/json", "content-length": "\(document.utf8.count)", "connection": "close",
            ]
            context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: document)))), promise: nil)
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
        }
    }
}
