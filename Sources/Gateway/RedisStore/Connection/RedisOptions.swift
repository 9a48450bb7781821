package import GatewayCrypto
package import NIOCore
import NIOSSL

/// Where a Redis server listens.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What a URL of Redis is refused for. It does not repeat the URL, which may hold a password.
package struct RedisURLError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
}

/// How one Redis deployment is reached.
package struct RedisOptions: Sendable {
    package var address: RedisAddress
    /// `nil`: the default user.
    package var username: String?
    package var password: Secret?
    /// Of a deployment that is no cluster; a cluster has only 0.
    package var database: Int
    /// Shown by `CLIENT LIST`.
    package var clientName: String
    package var tls: RedisTLS?
    package var limits: RedisLimits

    package init(
        address: RedisAddress, username: String? = nil, password: Secret? = nil, database: Int = 0, clientName: String = "agentshield",
        tls: RedisTLS? = nil, limits: RedisLimits = RedisLimits()
    ) {
        self.address = address
        self.username = username
        self.password = password
        self.database = database
        self.clientName = clientName
        self.tls = tls
        self.limits = limits
    }

    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/database]`; `rediss` is TLS. `%` escapes are read in user and password.
    ///   - trustRoots: PEM certificates to trust instead of the system's, for `rediss`.
    package init(url: String, trustRoots: [UInt8]? = nil) throws(RedisURLError) {
        guard let schemeEnd = url.range(of: "://"), ["redis", "rediss"].contains(url[..<schemeEnd.lower]) else {
            throw RedisURLError(description: "the URL must begin with redis:// or rediss://")
        }
        let usesTLS = url[..<schemeEnd.lower] == "rediss"
        let rest = url[schemeEnd.upper...]
        let pathStart = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<pathStart]
        var (username, password): (String?, String?) = (nil, nil)
        if let at = authority.lastIndex(of: "@") {
            let words = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            username = try Self.unescaped(words[0])
            password = try words.count > 1 ? Self.unescaped(words[1]) : nil
            authority = authority[authority.index(after: at)...]
        }
        self.init(
            address: try Self.address(authority), username: username.flatMap { $0.isEmpty ? nil : $0 },
            password: password.flatMap { $0.isEmpty ? nil : Secret($0) }, database: try Self.database(rest[pathStart...].dropFirst()),
            tls: usesTLS ? try RedisTLS(trustRoots: trustRoots) : nil)
        guard self.username == nil || self.password != nil else { throw RedisURLError(description: "the URL has a user but no password") }
    }

    private static func address(_ text: Substring) throws(RedisURLError) -> RedisAddress {
        var host = text
        var port = 6_379
        if text.first == "[", let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let after = text[text.index(after: end)...]
            port = try after.isEmpty ? port : Self.port(after)
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = try Self.port(text[colon...])
        }
        guard !host.isEmpty, !host.contains(where: { $0 == " " || $0 == "@" }) else {
            throw RedisURLError(description: "the URL names no host")
        }
        return RedisAddress(host: String(host), port: port)
    }

    private static func port(_ text: Substring) throws(RedisURLError) -> Int {
        guard text.first == ":", let port = UInt16(text.dropFirst()), port > 0 else {
            throw RedisURLError(description: "the URL's port is not a number from 1 to 65535")
        }
        return Int(port)
    }

    private static func database(_ text: Substring) throws(RedisURLError) -> Int {
        guard !text.isEmpty else { return 0 }
        guard let database = Int(text), (0..<65_536).contains(database) else {
            throw RedisURLError(description: "the URL's path must be a database's number")
        }
        return database
    }

    private static func unescaped(_ text: Substring) throws(RedisURLError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else {
                throw RedisURLError(description: "the URL's user or password has a broken % escape")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension StringProtocol {
    /// Where `text` stands first.
    fileprivate func range(of text: String) -> (lower: Index, upper: Index)? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return (start, index(start, offsetBy: text.count)) }
            start = index(after: start)
        }
        return nil
    }
}

/// Trust for `rediss`: TLS 1.2 or later, the certificate verified up to a root, its name compared with the host, or its address with the address
/// connected to. There is no way to switch verification off. Costly to make (it reads the trust roots) and meant to be shared.
package struct RedisTLS: Sendable {
    private let context: NIOSSLContext

    package init(trustRoots: [UInt8]? = nil) throws(RedisURLError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        do {
            if let trustRoots {
                let roots = try NIOSSLCertificate.fromPEMBytes(trustRoots)
                guard !roots.isEmpty else { throw RedisURLError(description: "the CA file for Redis holds no certificate") }
                configuration.trustRoots = .certificates(roots)
            }
            context = try NIOSSLContext(configuration: configuration)
        } catch let error as RedisURLError {
            throw error
        } catch {
            throw RedisURLError(description: "the CA file for Redis cannot be used: \(error)")
        }
    }

    func makeHandler(host: String) throws -> NIOSSLClientHandler {
        // SNI knows no addresses; without a name NIOSSL compares the certificate with the peer's address.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }
}

/// Every bound of the traffic with one node from one event loop.
package struct RedisLimits: Sendable, Equatable {
    /// Commands sent and not answered, late ones counted too.
    package var maxOutstanding = 4_096
    /// Bytes of them.
    package var maxOutstandingBytes = 8 << 20
    /// Commands that wait while there is no connection.
    package var maxQueued = 256
    /// TCP, TLS and the greeting together.
    package var connectTimeout = TimeAmount.seconds(2)
    /// An answer that is later than its command's deadline by this ends the connection: nobody is there any more.
    package var silenceTimeout = TimeAmount.seconds(3)
    package var reply = RedisReplyLimits()
    package var backoff = RedisBackoff()
    package var breaker = RedisBreaker.Settings()
    /// How often one command follows a redirection.
    package var maxRedirections = 4
    /// Nodes of a cluster that connections are kept to.
    package var maxNodes = 256

    package init() {}
}

/// How long to wait before the next attempt to connect: exponential with full jitter, so that replicas do not come back all at once.
package struct RedisBackoff: Sendable, Equatable {
    package var base = TimeAmount.milliseconds(50)
    package var ceiling = TimeAmount.seconds(2)

    package init() {}

    /// - Parameters:
    ///   - failures: attempts that failed in a row; at least 1.
    ///   - random: 0 to 1.
    func delay(failures: Int, random: Double) -> TimeAmount {
        let doublings = min(max(0, failures - 1), 20)
        let bound = min(base.nanoseconds << Int64(doublings), ceiling.nanoseconds)
        return .nanoseconds(Int64(Double(bound) * min(1, max(0, random))))
    }
}
