import ArgumentParser
import NIOCore
import NIOPosix
import NIOSSL

/// The measured side of `gateway-bench tls`: gives back what it gets. Started by the benchmark.
struct TLSEchoServer: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tls-echo-server", shouldDisplay: false)

    enum Library: String, ExpressibleByArgument, CaseIterable {
        case swiftNIOSSL = "swift-nio-ssl"
        case libssl
    }

    @Option var library: Library
    @Option var certificate: String
    @Option var key: String

    func run() throws {
        let files = CertificateFiles(certificate: certificate, key: key)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let addTLS = try Self.tls(library, files, on: group.next())
        let channel = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try addTLS(channel)
                    try channel.pipeline.syncOperations.addHandler(EchoHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        print("listening on \(channel.localAddress?.port ?? 0)")
        fflush(nil)
        try channel.closeFuture.wait()
    }

    private static func tls(
        _ library: Library, _ files: CertificateFiles, on loop: any EventLoop
    ) throws -> @Sendable (any Channel) throws -> Void {
        switch library {
        case .swiftNIOSSL:
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv13
            let context = try NIOSSLContext(configuration: configuration)
            return { try $0.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
        case .libssl:
            let context = NIOLoopBoundBox.makeBoxSendingValue(try LibSSLContext(files), eventLoop: loop)
            return { try $0.pipeline.syncOperations.addHandler(LibSSLHandler(context.value)) }
        }
    }
}

private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
