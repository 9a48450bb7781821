import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// Why listeners use swift-nio-ssl: its price beside that of a handler over libssl.
struct TLSBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls",
        abstract: "Measures swift-nio-ssl beside a handler over libssl's memory BIOs: CPU of an echo, memory of a connection.")

    @Option(name: .long, help: "Echoes of 841 bytes that are measured.")
    var echoes = 100_000

    @Option(name: .long, help: "Idle connections that are held open.")
    var connections = 512

    func run() async throws {
        let work = try BenchFolders.makeWorkFolder()
        defer { try? FileManager.default.removeItem(at: work) }
        try BenchCores.pinThisProcess()
        let files = try CertificateFiles.make(in: work)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        print("| library | CPU µs per echo of 841 bytes | KiB per idle connection |\n|---|--:|--:|")
        // Twice, in turns: what differs between rounds is noise.
        for library in TLSEchoServer.Library.allCases + TLSEchoServer.Library.allCases {
            let server = try PinnedProcess(
                URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath(),
                ["tls-echo-server", "--library", library.rawValue, "--certificate", files.certificate, "--key", files.key],
                core: BenchCores.measured, folder: work)
            defer { server.stop() }
            guard let port = Int(try server.text(after: "listening on ")) else { throw BenchFailure(description: "no port") }
            let probe = ProcessProbe(identifier: server.identifier)
            let idle = probe.residentKiB
            let target = LoadTarget(door: .https, port: port, credential: "none")
            let held = try await LoadConnector(target, on: group.next()).holding(connections) { probe.residentKiB }
            let cpu = try await echo(port, probe, on: group.next())
            print(String(format: "| %@ | %.2f | %.1f |", library.rawValue, cpu, Double(held - idle) / Double(connections)))
        }
        try await group.shutdownGracefully()
    }

    /// One connection, a burst of echoes after the other, so that waking up costs little beside TLS. Returns the server's CPU microseconds for each.
    private func echo(_ port: Int, _ probe: ProcessProbe, on loop: any EventLoop) async throws -> Double {
        let tls = try LoadConnector.context(for: .https)
        let warmUp = echoes / 10
        let done = loop.makePromise(of: Double.self)
        let total = echoes
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    try pipeline.addHandler(EchoingHandler(warmUp: warmUp, measured: total, probe, done))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let answer = try await done.futureResult.get()
        try? await channel.close()
        return answer
    }
}

/// Sends a burst of messages, each in a record of its own, waits for as many bytes, sends again.
private final class EchoingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let size = 841
    private static let burst = 32
    private let message = ByteBuffer(repeating: UInt8(ascii: "x"), count: size)
    private let warmUp: Int
    private let measured: Int
    private let probe: ProcessProbe
    private let done: EventLoopPromise<Double>
    private var missing = 0
    private var echoed = 0
    private var first: (echoed: Int, sample: ProcessProbe.Sample)?

    init(warmUp: Int, measured: Int, _ probe: ProcessProbe, _ done: EventLoopPromise<Double>) {
        self.warmUp = warmUp
        self.measured = measured
        self.probe = probe
        self.done = done
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        sendBurst(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        missing -= unwrapInboundIn(data).readableBytes
        guard missing <= 0 else { return }
        echoed += Self.burst
        if first == nil, echoed >= warmUp { first = (echoed, probe.sample()) }
        if let first, echoed >= warmUp + measured {
            let nanoseconds = probe.sample().cpuNanoseconds - first.sample.cpuNanoseconds
            done.succeed(Double(nanoseconds) / 1_000 / Double(echoed - first.echoed))
        } else {
            sendBurst(context)
        }
    }

    private func sendBurst(_ context: ChannelHandlerContext) {
        missing = Self.size * Self.burst
        for _ in 0..<Self.burst { context.write(wrapOutboundOut(message), promise: nil) }
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        done.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        done.fail(BenchFailure(description: "the echo server closed the connection"))
    }
}
