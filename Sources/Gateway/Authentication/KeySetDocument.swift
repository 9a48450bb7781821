package import GatewayCrypto
import GatewayJSON

/// Why a document is no key set.
package enum KeySetProblem: Error, Sendable, Equatable {
    case tooLarge
    case malformed
    case tooManyKeys
    /// Two usable keys have the same id: which of them a token means would be a guess.
    case ambiguousID
    /// Not one key that can verify the algorithm.
    case noUsableKey

    /// Half a sentence: the document …
    package var text: String {
        switch self {
        case .tooLarge: "is larger than \(KeySetDocument.maxBytes / 1024) KiB"
        case .malformed: "is no JSON Web Key Set (RFC 7517)"
        case .tooManyKeys: "has more than \(KeySet.maxKeys) keys"
        case .ambiguousID: "has two keys with one id, or several of which one has none"
        case .noUsableKey: "has no key for the configured algorithm"
        }
    }
}

/// A JSON Web Key Set (RFC 7517).
package enum KeySetDocument {
    package static let maxBytes = 256 << 10
    /// Entries of all kinds, usable or not.
    private static let maxEntries = 256
    private static let limits = JSONLimits(maxDepth: 16, maxNodes: 16_384)

    /// The keys for `algorithm`. Keys of other kinds, for other uses and algorithms, and those that are none are passed over, as RFC 7517,
    /// section 5, asks; shared secrets too: those come from the vault alone.
    package static func keys(in document: [UInt8], for algorithm: SignatureAlgorithm) throws(KeySetProblem) -> KeySet {
        guard document.count <= maxBytes else { throw .tooLarge }
        let result: Result<KeySet, KeySetProblem> = document.withUnsafeBytes { bytes in
            var index = JSONIndex()
            guard (try? index.scan(bytes, limits: limits)) != nil else { return .failure(.malformed) }
            let root = index.root(of: bytes)
            return Result { () throws(KeySetProblem) in try keys(in: root, for: algorithm) }
        }
        return try result.get()
    }

    private static func keys(in root: JSONValue, for algorithm: SignatureAlgorithm) throws(KeySetProblem) -> KeySet {
        guard root.isObject, !root.hasDuplicateMember, let list = try? root.member("keys"), list.isArray else { throw .malformed }
        var entries: [KeySet.Entry] = []
        for (position, element) in list.elements.enumerated() {
            guard position < maxEntries else { throw .tooManyKeys }
            if let entry = entry(element, for: algorithm) { entries.append(entry) }
        }
        guard !entries.isEmpty else { throw .noUsableKey }
        guard entries.count <= KeySet.maxKeys else { throw .tooManyKeys }
        let ids = Set(entries.compactMap(\.id))
        guard entries.count == 1 || ids.count == entries.count else { throw .ambiguousID }
        return KeySet(entries)
    }

    private static func entry(_ value: JSONValue, for algorithm: SignatureAlgorithm) -> KeySet.Entry? {
        guard value.isObject else { return nil }
        if let use = text(value, "use"), use != "sig" { return nil }
        if let named = text(value, "alg"), named != algorithm.rawValue { return nil }
        if let operations = try? value.member("key_ops"), !operations.elements.contains(where: { $0.equals("verify") }) { return nil }
        guard let key = key(value, for: algorithm) else { return nil }
        return KeySet.Entry(id: text(value, "kid"), key: key)
    }

    private static func key(_ value: JSONValue, for algorithm: SignatureAlgorithm) -> VerificationKey? {
        switch (algorithm, text(value, "kty")) {
        case (.rs256, "RSA"):
            guard let modulus = number(value, "n"), let exponent = number(value, "e") else { return nil }
            return try? VerificationKey(modulus: modulus, exponent: exponent)
        case (.es256, "EC"):
            guard text(value, "crv") == "P-256", let x = number(value, "x"), let y = number(value, "y") else { return nil }
            return try? VerificationKey(x: x, y: y)
        default: return nil
        }
    }

    private static func text(_ value: JSONValue, _ name: StaticString) -> String? {
        (try? value.member(name))?.string
    }

    private static func number(_ value: JSONValue, _ name: StaticString) -> [UInt8]? {
        text(value, name).flatMap { Base64URL.decode($0) }
    }
}

extension JSONValue {
    /// Whether any object in this value, itself included, has a key twice. The document's depth bounds the recursion.
    var hasDuplicateMember: Bool {
        if isObject {
            if firstDuplicateKey() != nil { return true }
            return members.contains { $0.value.hasDuplicateMember }
        }
        return elements.contains { $0.hasDuplicateMember }
    }
}
