import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// A collector of traces that takes OTLP over HTTP in its JSON form, or does what none should.
final class Collector: Sendable {
    enum Answer: Sendable {
        case status(HTTPResponseStatus)
        /// Takes the request, and says nothing.
        case silence
    }

    struct CollectedSpan: Sendable {
        var trace: String
        var id: String
        var parent: String?
        var name: String
        var kind: Int
        var start: UInt64
        var end: UInt64
        /// Integers as text.
        var attributes: [String: String]
        var isError: Bool
    }

    let port: Int
    private let answer: NIOLockedValueBox<Answer>
    private let bodies = NIOLockedValueBox<[String]>([])
    private let heads = NIOLockedValueBox<[HTTPRequestHead]>([])
    private let listener: any Channel

    static func run<Result>(_ answer: Answer = .status(.ok), _ body: (Collector) async throws -> Result) async throws -> Result {
        let collector = try await Collector(answer)
        do {
            let result = try await body(collector)
            try await collector.listener.close()
            return result
        } catch {
            try? await collector.listener.close()
            throw error
        }
    }

    private init(_ first: Answer) async throws {
        let (answer, bodies, heads) = (NIOLockedValueBox(first), bodies, heads)
        self.answer = answer
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        CollectorHandler { head, body in
                            heads.withLockedValue { $0.append(head) }
                            bodies.withLockedValue { $0.append(body) }
                            return answer.withLockedValue { $0 }
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    func say(_ next: Answer) { answer.withLockedValue { $0 = next } }

    /// Everything that came, as it came.
    var received: [String] { bodies.withLockedValue { $0 } }
    var requests: [HTTPRequestHead] { heads.withLockedValue { $0 } }

    var spans: [CollectedSpan] {
        get throws {
            try received.flatMap { body in
                try JSON(body).list("resourceSpans").flatMap { $0.list("scopeSpans") }.flatMap { $0.list("spans") }.map { span in
                    var attributes: [String: String] = [:]
                    for attribute in span.list("attributes") {
                        attributes[attribute.string("key") ?? ""] =
                            attribute.string("value.stringValue") ?? attribute.string("value.intValue") ?? ""
                    }
                    return CollectedSpan(
                        trace: span.string("traceId") ?? "", id: span.string("spanId") ?? "", parent: span.string("parentSpanId"),
                        name: span.string("name") ?? "", kind: span.int("kind") ?? 0,
                        start: span.string("startTimeUnixNano").flatMap { UInt64($0) } ?? 0,
                        end: span.string("endTimeUnixNano").flatMap { UInt64($0) } ?? 0, attributes: attributes,
                        isError: span.int("status.code") == 2)
                }
            }
        }
    }
}

private final class CollectorHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let take: (HTTPRequestHead, String) -> Collector.Answer
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(_ take: @escaping (HTTPRequestHead, String) -> Collector.Answer) { self.take = take }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(let bytes): body.writeImmutableBuffer(bytes)
        case .end:
            guard let head, case .status(let status) = take(head, String(buffer: body)) else { return }
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: ["content-length": "2"]))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "{}")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
