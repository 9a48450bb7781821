import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

/// The provider of the bench, in a process of its own.
struct UpstreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstream",
        abstract: "Answers as a provider of OpenAI's dialect does, as cheaply as it can be done.",
        discussion: """
            The model's name says what the answer is: bench or bench:<n> a constant text, streamed as n chunks (16) in one write; \
            clock:<n>:<ms> a stream of n deltas, one every so many milliseconds, each with the time at which it was sent. GET /_stats tells \
            how many requests there were. Prints "listening on PORT".
            """)

    @Option(name: .long, help: "0: any free one.")
    var port = 0

    func run() async throws {
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let state = NIOLoopBoundBox.makeBoxSendingValue(UpstreamState(), eventLoop: loop)
        let server = try await ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(UpstreamHandler(state.value))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        try FileHandle.standardOutput.write(contentsOf: Data("listening on \(server.localAddress?.port ?? 0)\n".utf8))
        try await server.closeFuture.get()
    }
}

/// What its connections share; on their loop.
final class UpstreamState {
    var requests = 0
    private var made: [UpstreamAnswer: ByteBuffer] = [:]

    func bytes(_ answer: UpstreamAnswer) -> ByteBuffer {
        if let bytes = made[answer] { return bytes }
        let bytes = answer.bytes
        if made.count >= 64 { made = [:] }
        made[answer] = bytes
        return bytes
    }
}
