import ArgumentParser
import GatewayConfiguration
import NIOCore
import NIOPosix

struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Exits with 0 if the gateway of a configuration answers on its admin listener; for containers.")

    @Option(name: .long, help: "The configuration file of the running gateway.")
    var config: String

    func run() async throws {
        let configuration = try ConfigurationSource.file(config).load().orExit()
        guard let address = configuration.listen.admin else { throw ValidationError("the configuration has no admin listener to ask") }
        guard let status = try? await Self.statusLine(of: "/readyz", at: address) else {
            print("nothing answers on the admin listener")
            throw ExitCode.failure
        }
        print(status)
        guard status.hasPrefix("HTTP/1.1 200 ") else { throw ExitCode.failure }
    }

    /// The first line of the answer to a GET. Whoever asks for health limits the time.
    private static func statusLine(of path: String, at address: ListenAddress) async throws -> String {
        let client = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(2))
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await client.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nhost: \(address)\r\nconnection: close\r\n\r\n"))
            var answer = ""
            for try await part in inbound {
                answer += String(buffer: part)
                if let line = answer.split(separator: "\r\n", maxSplits: 1).first, line.count < answer.count { return String(line) }
            }
            return answer
        }
    }
}
