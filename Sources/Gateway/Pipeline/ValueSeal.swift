import GatewayCrypto
import NIOCore
import Wire

/// Seals values for a store that others may read: compressed, then encrypted under a key of the tenant's own. Confined to its event loop.
///
/// ```
/// version 1 (1 byte) | length of the key's id (1) | key's id | nonce (12) | AES-256-GCM of LZ4(value)
/// ```
///
/// A sealed value opens for its tenant and with what names it alone: that is its associated data. The tenant's key is HKDF-SHA-256 of a
/// secret. Nonces are random: a key may seal 2^32 values before two alike are worth a thought (NIST SP 800-38D, section 8.3).
final class ValueSeal {
    private let secret: Secret
    /// What every sealed value begins with.
    private let header: [UInt8]
    private let purpose: String
    private let longest: Int
    private let compressor = LZ4Compressor()
    /// Bound: ``maxTenants``; then all are derived anew.
    private var keys: [String: AEADKey] = [:]
    private var random = BlockRandom()
    /// Memory of the last value, for the next: up to ``keptBytes`` of it.
    private var text = ByteBuffer()
    private var associatedData: [UInt8] = []
    private var nonce = [UInt8](repeating: 0, count: AEADKey.nonceCount)

    private static let keptBytes = 1 << 16

    private static let version: UInt8 = 1
    private static let maxTenants = 1_024
    /// Whether what follows is compressed.
    private enum Form: UInt8 { case plain, compressed }

    /// - Parameters:
    ///   - id: the secret's name, at most 255 bytes: what another secret sealed is not tried.
    ///   - purpose: what the values are: those of another purpose have other keys.
    ///   - longest: the longest value that is opened, in bytes.
    init(secret: Secret, id: String, purpose: String, longest: Int) {
        self.secret = secret
        let id = Array(id.utf8.prefix(255))
        header = [Self.version, UInt8(id.count)] + id
        self.purpose = purpose
        self.longest = longest
    }

    /// - Parameter name: what the value opens with.
    /// - Returns: `nil`: libcrypto refuses; the value is not stored then.
    func seal(_ plain: [UInt8], of tenant: String, named name: [UInt8]) -> ByteBuffer? {
        guard let aead = aead(tenant) else { return nil }
        defer { if text.capacity > Self.keptBytes { text = ByteBuffer() } }
        text.clear(minimumCapacity: 1 + plain.count)
        text.writeInteger(Form.compressed.rawValue)
        if plain.withUnsafeBytes({ compressor.compress($0, into: &text) }) == nil {
            text.clear()
            text.writeInteger(Form.plain.rawValue)
            text.writeBytes(plain)
        }
        renewNonce()
        associate(name)
        let count = text.readableBytes + AEADKey.tagCount
        var value = ByteBufferAllocator().buffer(capacity: header.count + nonce.count + count)
        value.writeBytes(header)
        value.writeBytes(nonce)
        let sealed = try? value.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            let out = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
            try text.withUnsafeReadableBytes { text in
                try associatedData.withUnsafeBytes { try aead.seal(text, nonce: nonce, associatedData: $0, into: out) }
            }
            return count
        }
        return sealed == nil ? nil : value
    }

    /// - Returns: `nil`: it was not sealed for this tenant and name, or not under this secret, or was changed since.
    func open(_ value: ByteBuffer, of tenant: String, named name: [UInt8]) -> ByteBuffer? {
        var value = value
        guard value.readableBytes <= longest + header.count + AEADKey.nonceCount + AEADKey.tagCount + 1,
            value.readBytes(length: header.count) == header, let nonce = value.readBytes(length: AEADKey.nonceCount),
            let aead = aead(tenant)
        else { return nil }
        associate(name)
        let opened = try? value.withUnsafeReadableBytes { sealed in
            try associatedData.withUnsafeBytes { try aead.open(sealed, nonce: nonce, associatedData: $0) }
        }
        guard let opened else { return nil }
        var text = ByteBuffer(bytes: opened)
        switch text.readInteger(as: UInt8.self).flatMap(Form.init) {
        case .plain: return text
        case .compressed: return try? LZ4Decompression.decompress(text, limit: longest)
        case nil: return nil
        }
    }

    private func renewNonce() {
        withUnsafeBytes(of: (random.next() as UInt64, random.next() as UInt64)) { random in
            nonce.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: random[..<AEADKey.nonceCount])) }
        }
    }

    private func associate(_ name: [UInt8]) {
        associatedData.removeAll(keepingCapacity: true)
        associatedData.append(contentsOf: header)
        associatedData.append(contentsOf: name)
    }

    private func aead(_ tenant: String) -> AEADKey? {
        if let key = keys[tenant] { return key }
        let info = Array("\(purpose) \(tenant)".utf8)
        guard let derived = try? HKDF.sha256(secret: secret, info: info, count: AEADKey.keyCount), let key = try? AEADKey(derived) else {
            return nil
        }
        if keys.count >= Self.maxTenants { keys.removeAll(keepingCapacity: true) }
        keys[tenant] = key
        return key
    }
}
