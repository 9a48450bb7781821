import GatewayConfiguration
import GatewayCrypto
import Logging
import NIOCore
import RedisStore

/// The Redis that limits are shared in.
struct RedisState: Sendable {
    let options: RedisOptions
    let timeout: TimeAmount

    /// - Returns: `nil` where none is configured.
    static func of(_ configuration: Configuration) -> Result<RedisState?, ConfigurationFaults> {
        guard let redis = configuration.redis else { return .success(nil) }
        return Result { () throws(ConfigurationFaults) in
            do {
                let url = redis.url.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                return RedisState(options: try RedisOptions(url: url, trustRoots: redis.trustRoots), timeout: TimeAmount(redis.timeout))
            } catch {
                throw fault("names a URL that cannot be used: \(error)", "check what it names")
            }
        }
    }

    /// Asks the deployment at start whether it can have its role. One that is out of reach now does not keep the gateway from starting: requests
    /// follow `limits.without_redis`, and it is asked again until it answers.
    func check(on eventLoop: any EventLoop, logger: Logger) async -> Result<Void, ConfigurationFaults> {
        do {
            try await RedisRoleCheck.run(.state, options: options, eventLoop: eventLoop)
        } catch let error as RedisRoleError where error.isUnreachable {
            logger.warning("redis.state is out of reach at start", metadata: ["reason": "\(error)"])
            Task { await checkLater(on: eventLoop, logger: logger) }
        } catch {
            return .failure(Self.fault("names a deployment that cannot be used: \(error)", "mend it, or unset the variable"))
        }
        return .success(())
    }

    private func checkLater(on eventLoop: any EventLoop, logger: Logger) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .seconds(5))
                return try await RedisRoleCheck.run(.state, options: options, eventLoop: eventLoop)
            } catch let error as RedisRoleError where error.isUnreachable {
                continue
            } catch {
                return logger.error("redis.state must not be used", metadata: ["reason": "\(error)"])
            }
        }
    }

    private static func fault(_ problem: String, _ remedy: String) -> ConfigurationFaults {
        ConfigurationFaults(faults: [
            ConfigurationFault(file: "configuration", line: 1, column: 1, key: "redis.state.url_env", problem: problem, remedy: remedy)
        ])
    }
}
