package import NIOCore

/// An error reply, by its first word. The rest of its text is dropped: Redis repeats arguments in it.
package struct RedisServerError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The script is not in the server's cache: `EVAL` brings it.
        case noScript
        /// The slot lives at another node now (`isAsk`: this once, while the slot moves).
        case moved(slot: UInt16, host: String, port: UInt16, isAsk: Bool)
        /// The slot's keys are on two nodes at the moment.
        case tryAgain
        /// A replica, or a primary that may not write: the address leads to the wrong node, or a failover is under way.
        case readOnly
        case loading
        case outOfMemory
        case primaryDown
        /// A script has run for longer than the server likes.
        case busy
        case clusterDown
        case wrongCredentials
        /// No credential was given, or none is known.
        case notAuthenticated
        /// The ACL user may not do this.
        case notPermitted
        /// Snapshots fail and the server therefore takes no writes, or too few replicas are there.
        case writesStopped
        case wrongType
        case other
    }

    /// What is to be done about it.
    package enum Retry: Sendable, Equatable {
        /// The same command fails again until somebody mends it.
        case never
        /// Nothing was done; the client itself sends it again.
        case elsewhere
        /// Nothing was done; later it may succeed.
        case later
    }

    package let kind: Kind
    /// The first word, such as `WRONGTYPE`: capital letters and digits, at most 24 of them; else `ERR`.
    package let code: String

    package init(_ text: ByteBuffer) {
        let words = text.readableBytesView.split(separator: UInt8(ascii: " "), maxSplits: 3)
        let isCode = words.first.map { $0.count <= 24 && $0.allSatisfy { (65...90).contains($0) || (48...57).contains($0) } } ?? false
        code = isCode ? String(decoding: words.first ?? [], as: UTF8.self) : "ERR"
        kind = Self.kind(code: code, words: words.map { String(decoding: $0.prefix(300), as: UTF8.self) })
    }

    private static func kind(code: String, words: [String]) -> Kind {
        switch code {
        case "NOSCRIPT": .noScript
        case "MOVED", "ASK": redirection(words) ?? .other
        case "TRYAGAIN": .tryAgain
        case "READONLY": .readOnly
        case "LOADING": .loading
        case "OOM": .outOfMemory
        case "MASTERDOWN": .primaryDown
        case "BUSY": .busy
        case "CLUSTERDOWN": .clusterDown
        case "WRONGPASS": .wrongCredentials
        case "NOAUTH": .notAuthenticated
        case "NOPERM": .notPermitted
        case "MISCONF", "NOREPLICAS": .writesStopped
        case "WRONGTYPE": .wrongType
        default: .other
        }
    }

    /// `MOVED 3999 127.0.0.1:6381`; an empty host means the node that answered.
    private static func redirection(_ words: [String]) -> Kind? {
        guard words.count == 3, let slot = UInt16(words[1]), slot < RedisSlot.count,
            let colon = words[2].lastIndex(of: ":"), let port = UInt16(words[2][words[2].index(after: colon)...]), port > 0
        else { return nil }
        return .moved(slot: slot, host: String(words[2][..<colon]), port: port, isAsk: words[0] == "ASK")
    }

    package var retry: Retry {
        switch kind {
        case .noScript, .moved: .elsewhere
        case .tryAgain, .readOnly, .loading, .outOfMemory, .primaryDown, .busy, .clusterDown, .writesStopped: .later
        case .wrongCredentials, .notAuthenticated, .notPermitted, .wrongType, .other: .never
        }
    }

    /// Whether the node as a whole cannot serve, so that the breaker should count it.
    package var meansNodeIsUnwell: Bool {
        switch kind {
        case .loading, .primaryDown, .busy, .clusterDown, .wrongCredentials, .notAuthenticated: true
        default: false
        }
    }

    package var description: String { "Redis answered \(code)" }
}
