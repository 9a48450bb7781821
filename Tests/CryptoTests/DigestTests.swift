import Testing

@testable import GatewayCrypto

@Suite("Digests and secrets")
struct DigestTests {
    @Test(
        "SHA-256 gives FIPS 180-4's answers",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func vectors(text: String, expected: String) throws {
        #expect(Digest.sha256(Array(text.utf8)).hex == expected)
        let context = try DigestContext()
        for _ in 0..<2 {
            for byte in text.utf8 { context.update([byte]) }
            #expect(context.finish().hex == expected)
        }
    }

    @Test("a digest survives being written in hexadecimal, in either case, and nothing else is read")
    func hexadecimal() {
        let digest = Digest.sha256(Array("abc".utf8))
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        #expect(Digest(bytes: digest.bytes) == digest)
        #expect(Digest(hex: digest.hex.dropLast()) == nil)
        #expect(Digest(hex: digest.hex.dropLast() + "g") == nil)
        #expect(Digest(hex: digest.hex + "00") == nil)
        #expect(Digest(bytes: [1, 2, 3]) == nil)
    }

    @Test("digests are equal exactly when all 32 bytes are, in either comparison", arguments: [0, 7, 8, 15, 16, 24, 31])
    func comparison(position: Int) throws {
        let bytes = [UInt8](repeating: 0xA5, count: 32)
        var other = bytes
        other[position] ^= 1
        let left = try #require(Digest(bytes: bytes))
        let right = try #require(Digest(bytes: other))
        #expect(left != right)
        #expect(!constantTimeEqual(left, right))
        #expect(constantTimeEqual(left, left))
        #expect(!constantTimeEqual(bytes, other))
        #expect(constantTimeEqual(bytes, bytes))
        #expect(!constantTimeEqual(bytes, bytes + [0]))
        #expect(constantTimeEqual([UInt8](), []))
    }

    @Test("a secret shows itself neither printed, nor dumped, nor inside another value")
    func redaction() {
        struct Holder { let name = "x", secret = Secret("hunter2") }
        let secret = Secret("hunter2")
        var dumped = ""
        dump(Holder(), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), String(describing: Holder()), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("<redacted>"))
        }
        #expect(secret == Secret("hunter2"))
        #expect(secret != Secret("hunter3"))
        #expect(secret.withUnsafeBytes { Array($0) } == Array("hunter2".utf8))
    }

    @Test("random bytes have the asked count and are not the same twice")
    func randomBytes() throws {
        #expect(try secureRandom(0).isEmpty)
        let first = try secureRandom(32)
        #expect(first.count == 32)
        #expect(try secureRandom(32) != first)
        #expect(throws: CryptoError.self) { try secureRandom(-1) }
    }
}
