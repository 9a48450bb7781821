import Testing

@testable import GatewayCrypto

@Suite("AES-256-GCM")
struct AEADKeyTests {
    struct Vector: Sendable {
        var key, nonce, plaintext, associatedData, sealed: [UInt8]
    }

    /// Test cases 13, 14 and 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega).
    static let vectors = [
        Vector(
            key: [UInt8](repeating: 0, count: 32), nonce: [UInt8](repeating: 0, count: 12), plaintext: [], associatedData: [],
            sealed: hex("530f8afbc74536b9a963b4f1c4cb738b")),
        Vector(
            key: [UInt8](repeating: 0, count: 32), nonce: [UInt8](repeating: 0, count: 12), plaintext: [UInt8](repeating: 0, count: 16),
            associatedData: [], sealed: hex("cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919")),
        Vector(
            key: hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"), nonce: hex("cafebabefacedbaddecaf888"),
            plaintext: hex(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
            associatedData: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
            sealed: hex(
                """
                522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
                76fc6ece0f4e1768cddf8853bb2d551b
                """)),
    ]

    @Test("the published vectors seal and open, again and again with the same object", arguments: 0..<3)
    func published(index: Int) throws {
        let vector = Self.vectors[index]
        let key = try AEADKey(Secret(vector.key))
        for _ in 0..<2 {
            let sealed = try key.seal(vector.plaintext, nonce: vector.nonce, associatedData: vector.associatedData)
            #expect(sealed == vector.sealed)
            #expect(try key.open(sealed, nonce: vector.nonce, associatedData: vector.associatedData) == vector.plaintext)
        }
    }

    @Test("nothing opens after any bit of it, of its nonce or of its associated data changed")
    func tampering() throws {
        let vector = Self.vectors[2]
        let key = try AEADKey(Secret(vector.key))
        func flipped(_ bytes: [UInt8], at position: Int) -> [UInt8] {
            var bytes = bytes
            bytes[position] ^= 0x10
            return bytes
        }
        for position in vector.sealed.indices {
            #expect(throws: CryptoError.authenticationFailed) {
                try key.open(flipped(vector.sealed, at: position), nonce: vector.nonce, associatedData: vector.associatedData)
            }
        }
        #expect(throws: CryptoError.authenticationFailed) {
            try key.open(vector.sealed, nonce: flipped(vector.nonce, at: 3), associatedData: vector.associatedData)
        }
        #expect(throws: CryptoError.authenticationFailed) {
            try key.open(vector.sealed, nonce: vector.nonce, associatedData: flipped(vector.associatedData, at: 0))
        }
        #expect(throws: CryptoError.authenticationFailed) { try key.open([1, 2, 3], nonce: vector.nonce, associatedData: []) }
        // A failure leaves nothing behind that bars the next value.
        #expect(try key.open(vector.sealed, nonce: vector.nonce, associatedData: vector.associatedData) == vector.plaintext)
    }

    @Test("keys and nonces of other lengths are refused")
    func lengths() throws {
        #expect(throws: CryptoError.self) { try AEADKey(Secret([UInt8](repeating: 0, count: 16))) }
        let key = try AEADKey(Secret([UInt8](repeating: 0, count: 32)))
        for count in [0, 11, 13, 16] {
            let nonce = [UInt8](repeating: 0, count: count)
            #expect(throws: CryptoError.self) { try key.seal([1], nonce: nonce, associatedData: []) }
            #expect(throws: CryptoError.self) { try key.open([UInt8](repeating: 0, count: 20), nonce: nonce, associatedData: []) }
        }
    }

    @Test("a value is sealed into memory of its size alone")
    func memory() throws {
        let vector = Self.vectors[2]
        let key = try AEADKey(Secret(vector.key))
        for difference in [-1, 0, 1] {
            var memory = [UInt8](repeating: 0, count: vector.sealed.count + difference)
            let sealed = Result {
                try memory.withUnsafeMutableBytes { memory in
                    try vector.plaintext.withUnsafeBytes { plaintext in
                        try vector.associatedData.withUnsafeBytes {
                            try key.seal(plaintext, nonce: vector.nonce, associatedData: $0, into: memory)
                        }
                    }
                }
            }
            if difference == 0 {
                try sealed.get()
                #expect(memory == vector.sealed)
            } else {
                #expect(throws: CryptoError.self) { try sealed.get() }
                #expect(memory.allSatisfy { $0 == 0 })
            }
        }
    }
}
