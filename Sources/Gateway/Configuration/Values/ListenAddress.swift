#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Where a listener binds: an IP address, or `localhost`, and a port. Port 0: the system chooses.
package struct ListenAddress: Sendable, Hashable {
    /// Without brackets.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `127.0.0.1:8443`, `[::1]:8443` or `localhost:8443`; `nil` for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        let isValid = isBracketed ? Self.isIPv6(String(host)) : host == "localhost" || Self.isIPv4(String(host))
        guard isValid else { return nil }
        self.init(host: String(host), port: port)
    }

    /// 0 to 65535 in decimal digits.
    static func port(_ text: some StringProtocol) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text), port <= 65535
        else {
            return nil
        }
        return port
    }

    /// Whether only programs on the same machine can connect.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || Self.isIPv4(host) && host.hasPrefix("127.")
    }

    static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }
}

extension ListenAddress: CustomStringConvertible {
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
