import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

@main
struct ScriptedProviderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scripted-provider",
        abstract:
            "A scripted stand-in for an AI provider that speaks OpenAI's dialect. It has no model: a request's model name says what it does.",
        discussion: """
            MODEL NAMES are terms joined by "+", such as echo+slow-50ms or say:200+cut. A name without any of them, such as a real model's, \
            behaves as echo; a name that mixes them with others is refused with 400.

            \(Behaviour.terms.map { "  \($0.pattern)\n      \($0.meaning)" }.joined(separator: "\n"))

            Tokens are words (runs of characters that are not white space) of the messages' texts and of the answer; max_tokens and \
            max_completion_tokens cut the answer. bench bills a prompt of 16.

            CONTROL
              GET /_record       the last requests as received, without credentials' values, and what each is billed
              GET /_record?after=<number>
                                 those behind the request of this number
              DELETE /_record    forgets them
              GET /_stats        connections, requests, answers, clients that left early, bytes
              GET /_stats?at_least=<field>:<n>, ?exactly=<field>:<n>
                                 answers once the field has the value
              GET /_bill         requests and tokens of each model, as far as they were sent
            """)

    @Option(help: "Port to listen on; 0 takes a free one.")
    var port = 0

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "PEM file with the certificate chain; with it the provider speaks TLS only.")
    var tlsCert: String?

    @Option(help: "PEM file with the certificate's key.")
    var tlsKey: String?

    @Option(help: "Answers 401 to every other bearer token.")
    var requireKey: String?

    @Option(help: "How many requests are remembered.")
    var recordLimit = 1000

    func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-cert and --tls-key belong together.")
        }
        guard (0...65535).contains(port) else { throw ValidationError("--port is from 0 to 65535.") }
        guard (1...1_000_000).contains(recordLimit) else { throw ValidationError("--record-limit is from 1 to 1000000.") }
    }

    func run() throws {
        // One loop and no locks: a benchmark's upstream on one core.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let (requireKey, recordLimit) = (requireKey, recordLimit)
        let state = try loop.submit {
            NIOLoopBound(ProviderState(requiredKey: requireKey, recordLimit: recordLimit), eventLoop: loop)
        }.wait()
        let tls = try makeTLSContext()
        let listener = try ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        try pipeline.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(ProviderHandler(state: state.value))
                }
            }
            .bind(host: host, port: port).wait()
        let boundPort = listener.localAddress?.port ?? port
        let name = host.contains(":") ? "[\(host)]" : host
        let line = "listening on \(tls == nil ? "http" : "https")://\(name):\(boundPort)\n"
        // Throws when nobody reads any more; whoever started the provider is gone then.
        try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        try listener.closeFuture.wait()
    }

    private func makeTLSContext() throws -> NIOSSLContext? {
        guard let tlsCert, let tlsKey else { return nil }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(tlsCert).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: tlsKey, format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
