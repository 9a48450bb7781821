/// The parts of a base URL (RFC 3986), as far as an upstream's may have them.
struct UpstreamLocation: Sendable, Hashable {
    var isTLS: Bool
    var host: String
    var port: Int
    var basePath: String

    var authority: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
    }

    init(parsing url: String) throws(UpstreamEndpointError) {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw UpstreamEndpointError(reason: "a base URL has no spaces, control characters or characters beyond ASCII")
        }
        guard !url.contains("?"), !url.contains("#") else {
            throw UpstreamEndpointError(reason: "a base URL has no query and no fragment")
        }
        let rest: Substring
        if url.lowercased().hasPrefix("https://") {
            isTLS = true
            rest = url.dropFirst("https://".count)
        } else if url.lowercased().hasPrefix("http://") {
            isTLS = false
            rest = url.dropFirst("http://".count)
        } else {
            throw UpstreamEndpointError(reason: "a base URL starts with http:// or https://")
        }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.contains("@") else {
            throw UpstreamEndpointError(reason: "a base URL holds no credentials; name an environment variable for the key")
        }
        (host, port) = try Self.splitAuthority(authority, defaultPort: isTLS ? 443 : 80)
        var path = rest.dropFirst(authority.count)
        while path.last == "/" {
            path.removeLast()
        }
        basePath = String(path)
    }

    private static func splitAuthority(_ authority: Substring, defaultPort: Int) throws(UpstreamEndpointError) -> (String, Int) {
        let host: Substring
        let afterHost: Substring
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else {
                throw UpstreamEndpointError(reason: "the bracket of the IPv6 address is not closed")
            }
            host = authority[authority.index(after: authority.startIndex)..<end]
            afterHost = authority[authority.index(after: end)...]
        } else {
            host = authority.prefix { $0 != ":" }
            afterHost = authority.dropFirst(host.count)
        }
        guard !host.isEmpty, host.utf8.allSatisfy(isHostByte) else {
            throw UpstreamEndpointError(reason: "the base URL has no valid host")
        }
        if afterHost.isEmpty {
            return (host.lowercased(), defaultPort)
        }
        let digits = afterHost.dropFirst()
        guard afterHost.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0 else {
            throw UpstreamEndpointError(reason: "the base URL's port is not a number from 1 to 65535")
        }
        return (host.lowercased(), Int(port))
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"):
            true
        default:
            false
        }
    }
}
