import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// A development gateway on free ports, and the fake provider behind it.
final class DemoGateway {
    let port: Int
    let key: String
    let authorityFile: String
    private let providerPort: Int
    private let process: Process

    private struct Announcement: Decodable {
        var tls: String
        var key: String
        var caFile: String
        var provider: String

        private enum CodingKeys: String, CodingKey {
            case tls
            case key
            case caFile = "ca_file"
            case provider
        }
    }

    private init(process: Process, announcement: Announcement) throws {
        self.process = process
        key = announcement.key
        authorityFile = announcement.caFile
        guard let port = announcement.tls.split(separator: ":").last.flatMap({ Int($0) }),
            let providerPort = announcement.provider.split(separator: ":").last.flatMap({ Int($0) })
        else { throw DemoFailure("the gateway did not say where it listens") }
        self.port = port
        self.providerPort = providerPort
    }

    /// Starts the program `agentshield` that stands beside this one.
    static func start() throws -> DemoGateway {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let process = Process()
        process.executableURL = own.deletingLastPathComponent().appendingPathComponent("agentshield")
        process.arguments = ["dev", "--port", "0", "--http-port", "0", "--admin-port", "0", "--json"]
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("OPENAI_API_KEY") }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")) {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw DemoFailure("the gateway ended before it listened") }
            line += data
        }
        return try DemoGateway(process: process, announcement: try JSONDecoder().decode(Announcement.self, from: line))
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// What the provider has received, as JSON.
    func providerRecord() async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(BodyCollector(answer))
                }
            }
            .connect(host: "127.0.0.1", port: providerPort).get()
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/_record", headers: ["host": "127.0.0.1", "connection": "close"])
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        try await channel.writeAndFlush(HTTPClientRequestPart.end(nil))
        return try await answer.futureResult.get()
    }
}

/// Collects one answer's body.
private final class BodyCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let answer: EventLoopPromise<String>
    private var body = ByteBuffer()
    private var isDone = false

    init(_ answer: EventLoopPromise<String>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: break
        case .body(var bytes): body.writeBuffer(&bytes)
        case .end:
            isDone = true
            answer.succeed(String(buffer: body))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isDone { answer.fail(DemoFailure("the provider closed the connection")) }
    }
}
