import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCrypto
import NIOCore
import NIOHTTP1
import NIOPosix

/// Where a command finds a running gateway's listener for administration.
struct ControlArguments: ParsableArguments {
    @Option(
        name: .long, help: "The running gateway's `listen.control`, such as http://127.0.0.1:9091: for what it has in its memory.")
    var control: String?

    @Option(name: .long, help: "The environment variable with that listener's credential.")
    var credentialEnv = "AGENTSHIELD_CONTROL_CREDENTIAL"

    /// - Returns: `nil`: none is to be asked.
    func client() throws -> ControlClient? {
        guard let control else { return nil }
        guard let url = URLComponents(string: control), url.scheme == "http", let host = url.host, let port = url.port else {
            throw ValidationError("--control is not of the form http://HOST:PORT")
        }
        return ControlClient(host: host, port: port, credential: try EnvironmentSecret.read(credentialEnv, minimumCount: 1))
    }
}

/// Asks the listener for administration of a running gateway.
struct ControlClient: Sendable {
    let host: String
    let port: Int
    let credential: Secret

    private static let maxBodyBytes = 16 << 20
    private static let timeout = TimeAmount.seconds(10)

    /// - Parameter path: escaped.
    /// - Returns: the body of a 200.
    func get(_ path: String) async throws -> Data { try await ask(.GET, path, Data()) }

    private func ask(_ method: HTTPMethod, _ path: String, _ content: Data) async throws -> Data {
        let (status, body) = try await answer(to: method, path, content)
        guard status == 200 else {
            let text = String(decoding: body.prefix(500), as: UTF8.self)
            throw Refused("the gateway at \(host):\(port) answers \(status): \(text)", status: status == 401 ? 77 : 69).told
        }
        return body
    }

    private func answer(to method: HTTPMethod, _ path: String, _ content: Data) async throws -> (status: Int, body: Data) {
        typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
        do {
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(.seconds(2))
                .connect(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        return try Connection(wrappingChannelSynchronously: channel)
                    }
                }
            let channel = connection.channel
            channel.eventLoop.scheduleTask(in: Self.timeout) { channel.close(promise: nil) }
            return try await connection.executeThenClose { inbound, outbound in
                // In one piece: a request without content is whole with its head, and the gateway may have answered and closed before the next write.
                var parts = [HTTPClientRequestPart.head(head(method, path, content.count))]
                if !content.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: content)))) }
                try await outbound.write(contentsOf: parts + [.end(nil)])
                var (status, body) = (0, Data())
                for try await part in inbound {
                    switch part {
                    case .head(let head): status = Int(head.status.code)
                    case .body(let bytes): body.append(contentsOf: bytes.readableBytesView)
                    case .end: return (status, body)
                    }
                    if body.count > Self.maxBodyBytes { break }
                }
                throw Refused("the gateway at \(host):\(port) gave no whole answer", status: 69).told
            }
        } catch let error where error is ChannelError || error is NIOConnectionError {
            throw Refused("nothing answers at \(host):\(port): \(error)", status: 69).told
        }
    }

    private func head(_ method: HTTPMethod, _ path: String, _ length: Int) -> HTTPRequestHead {
        let token = credential.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let name = host.contains(":") ? "[\(host)]" : host
        return HTTPRequestHead(
            version: .http1_1, method: method, uri: path,
            headers: [
                "host": "\(name):\(port)", "authorization": "Bearer \(token)", "connection": "close", "content-type": "application/json",
                "content-length": "\(length)",
            ])
    }

    /// Deletes answers in the gateway's memory.
    ///
    /// - Returns: how many.
    func purge(tenant: String?, model: String?) async throws -> Int {
        struct Purged: Decodable { var deleted: Int }
        let content = try JSONEncoder().encode(["tenant": tenant, "model": model].compactMapValues { $0 })
        return try JSONDecoder().decode(Purged.self, from: try await ask(.POST, "/v1/cache/purge", content)).deleted
    }

    /// The wallets of a tenant as the gateway counts them, by their names.
    func wallets(of tenant: String) async throws -> [String: [String: Int64]] {
        var wallets: [String: [String: Int64]] = [:]
        var after = ""
        while true {
            let page = try JSONDecoder().decode(
                WalletPage.self, from: try await get("/v1/tenants/\(Self.escaped(tenant))/wallets?after=\(after)"))
            for wallet in page.data { wallets[wallet.name] = wallet.fields }
            guard page.more, let last = page.data.last else { return wallets }
            after = Self.escaped(last.name)
        }
    }

    private struct WalletPage: Decodable {
        struct Wallet: Decodable {
            var name: String
            var fields: [String: Int64]
        }

        var data: [Wallet]
        var more: Bool
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
