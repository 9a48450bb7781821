import Foundation
import GatewayCrypto
import Testing

@testable import GatewayConfiguration

/// A file with nothing in it but what is required, and its surroundings.
enum Fixture {
    static let zeroHash = "hmac-sha256:" + String(repeating: "00", count: 32)
    static let oneHash = "hmac-sha256:" + String(repeating: "01", count: 32)

    static let minimal = """
        auth:
          keys:
            - {id: k1, hash: "\(zeroHash)", tenant: acme}
        providers:
          main: {dialect: openai, base_url: "https://api.example.com/v1", api_key_env: MAIN_KEY}
        models:
          - {name: small, provider: main}
        """

    static let environment = [
        "AGENTSHIELD_PEPPER": "0123456789abcdef0123456789abcdef", "MAIN_KEY": "credential-of-main",
        "OTLP_HEADERS": "x-token=a%2Cb,x-scope=team",
        "TOKEN_SECRET": "shared-secret-of-32-bytes-or-more-0123", "ORIGIN_SECRET": "origin-secret-of-32-bytes-or-more-0123",
        "OLD_ORIGIN_SECRET": "origin-secret-that-was-before-this-0123",
    ]

    struct NoSuchFile: Error {}

    static func vault(_ environment: [String: String], _ files: [String: String] = [:]) -> Vault {
        Vault(environment: environment) { path in
            guard let text = files[path] else { throw NoSuchFile() }
            return Array(text.utf8)
        }
    }

    static func load(
        _ yaml: String, path: String = "gateway.yaml", environment: [String: String] = environment, files: [String: String] = [:]
    ) -> Result<Configuration, ConfigurationFaults> {
        ConfigurationLoader.load(path: path, bytes: Array(yaml.utf8), vault: vault(environment, files))
    }

    static func faults(
        _ yaml: String, environment: [String: String] = environment, files: [String: String] = [:]
    ) -> [ConfigurationFault] {
        switch load(yaml, environment: environment, files: files) {
        case .success: []
        case .failure(let faults): faults.faults
        }
    }

    /// The number of the line that has `# HERE` in it.
    static func markedLine(_ yaml: String) -> Int? {
        yaml.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.contains("# HERE") }.map { $0 + 1 }
    }

    /// The package's folder.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}
