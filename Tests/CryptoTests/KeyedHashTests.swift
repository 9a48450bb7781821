import Testing

@testable import GatewayCrypto

@Suite("Keyed hashes and derived keys")
struct KeyedHashTests {
    /// RFC 4231, test cases 1 to 4, 6 and 7.
    static let hmacVectors: [(key: [UInt8], data: [UInt8], expected: String)] = [
        (
            [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            Array(1...25), [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array(
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."
                    .utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test("HMAC-SHA256 gives RFC 4231's answers, again and again with the same object", arguments: 0..<6)
    func hmac(index: Int) throws {
        let vector = Self.hmacVectors[index]
        let hash = try KeyedHash(key: Secret(vector.key))
        for _ in 0..<3 {
            #expect(hash.hash(vector.data).hex == vector.expected)
            let inParts = hash.hash { update in
                for byte in vector.data { withUnsafeBytes(of: byte) { update($0) } }
            }
            #expect(inParts.hex == vector.expected)
            #expect(hash.hash([]) != inParts)
        }
    }

    @Test("an empty key is refused")
    func emptyKey() {
        #expect(throws: CryptoError.self) { try KeyedHash(key: Secret([UInt8]())) }
        #expect(throws: CryptoError.self) { try HKDF.sha256(secret: Secret([UInt8]()), info: [], count: 32) }
    }

    @Test("HKDF-SHA256 gives RFC 5869's answer with salt and info")
    func hkdfBasic() throws {
        let key = try HKDF.sha256(
            secret: Secret([UInt8](repeating: 0x0b, count: 22)), salt: hex("000102030405060708090a0b0c"), info: hex("f0f1f2f3f4f5f6f7f8f9"),
            count: 42)
        #expect(
            key.withUnsafeBytes { Array($0) }
                == hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    }

    @Test("HKDF-SHA256 gives RFC 5869's answer with long inputs")
    func hkdfLong() throws {
        let key = try HKDF.sha256(secret: Secret(Array(0x00...0x4f)), salt: Array(0x60...0xaf), info: Array(0xb0...0xff), count: 82)
        #expect(
            key.withUnsafeBytes { Array($0) }
                == hex(
                    """
                    b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
                    cc30c58179ec3e87c14c01d5c1f3434f1d87
                    """))
    }

    @Test("HKDF-SHA256 gives RFC 5869's answer with no salt and no info")
    func hkdfWithoutSalt() throws {
        let key = try HKDF.sha256(secret: Secret([UInt8](repeating: 0x0b, count: 22)), info: [], count: 42)
        #expect(
            key.withUnsafeBytes { Array($0) }
                == hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
    }

    @Test("HKDF's output has a length it can have", arguments: [0, -1, 8161])
    func hkdfLength(count: Int) {
        #expect(throws: CryptoError.self) { try HKDF.sha256(secret: Secret("k"), info: [], count: count) }
    }
}
