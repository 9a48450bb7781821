import NIOCore
import NIOPosix
import NIOSSL
import Wire
import WireTransport

/// Opens the load's connections.
enum LoadConnector {
    static func open(_ plan: LoadPlan, _ run: LoadRun, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let ready = loop.makePromise(of: Void.self)
        let bound = NIOLoopBound(run, eventLoop: loop)
        let tls = plan.tls
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    }
                    if plan.target.door == .wire {
                        let connection = WireLoadConnection(plan, bound.value, ready: ready)
                        try pipeline.addHandler(connection.makeHandler())
                    } else {
                        try pipeline.addHandler(HTTPLoadHandler(plan, bound.value, ready: ready))
                    }
                }
            }
            .connect(host: "127.0.0.1", port: plan.target.port)
            .cascadeFailure(to: ready)
        return ready.futureResult
    }

    /// Holds so many connections open while the body runs.
    static func holding<Answer: Sendable>(
        _ count: Int, to target: LoadTarget, on loop: any EventLoop, _ body: @Sendable () -> Answer
    ) async throws -> Answer {
        let tls = try context(for: target.door)
        var channels: [any Channel] = []
        for _ in 0..<count {
            let ready = loop.makePromise(of: Void.self)
            let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    if target.door == .wire {
                        let connection = WireLoadConnection(credential: target.credential, ready: ready)
                        try pipeline.addHandler(connection.makeHandler())
                    } else {
                        try pipeline.addHandler(HandshakeHandler(ready))
                    }
                }
            }.connect(host: "127.0.0.1", port: target.port).get()
            try await ready.futureResult.get()
            channels.append(channel)
        }
        let answer = body()
        // nginx answers a closing connection without TLS's own farewell, which is an error here.
        for channel in channels { try? await channel.close() }
        return answer
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
