import NIOCore
import NIOPosix
import NIOSSL

/// What the server does with one request: raw bytes, so that it can also do what no HTTP server would.
enum ServerStep: Sendable {
    case write(String)
    /// Writes this many bytes of `x`, as fast as the socket takes them.
    case writeFiller(bytes: Int)
    case close
    /// Closes with a reset instead of an end of stream.
    case reset
    /// From now on not a packet reaches the connection, and none leaves it: its machine has vanished. Linux alone.
    case vanish
}

/// A TCP or TLS server on a free port of the loopback address that answers each HTTP request with the next steps of a script.
///
/// The n-th request over all connections gets the n-th entry; when the script is used up, requests get no answer.
final class ScriptedServer: Sendable {
    let port: Int
    private let log: NIOLoopBound<ServerLog>
    private let loop: any EventLoop

    /// - Parameter reads: whether it reads anything of what comes on the connections that it takes.
    init(loop: any EventLoop, script: [[ServerStep]], certificate: String? = nil, reads: Bool = true) async throws {
        let log = try await loop.submit { NIOLoopBound(ServerLog(script: script), eventLoop: loop) }.get()
        let tls = try certificate.map { try Self.makeContext(certificate: $0) }
        let listener = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: reads)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(ServerConnection(log: log.value))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        self.log = log
        self.loop = loop
    }

    private static func makeContext(certificate: String) throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem))],
                privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem))))
    }

    /// Whole requests as they came.
    var requests: [String] {
        get async throws { try await loop.submit { self.log.value.requests }.get() }
    }

    var acceptedConnections: Int {
        get async throws { try await loop.submit { self.log.value.accepted }.get() }
    }

    /// Waits until this has happened so many times since the start.
    func waitFor(_ event: ServerLog.Event, count: Int = 1) async throws {
        try await loop.flatSubmit { self.log.value.wait(for: event, count: count, on: self.loop) }.get()
    }
}

/// What the server has seen, on its loop.
final class ServerLog {
    enum Event: Hashable, Sendable {
        case requestReceived
        case connectionClosed
        /// A connection's send buffer and the peer's receive buffer are full.
        case writerBlocked
    }

    private var script: [[ServerStep]]
    var requests: [String] = []
    var accepted = 0
    private var counts: [Event: Int] = [:]
    private var waiters: [(event: Event, count: Int, promise: EventLoopPromise<Void>)] = []

    init(script: [[ServerStep]]) {
        self.script = script.reversed()
    }

    func nextSteps() -> [ServerStep] {
        script.popLast() ?? []
    }

    func note(_ event: Event) {
        counts[event, default: 0] += 1
        let reached = counts[event, default: 0]
        for waiter in waiters where waiter.event == event && waiter.count <= reached {
            waiter.promise.succeed(())
        }
        waiters.removeAll { $0.event == event && $0.count <= reached }
    }

    func wait(for event: Event, count: Int, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        if counts[event, default: 0] >= count {
            promise.succeed(())
        } else {
            waiters.append((event, count, promise))
        }
        return promise.futureResult
    }
}

private final class ServerConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let log: ServerLog
    private var received = ""
    private var fillerLeft = 0
    private var stepsAfterFiller: ArraySlice<ServerStep> = []

    init(log: ServerLog) {
        self.log = log
    }

    func channelActive(context: ChannelHandlerContext) {
        log.accepted += 1
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += String(buffer: unwrapInboundIn(data))
        while let request = takeRequest() {
            log.requests.append(request)
            log.note(.requestReceived)
            perform(log.nextSteps()[...], context: context)
        }
    }

    private func takeRequest() -> String? {
        guard let headEnd = received.firstRange(of: "\r\n\r\n") else { return nil }
        let head = received[..<headEnd.upperBound]
        let length =
            head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.drop { $0 != " " }.dropFirst()) } ?? 0
        guard let end = received.utf8.index(headEnd.upperBound, offsetBy: length, limitedBy: received.endIndex) else { return nil }
        defer { received.removeSubrange(..<end) }
        return String(received[..<end])
    }

    private func perform(_ steps: ArraySlice<ServerStep>, context: ChannelHandlerContext) {
        guard let step = steps.first else { return }
        switch step {
        case .write(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        case .writeFiller(let bytes):
            fillerLeft = bytes
            stepsAfterFiller = steps.dropFirst()
            writeFiller(context: context)
            return
        case .close:
            context.close(promise: nil)
        case .vanish: vanish(context)
        case .reset:
            _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            // Below TLS, so that it says no goodbye either.
            let lowest = (try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)) ?? context
            lowest.close(promise: nil)
        }
        perform(steps.dropFirst(), context: context)
    }

    /// The socket's own filter takes packets before TCP does.
    private func vanish(_ context: ChannelHandlerContext) {
        // BPF: return 0, which is to drop the packet (Linux' <linux/filter.h>).
        let program = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        program.initialize(to: 6)
        defer { program.deallocate() }
        // A `struct sock_fprog`. The kernel copies the program before the call returns, which is made at once on the channel's own loop.
        let filter = (UInt16(1), UInt(bitPattern: program))
        let attachFilter = NIOBSDSocket.Option(rawValue: 26)
        _ = (context.channel as? any SocketOptionProvider)?.unsafeSetSocketOption(level: .socket, name: attachFilter, value: filter)
    }

    private func writeFiller(context: ChannelHandlerContext) {
        while fillerLeft > 0, context.channel.isWritable {
            let size = min(fillerLeft, 64 * 1024)
            fillerLeft -= size
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(repeating: UInt8(ascii: "x"), count: size)), promise: nil)
        }
        if fillerLeft > 0 {
            log.note(.writerBlocked)
        } else {
            let steps = stepsAfterFiller
            stepsAfterFiller = []
            perform(steps, context: context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if fillerLeft > 0, context.channel.isWritable {
            writeFiller(context: context)
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        log.note(.connectionClosed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
