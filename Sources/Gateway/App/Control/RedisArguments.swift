import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCrypto
import NIOCore
import NIOPosix
import RedisStore

/// Where a command finds Redis: in the environment, as gateways do.
struct RedisArguments: ParsableArguments {
    @Option(name: .long, help: "PEM certificates to trust instead of the system's, of a URL that begins with rediss://.")
    var redisCaFile: String?

    /// - Parameter variables: the first that is set counts; or the file that its `_FILE` names.
    /// - Returns: `nil`: none is.
    func options(_ variables: [String]) throws -> RedisOptions? {
        guard let variable = variables.first(where: { Vault.process.holds($0) }) else { return nil }
        let url = try EnvironmentSecret.read(variable, minimumCount: 1).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        do {
            return try RedisOptions(url: url, trustRoots: try redisCaFile.map { try SmallFile.read($0) })
        } catch {
            throw Refused("\(variable) cannot be used: \(error)", status: 78).told
        }
    }

    /// Runs the body with a client, which is closed at its end.
    func with<Result>(_ options: RedisOptions, _ body: (NIOLoopBound<RedisClient>) async throws -> Result) async throws -> Result {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let client = try await loop.submit { NIOLoopBound(RedisClient(options: options, eventLoop: loop), eventLoop: loop) }.get()
        do {
            let result = try await body(client)
            try await loop.submit { client.value.close() }.get()
            return result
        } catch {
            try await loop.submit { client.value.close() }.get()
            guard let failure = error as? RedisFailure else { throw error }
            throw Refused("Redis cannot be asked: \(failure)", status: 69).told
        }
    }
}
