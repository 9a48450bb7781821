/// Where a gateway listens, and how the wire protocol gets there.
public struct Address: Sendable, Hashable {
    public enum Way: Sendable, Hashable {
        /// Over TLS, by itself.
        case tls
        /// In a WebSocket, through proxies and edges that pass HTTP only. Not secure: plain HTTP, to this machine only.
        case webSocket(path: String, isSecure: Bool)
    }

    /// Where gateways take WebSockets.
    public static let webSocketPath = "/agentshield/v1"

    /// A name or an IP address, without brackets.
    public var host: String
    public var port: Int
    public var way: Way

    public init(host: String, port: Int = 8443, way: Way = .tls) {
        self.host = host
        self.port = port
        self.way = way
    }

    /// Reads `host`, `host:port` or `[ipv6]:port`, the port being 8443 without one; or a WebSocket's address, `wss://host`, `wss://host:port` or
    /// either with a path behind it, which is ``webSocketPath`` without one, and the port 443. `ws://` is the same without TLS and with port 80, for
    /// this machine only. `nil`: it is none of them.
    public init?(_ text: some StringProtocol) {
        let text = Substring(text)
        for (scheme, isSecure, port) in [("wss://", true, 443), ("ws://", false, 80)] where text.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            let end = rest.firstIndex(of: "/") ?? rest.endIndex
            let path = rest[end...]
            guard let (host, port) = Self.hostAndPort(rest[..<end], defaultPort: port), Self.isPath(path) else { return nil }
            let way = Way.webSocket(path: path.count > 1 ? String(path) : Self.webSocketPath, isSecure: isSecure)
            self.init(host: host, port: port, way: way)
            return
        }
        guard let (host, port) = Self.hostAndPort(text, defaultPort: 8443) else { return nil }
        self.init(host: host, port: port)
    }

    private static func hostAndPort(_ text: Substring, defaultPort: Int) -> (String, Int)? {
        var host = text
        var port = "\(defaultPort)"[...]
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            host = host[host.index(after: host.startIndex)..<end]
            if !rest.isEmpty {
                guard rest.first == ":" else { return nil }
                port = rest.dropFirst()
            }
        } else if let colon = host.lastIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
            guard !host.contains(":") else { return nil }
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "/?#@".contains($0) }), let number = UInt16(port), number > 0 else {
            return nil
        }
        return (String(host), Int(number))
    }

    /// Nothing that would end the request's first line, and no query, which proxies write into their logs.
    static func isPath(_ path: some StringProtocol) -> Bool {
        path.isEmpty
            || path.hasPrefix("/")
                && path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    }
}

extension Address {
    /// Whether what is sent there goes to this machine only.
    var isLoopback: Bool { host == "localhost" || host == "::1" || isLoopbackIPv4 }

    /// Whether it goes there unencrypted.
    var isPlain: Bool {
        if case .webSocket(_, isSecure: false) = way { true } else { false }
    }

    private var isLoopbackIPv4: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// As it is written before a port.
    var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }

    var hostAndPort: String { "\(bracketedHost):\(port)" }
}
