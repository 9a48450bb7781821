import Foundation
import GatewayConfiguration

extension Vault {
    /// The vault of this process. No other file of the gateway touches the environment; a test sees to it.
    static let process = Vault(
        lookUp: { name in getenv(name).map { String(cString: $0) } }, readFile: SmallFile.read)
}
