import GatewayConfiguration
import GatewayCrypto
import Logging
import NIOCore
import RedisStore

/// A deployment of Redis, and what it is for.
struct RedisDeployment: Sendable {
    let role: RedisRole
    let options: RedisOptions

    /// - Returns: `nil` where none is configured.
    static func state(of configuration: Configuration) -> Result<RedisDeployment?, ConfigurationFaults> {
        make(.state, configuration.redis.state)
    }

    static func cache(of configuration: Configuration) -> Result<RedisDeployment?, ConfigurationFaults> {
        make(.cache, configuration.redis.cache)
    }

    private static func make(_ role: RedisRole, _ server: Configuration.RedisServer?) -> Result<RedisDeployment?, ConfigurationFaults> {
        guard let server else { return .success(nil) }
        return Result { () throws(ConfigurationFaults) in
            do {
                let url = server.url.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                return RedisDeployment(role: role, options: try RedisOptions(url: url, trustRoots: server.trustRoots))
            } catch {
                throw fault(role, "names a URL that cannot be used: \(error)", "check what it names")
            }
        }
    }

    /// Asks the deployment at start whether it can have its role. One that is out of reach now does not keep the gateway from starting: it is asked
    /// again until it answers, and requests do meanwhile what is written for its loss.
    func check(on eventLoop: any EventLoop, logger: Logger) async -> Result<Void, ConfigurationFaults> {
        do {
            try await RedisRoleCheck.run(role, options: options, eventLoop: eventLoop)
        } catch let error as RedisRoleError where error.isUnreachable {
            logger.warning("\(role.rawValue) is out of reach at start", metadata: ["reason": "\(error)"])
            Task { await checkLater(on: eventLoop, logger: logger) }
        } catch {
            return .failure(Self.fault(role, "names a deployment that cannot be used: \(error)", "mend it, or unset the variable"))
        }
        return .success(())
    }

    private func checkLater(on eventLoop: any EventLoop, logger: Logger) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .seconds(5))
                return try await RedisRoleCheck.run(role, options: options, eventLoop: eventLoop)
            } catch let error as RedisRoleError where error.isUnreachable {
                continue
            } catch {
                return logger.error("\(role.rawValue) must not be used", metadata: ["reason": "\(error)"])
            }
        }
    }

    private static func fault(_ role: RedisRole, _ problem: String, _ remedy: String) -> ConfigurationFaults {
        ConfigurationFaults(faults: [
            ConfigurationFault(file: "configuration", line: 1, column: 1, key: "\(role.rawValue).url_env", problem: problem, remedy: remedy)
        ])
    }
}
