import GatewayCore
import GatewayCrypto
import NIOCore

/// Seals answers for a cache that others may read: ``ValueSeal`` has how. An answer opens under its cache key alone. Confined to its event loop.
final class AnswerSeal {
    private let seal: ValueSeal

    /// - Parameters:
    ///   - id: the secret's name, at most 255 bytes: what another secret sealed is not tried.
    ///   - longest: the longest answer that is opened, encoded, in bytes.
    init(secret: Secret, id: String, longest: Int) {
        seal = ValueSeal(secret: secret, id: id, purpose: "agentshield cache values 1", longest: longest)
    }

    /// Where a piece of a stream belongs: it opens there alone.
    struct Place {
        /// Who fetches the stream.
        var holder: String
        var index: Int
    }

    /// - Parameter place: `nil`: it is a whole answer.
    /// - Returns: `nil`: libcrypto refuses; the answer is not stored then.
    func seal(_ answer: StoredAnswer, as key: CacheKey, of tenant: String, at place: Place? = nil) -> ByteBuffer? {
        seal.seal(answer.encoded(), of: tenant, named: Self.name(key, tenant, place))
    }

    /// - Returns: `nil`: it was not sealed for this tenant and key, or not under this secret, or was changed since.
    func open(_ value: ByteBuffer, as key: CacheKey, of tenant: String, at place: Place? = nil) -> StoredAnswer? {
        seal.open(value, of: tenant, named: Self.name(key, tenant, place)).flatMap { StoredAnswer(decoding: $0) }
    }

    /// A piece's begins behind the key with a byte that no tenant's name begins with, for it is not UTF-8.
    private static func name(_ key: CacheKey, _ tenant: String, _ place: Place?) -> [UInt8] {
        guard let place else { return key.bytes + tenant.utf8 }
        let holder = Array(place.holder.utf8.prefix(255))
        return key.bytes + [0xFF] + Array(ByteBuffer(integer: UInt64(clamping: place.index)).readableBytesView) + [UInt8(holder.count)]
            + holder + Array(tenant.utf8)
    }
}
