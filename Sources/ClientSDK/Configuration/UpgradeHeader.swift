/// A header of the request that begins a WebSocket, for what stands in front of the gateway: the service token of Cloudflare Access
/// (`CF-Access-Client-Id`, `CF-Access-Client-Secret`), a secret of a proxy. Its value prints as nothing.
public struct UpgradeHeader: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    static let maxCount = 32
    static let maxBytes = 8192

    /// Lines of the form `Name: value`; empty lines do not count. `nil`: one is none.
    static func list(_ text: String) -> [UpgradeHeader]? {
        var headers: [UpgradeHeader] = []
        for line in text.split(whereSeparator: \.isNewline) where !line.trimmed.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers.append(UpgradeHeader(line[..<colon].trimmed, line[line.index(after: colon)...].trimmed))
        }
        return headers
    }

    /// Whether the client does not write this header itself, and it is a header at all.
    var isValid: Bool {
        let own: Set<String> = ["host", "connection", "upgrade", "content-length", "transfer-encoding", "te", "trailer", "expect"]
        let lowered = name.lowercased()
        return !name.isEmpty && name.utf8.allSatisfy(Self.isTokenByte) && !own.contains(lowered) && !lowered.hasPrefix("sec-websocket-")
            && !value.isEmpty && value.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension UpgradeHeader: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "UpgradeHeader(\(name))" }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
