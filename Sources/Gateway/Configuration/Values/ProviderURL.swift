/// A provider's base URL, taken apart.
package struct ProviderURL: Sendable, Hashable {
    package var usesTLS: Bool
    /// A host name or an IP address, without brackets.
    package var host: String
    package var port: Int
    /// What precedes `/chat/completions`: empty, or begins with `/` and does not end with one.
    package var path: String

    /// Whether requests stay on this machine.
    package var isLoopback: Bool { ListenAddress(host: host, port: port).isLoopback }

    package init(usesTLS: Bool, host: String, port: Int, path: String) {
        self.usesTLS = usesTLS
        self.host = host
        self.port = port
        self.path = path
    }

    package init(parsing text: String) throws(ValueProblem) {
        let example = "such as https://api.example.com/v1"
        let usesTLS = text.hasPrefix("https://")
        guard usesTLS || text.hasPrefix("http://") else {
            throw ValueProblem("is not an http:// or https:// URL", remedy: "give a URL \(example)")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValueProblem("has characters that no URL has", remedy: "percent-encode them, or give a URL \(example)")
        }
        let rest = text.dropFirst(usesTLS ? 8 : 7)
        let authority = rest.prefix { !"/?#".contains($0) }
        let path = rest.dropFirst(authority.count)
        guard !authority.contains("@") else {
            throw ValueProblem(
                "has a user name or password in it", remedy: "remove it and name the credential's environment variable in `api_key_env`")
        }
        guard !path.contains("?"), !path.contains("#") else {
            throw ValueProblem("has a query or fragment", remedy: "remove what follows the path; credentials go into `api_key_env`")
        }
        let (host, portText) = Self.split(authority)
        guard Self.isHost(host), let port = portText.map({ ListenAddress.port($0) }) ?? (usesTLS ? 443 : 80), port > 0 else {
            throw ValueProblem("has no valid host or port", remedy: "give a URL \(example)")
        }
        self.init(
            usesTLS: usesTLS, host: host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : String(host), port: port,
            path: Self.trimmed(path))
    }

    /// The URL with its port, and without a slash at its end.
    package var text: String {
        "\(usesTLS ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)\(path)"
    }

    private static func split(_ authority: Substring) -> (host: Substring, port: Substring?) {
        guard let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func isHost(_ text: Substring) -> Bool {
        if text.hasPrefix("[") { return text.hasSuffix("]") && ListenAddress.isIPv6(String(text.dropFirst().dropLast())) }
        return (1...253).contains(text.utf8.count)
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
            }
    }

    private static func trimmed(_ path: Substring) -> String {
        var path = path
        while path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }
}
