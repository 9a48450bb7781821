import NIOCore
import NIOPosix
import NIOSSL
import Wire
import WireTransport

/// Opens the load's connections.
struct LoadConnector: Sendable {
    private let target: LoadTarget
    private let loop: any EventLoop
    private let tls: NIOSSLContext?

    init(_ target: LoadTarget, on loop: any EventLoop) throws {
        self.target = target
        self.loop = loop
        tls = target.door == .http || target.door == .sdk ? nil : try Self.context(for: target.door)
    }

    /// On the loop.
    ///
    /// - Parameter lost: called when the connection is gone after it was ready.
    func open(_ run: LoadRun, lost: @escaping () -> Void) -> EventLoopFuture<Void> {
        if target.door == .sdk { return openSDK(run) }
        let ready = loop.makePromise(of: Void.self)
        let bound = NIOLoopBound((run, lost), eventLoop: loop)
        let (door, tls) = (target.door, tls)
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let (run, lost) = bound.value
                    if let tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    }
                    if door != .wire {
                        try pipeline.addHandler(HTTPLoadHandler(run, ready: ready, lost: lost))
                    } else if run.pool.isSingleFrame {
                        try pipeline.addHandler(RawWireHandler(run, ready: ready, lost: lost))
                    } else {
                        try pipeline.addHandler(WireLoadConnection(run, ready: ready, lost: lost).makeHandler())
                    }
                }
            }
            .connect(host: "127.0.0.1", port: target.port)
            .cascadeFailure(to: ready)
        return ready.futureResult
    }

    private func openSDK(_ run: LoadRun) -> EventLoopFuture<Void> {
        do {
            let connection = try SDKConnection(run, on: loop)
            run.opened(connection)
            return loop.makeSucceededVoidFuture()
        } catch {
            return loop.makeFailedFuture(error)
        }
    }

    /// Holds so many connections open while the body runs, 32 being opened at a time.
    func holding<Answer: Sendable>(_ count: Int, _ body: @Sendable () async throws -> Answer) async throws -> Answer {
        var channels: [any Channel] = []
        while channels.count < count {
            channels += try await withThrowingTaskGroup(of: (any Channel).self) { group in
                for _ in 0..<min(32, count - channels.count) { group.addTask { try await hold() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        let answer = try await body()
        // nginx answers a closing connection without TLS's own farewell, which is an error here.
        for channel in channels { try? await channel.close() }
        return answer
    }

    private func hold() async throws -> any Channel {
        let ready = loop.makePromise(of: Void.self)
        let (target, tls) = (target, tls)
        let channel = try await ClientBootstrap(group: loop).connectTimeout(.seconds(30)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let tls {
                    try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                }
                if target.door == .wire {
                    try pipeline.addHandler(IdleWireConnection(target.credential, ready: ready).makeHandler())
                } else {
                    try pipeline.addHandler(HandshakeHandler(ready, isTLS: tls != nil))
                }
            }
        }.connect(host: "127.0.0.1", port: target.port).get()
        try await ready.futureResult.get()
        return channel
    }

    /// Made once and shared: it is costly. Certificates are not checked: the load knows its peers.
    static func context(for door: LoadTarget.Door) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = [door == .wire ? "agentshield/1" : "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
