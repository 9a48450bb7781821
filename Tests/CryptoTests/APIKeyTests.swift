import Testing

@testable import GatewayCrypto

@Suite("API keys")
struct APIKeyTests {
    @Test("CRC-32 gives the answer of its catalogue's check string")
    func checksum() {
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32.checksum($0) } == 0xCBF4_3926)
        #expect(CRC32.checksum(UnsafeRawBufferPointer(start: nil, count: 0)) == 0)
    }

    @Test("a generated key has the documented form and is another one every time")
    func generation() throws {
        var seen: Set<String> = []
        for _ in 0..<200 {
            let key = try APIKey.generate(random: secureRandom)
            #expect(key.utf8.count == APIKey.count)
            #expect(key.hasPrefix("ask_"))
            #expect(APIKey.isWellFormed(key))
            #expect(seen.insert(key).inserted)
        }
    }

    @Test("the same random bytes give the same key, and bytes that would skew the draw are skipped")
    func determinism() throws {
        var calls = 0
        let key = try APIKey.generate { count in
            calls += 1
            return calls == 1 ? [UInt8](repeating: 255, count: count) : Array(0..<UInt8(count))
        }
        #expect(calls == 2)
        #expect(key.hasPrefix("ask_0123456789ABCDEFGHIJKLMNOPQRSTUV_"))
        #expect(APIKey.isWellFormed(key))
    }

    @Test("a key with any character changed, left out or added is junk")
    func junk() throws {
        let key = Array(try APIKey.generate(random: secureRandom).utf8)
        for position in key.indices {
            var changed = key
            changed[position] = key[position] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
            #expect(!APIKey.isWellFormed(changed))
            var shorter = key
            shorter.remove(at: position)
            #expect(!APIKey.isWellFormed(shorter))
        }
        #expect(!APIKey.isWellFormed(key + [UInt8(ascii: "0")]))
        #expect(!APIKey.isWellFormed([]))
        #expect(!APIKey.isWellFormed("sk-proj-0123456789"))
        #expect(!APIKey.isWellFormed([UInt8](repeating: 0xFF, count: APIKey.count)))
    }

    @Test("a key's hash depends on the pepper and survives being written")
    func hashing() throws {
        let key = try APIKey.generate(random: secureRandom)
        let first = APIKey.hash(key, pepper: try KeyedHash(key: Secret("pepper one")))
        let second = APIKey.hash(key, pepper: try KeyedHash(key: Secret("pepper two")))
        #expect(first != second)
        #expect(APIKey.hash(text: APIKey.text(of: first)) == first)
        #expect(APIKey.hash(text: first.hex) == nil)
        #expect(APIKey.hash(text: "hmac-sha256:12") == nil)
    }
}
