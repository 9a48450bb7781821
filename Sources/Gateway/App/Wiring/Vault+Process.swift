import Foundation
import GatewayConfiguration

extension Vault {
    /// The vault of this process. No other file of the gateway touches the environment; a test sees to it.
    static let process = Vault(
        lookUp: { name in getenv(name).map { String(cString: $0) } }, readFile: SmallFile.read)

    /// Takes variables out of this process' environment which a library would read past the vault. To be called before anything else runs.
    static func removeFromProcess(_ names: [String]) {
        for name in names { unsetenv(name) }
    }
}
