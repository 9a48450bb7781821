import GatewayConfiguration
import NIOCore
import NIOPosix

/// Asks a gateway's admin listener, which answers with texts of known sizes.
struct AdminClient: Sendable {
    struct Answer: Sendable {
        var status: Int
        /// `HTTP/1.1 200 OK`.
        var statusLine: String
        var body: String
    }

    enum Failure: Error, CustomStringConvertible {
        case noAnswer
        case malformed
        case tooLarge
        case tooSlow

        var description: String {
            switch self {
            case .noAnswer: "nothing answers"
            case .malformed: "what answers does not speak HTTP"
            case .tooLarge: "the answer is larger than 64 MiB"
            case .tooSlow: "the answer did not come within \(AdminClient.timeout)"
            }
        }
    }

    private static let maxBytes = 64 << 20
    private static let timeout = Duration.seconds(10)

    let address: ListenAddress

    func get(_ path: String) async throws(Failure) -> Answer {
        let result = await withTaskGroup(of: Result<String, Failure>.self) { group in
            group.addTask { await fetch(path) }
            group.addTask {
                try? await Task.sleep(for: Self.timeout)
                return .failure(.tooSlow)
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? .failure(.noAnswer)
        }
        return try Self.parse(try result.get())
    }

    private func fetch(_ path: String) async -> Result<String, Failure> {
        do {
            let client = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(.seconds(2))
                .connect(host: address.host, port: address.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await client.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nhost: \(address)\r\nconnection: close\r\n\r\n"))
                var answer = ByteBuffer()
                for try await part in inbound {
                    guard answer.readableBytes + part.readableBytes <= Self.maxBytes else { return .failure(.tooLarge) }
                    answer.writeImmutableBuffer(part)
                }
                return .success(String(buffer: answer))
            }
        } catch {
            return .failure(.noAnswer)
        }
    }

    private static func parse(_ text: String) throws(Failure) -> Answer {
        guard !text.isEmpty else { throw .noAnswer }
        guard let end = text.firstRange(of: "\r\n\r\n"), text.hasPrefix("HTTP/1.") else { throw .malformed }
        let line = text[..<end.lowerBound].split(separator: "\r\n", maxSplits: 1).first ?? ""
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, let status = Int(words[1]) else { throw .malformed }
        return Answer(status: status, statusLine: String(line), body: String(text[end.upperBound...]))
    }
}
