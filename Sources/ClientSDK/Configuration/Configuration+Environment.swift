#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension AgentShieldClient.Configuration {
    /// Reads the configuration from variables:
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `AGENTSHIELD_ADDRESS` | `host:port` of the gateways, or `wss://host/path` through what passes HTTP only, separated by commas; required |
    /// | `AGENTSHIELD_API_KEY` | the API key |
    /// | `AGENTSHIELD_API_KEY_FILE` | or the path of a file that holds it, read for every new connection |
    /// | `AGENTSHIELD_UPGRADE_HEADERS` | headers for what stands in front of a `wss://` address, a line `Name: value` for each |
    /// | `AGENTSHIELD_UPGRADE_HEADERS_FILE` | or the path of a file that holds them |
    /// | `AGENTSHIELD_CA_FILE` | a PEM file with the only certificates to trust; without it, the system's |
    ///
    /// - Parameter environment: `nil`: this process's.
    /// - Throws: ``AgentShieldError`` of the code ``AgentShieldError/Code/invalidConfiguration``, which names the variable.
    public init(environment: [String: String]? = nil) throws {
        func value(_ name: String) -> String? {
            let value = environment.map { $0[name] } ?? getenv(name).map { String(cString: $0) }
            return value.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let list = value("AGENTSHIELD_ADDRESS") else {
            throw AgentShieldError(.invalidConfiguration, "AGENTSHIELD_ADDRESS is not set: the gateway's host:port, or wss://host")
        }
        let addresses = try list.split(separator: ",").map { text in
            guard let address = Address(text.trimmed) else {
                throw AgentShieldError(
                    .invalidConfiguration, "AGENTSHIELD_ADDRESS holds something that is neither host:port nor wss://host")
            }
            return address
        }
        let credential: Credential
        switch (value("AGENTSHIELD_API_KEY"), value("AGENTSHIELD_API_KEY_FILE")) {
        case (let key?, nil): credential = .apiKey(key)
        case (nil, let path?): credential = .file(path)
        case (nil, nil):
            throw AgentShieldError(.invalidConfiguration, "neither AGENTSHIELD_API_KEY nor AGENTSHIELD_API_KEY_FILE is set")
        case (_?, _?):
            throw AgentShieldError(.invalidConfiguration, "AGENTSHIELD_API_KEY and AGENTSHIELD_API_KEY_FILE are both set")
        }
        self.init(addresses: addresses, credential: credential)
        if let path = value("AGENTSHIELD_CA_FILE") { trust = .file(path) }
        let headers: String?
        switch (value("AGENTSHIELD_UPGRADE_HEADERS"), value("AGENTSHIELD_UPGRADE_HEADERS_FILE")) {
        case (let text, nil): headers = text
        case (nil, let path?): headers = try SmallFile.text(at: path)
        case (_?, _?):
            throw AgentShieldError(.invalidConfiguration, "AGENTSHIELD_UPGRADE_HEADERS and AGENTSHIELD_UPGRADE_HEADERS_FILE are both set")
        }
        guard let list = UpgradeHeader.list(headers ?? "") else {
            throw AgentShieldError(.invalidConfiguration, "AGENTSHIELD_UPGRADE_HEADERS has a line that does not read Name: value")
        }
        upgradeHeaders = list
    }

    func validate() throws {
        func require(_ condition: Bool, _ message: String) throws {
            guard condition else { throw AgentShieldError(.invalidConfiguration, message) }
        }
        try require(!addresses.isEmpty && addresses.count <= 256, "addresses must be 1 to 256")
        try require(addresses.allSatisfy { !$0.host.isEmpty && (1...65_535).contains($0.port) }, "an address has no host, or no valid port")
        for case .webSocket(let path, _) in addresses.map(\.way) {
            try require(!path.isEmpty && Address.isPath(path), "a WebSocket's path must begin with / and hold visible ASCII but ? and #")
        }
        try require(
            addresses.allSatisfy { $0.isLoopback || !$0.isPlain },
            "ws:// would send the credential unencrypted, so it is for this machine only: use wss://")
        try require(
            upgradeHeaders.count <= UpgradeHeader.maxCount
                && upgradeHeaders.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } <= UpgradeHeader.maxBytes,
            "upgradeHeaders are more than \(UpgradeHeader.maxCount), or longer than \(UpgradeHeader.maxBytes) bytes")
        if let header = upgradeHeaders.first(where: { !$0.isValid }) {
            throw AgentShieldError(
                .invalidConfiguration,
                "the upgrade header `\(header.name.prefix(64))` has no valid name, is one that the client writes itself, or its value is not visible ASCII"
            )
        }
        try require((1...64).contains(maxConnections), "maxConnections must be 1 to 64")
        try require(maxPendingCalls >= 1, "maxPendingCalls must be at least 1")
        try require((262_144...16_777_216).contains(streamBufferBytes), "streamBufferBytes must be 256 KiB to 16 MiB")
        try require((1...1_073_741_824).contains(maxAnswerBytes), "maxAnswerBytes must be 1 byte to 1 GiB")
        try require(deadline > .zero && connectTimeout > .zero, "deadline and connectTimeout must be positive")
        try require(keepAlive.map { $0 >= .seconds(2) } ?? true, "keepAlive must be at least 2 s")
        try require(idleTimeout.map { $0 > .zero } ?? true, "idleTimeout must be positive")
        try require(retry.maxAttempts >= 1 && retry.maxConnectAttempts >= 1, "the retry policy needs at least one attempt")
    }
}

/// A file whose whole content is a credential.
enum SmallFile {
    static let maxBytes = 4096

    static func text(at path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw AgentShieldError(.credentialUnavailable, "\(path) cannot be read") }
        defer { fclose(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: maxBytes + 1) { buffer, count in
            count = fread(buffer.baseAddress, 1, maxBytes + 1, file)
        }
        guard bytes.count <= maxBytes else { throw AgentShieldError(.credentialUnavailable, "\(path) is longer than \(maxBytes) bytes") }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension StringProtocol {
    /// Without white space on both sides.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
