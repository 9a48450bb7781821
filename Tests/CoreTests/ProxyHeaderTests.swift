import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("The PROXY protocol's header")
struct ProxyHeaderTests {
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    private static let ipv4: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 1, 0xC0, 0x00, 0x20, 0xFB]
    private static let ipv6: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7] + [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [
            1
        ]
        + [0xC0, 0x00, 0x20, 0xFB]

    private static func header(_ command: UInt8 = 0x21, _ family: UInt8 = 0x11, _ block: [UInt8] = ipv4, length: Int? = nil) -> [UInt8] {
        let length = length ?? block.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + block
    }

    private static func extensionBytes(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        [type, UInt8(value.count >> 8), UInt8(value.count & 0xFF)] + value
    }

    private static func read(_ bytes: [UInt8]) throws(ProxyHeader.Flaw) -> (header: ProxyHeader?, rest: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        let header = try ProxyHeader.read(from: &buffer)
        return (header, Array(buffer.readableBytesView))
    }

    @Test("what a balancer says of its client is read, and the client's own bytes are left")
    func good() throws {
        let rest = Array("hello".utf8)
        let table: [([UInt8], ProxyHeader.Source)] = [
            (Self.header(), .client("192.0.2.7")), (Self.header(0x21, 0x21, Self.ipv6), .client("2001:db8::7")),
            (
                Self.header(
                    0x21, 0x11, Self.ipv4 + Self.extensionBytes(0x02, Array("gateway".utf8)) + Self.extensionBytes(0xEA, [1, 2, 3])),
                .client("192.0.2.7")
            ),
            (Self.header(0x21, 0x11, Self.ipv4 + Self.extensionBytes(0x04, [])), .client("192.0.2.7")),
            // LOCAL: nothing of the rest counts, not even what would be wrong.
            (Self.header(0x20, 0x00, []), .balancer), (Self.header(0x20, 0x11), .balancer),
            (Self.header(0x20, 0xFF, [1, 2, 3]), .balancer),
            // What is valid, and not TCP over IP.
            (Self.header(0x21, 0x00, []), .balancer), (Self.header(0x21, 0x00, [9, 9, 9]), .balancer), (Self.header(0x21, 0x12), .balancer),
            (Self.header(0x21, 0x22, Self.ipv6), .balancer), (Self.header(0x21, 0x31, [UInt8](repeating: 0, count: 216)), .balancer),
            (Self.header(0x21, 0x10), .balancer),
        ]
        for (bytes, source) in table {
            let (header, left) = try Self.read(bytes + rest)
            #expect(header?.source == source)
            #expect(left == rest)
            for length in 0..<bytes.count { #expect(try Self.read(Array(bytes.prefix(length))).header == nil) }
        }
    }

    @Test("what is no header, or a wrong one, is refused with its reason, as early as can be")
    func bad() {
        let table: [([UInt8], ProxyHeader.Flaw)] = [
            (Array("GET / HTTP/1.1\r\n".utf8), .noHeader), ([0x16, 0x03, 0x01], .noHeader), (Self.signature.dropLast() + [0x0B], .noHeader),
            (Array("PROXY TCP4 192.0.2.7 198.51.100.1 49152 8443\r\n".utf8), .textVersion),
            (Self.header(0x11), .version), (Self.header(0x31), .version), (Self.header(0x01), .version),
            (Self.header(0x22), .command), (Self.header(0x2F), .command),
            (Self.header(0x21, 0x41), .family), (Self.header(0x21, 0x13), .family), (Self.header(0x21, 0xFF), .family),
            (Self.header(length: 4081), .tooLong), (Self.header(length: 65_535), .tooLong),
            (Self.header(0x21, 0x11, Array(Self.ipv4.dropLast())), .addressCut), (Self.header(0x21, 0x21, Self.ipv4), .addressCut),
            (Self.header(0x21, 0x31, Self.ipv4), .addressCut), (Self.header(0x21, 0x11, []), .addressCut),
            (Self.header(0x21, 0x11, Self.ipv4 + [0x02]), .extensionCut),
            (Self.header(0x21, 0x11, Self.ipv4 + [0x02, 0, 1]), .extensionCut),
            (Self.header(0x21, 0x11, Self.ipv4 + [0x02, 0xFF, 0xFF, 0]), .extensionCut),
            (Self.header(0x21, 0x11, Self.ipv4 + Self.extensionBytes(0x03, [1, 2, 3])), .checksum),
            (Self.header(0x21, 0x11, Self.ipv4 + Self.extensionBytes(0x03, [1, 2, 3, 4])), .checksum),
        ]
        for (bytes, flaw) in table { #expect(throws: flaw) { try Self.read(bytes) } }
        #expect(Set(table.map(\.1)) == Set(ProxyHeader.Flaw.allCases))
        #expect(throws: Never.self) { try Self.read(Self.header(length: 4080)) }
    }

    /// As the rule has it, a byte at a time with a table; `Core` shifts bits.
    private static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        let table = (0..<UInt32(256)).map { entry in (0..<8).reduce(entry) { sum, _ in sum & 1 == 1 ? 0x82F6_3B78 ^ sum >> 1 : sum >> 1 } }
        return ~bytes.reduce(UInt32.max) { sum, byte in table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ sum >> 8 }
    }

    @Test("a checksum that is there must be right, whatever stands beside it, and may stand once")
    func checksum() throws {
        #expect(Self.crc32c(Array("123456789".utf8)) == 0xE306_9283)
        var bytes = Self.header(
            0x21, 0x11,
            Self.ipv4 + Self.extensionBytes(0x02, [65]) + Self.extensionBytes(0x03, [0, 0, 0, 0]) + Self.extensionBytes(0x05, [1]))
        let at = Self.header().count + 4 + 3
        let sum = Self.crc32c(bytes)
        bytes.replaceSubrange(at..<at + 4, with: withUnsafeBytes(of: sum.bigEndian) { Array($0) })
        #expect(try Self.read(bytes).header?.source == .client("192.0.2.7"))
        // Its own type turned into another is an extension that nobody knows.
        for position in 16..<bytes.count where position != at - 3 {
            var changed = bytes
            changed[position] ^= 0x40
            #expect(throws: ProxyHeader.Flaw.self, "byte \(position)") { try Self.read(changed) }
        }
        let twice = Self.header(0x21, 0x11, Self.ipv4 + Self.extensionBytes(0x03, [0, 0, 0, 0]) + Self.extensionBytes(0x03, [0, 0, 0, 0]))
        #expect(throws: ProxyHeader.Flaw.checksum) { try Self.read(twice) }
    }

    @Test(
        "mutated headers, in pieces of any size, come to the same verdict as whole, and none reads past itself",
        arguments: [UInt64(1), 2, 3])
    func mutations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let seeds = [
            Self.header(), Self.header(0x21, 0x21, Self.ipv6), Self.header(0x20, 0x00, []),
            Self.header(0x21, 0x11, Self.ipv4 + Self.extensionBytes(0x02, [1, 2, 3]) + Self.extensionBytes(0x03, [1, 2, 3, 4])),
        ]
        for _ in 0..<3_000 {
            var bytes = seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
                default: bytes.remove(at: position)
                }
            }
            let whole = Result { () throws(ProxyHeader.Flaw) in try Self.read(bytes) }
            var held = ByteBuffer()
            var pieces = bytes[...]
            var verdict = Result<ProxyHeader?, ProxyHeader.Flaw>.success(nil)
            while !pieces.isEmpty {
                held.writeBytes(pieces.prefix(Int.random(in: 1...7, using: &random)))
                pieces = bytes.suffix(bytes.count - held.writerIndex)
                verdict = Result { () throws(ProxyHeader.Flaw) in try ProxyHeader.read(from: &held) }
                if case .success(nil) = verdict { continue }
                break
            }
            #expect(verdict == whole.map(\.header))
            if case .success((let header?, let rest)) = whole {
                let length = 16 + Int(bytes[14]) << 8 + Int(bytes[15])
                #expect(rest.count == bytes.count - length, "\(header)")
            }
        }
    }
}

@Suite("Networks")
struct NetworkRangeTests {
    @Test("hold their own addresses and no others, to the bit")
    func contains() throws {
        let table: [([UInt8], Int, [UInt8], Bool)] = [
            ([10, 0, 0, 0], 8, [10, 255, 1, 2], true), ([10, 0, 0, 0], 8, [11, 0, 0, 0], false),
            ([192, 168, 128, 0], 17, [192, 168, 255, 1], true), ([192, 168, 128, 0], 17, [192, 168, 127, 1], false),
            ([127, 0, 0, 1], 32, [127, 0, 0, 1], true), ([127, 0, 0, 1], 32, [127, 0, 0, 2], false),
            ([0, 0, 0, 0], 0, [8, 8, 8, 8], true),
        ]
        for (bytes, bits, address, isInside) in table {
            let range = try #require(NetworkRange(bytes: bytes, prefixBits: bits))
            #expect(range.contains(address) == isInside)
            let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + address
            #expect(range.contains(mapped) == isInside)
        }
        let documentation = try #require(NetworkRange(bytes: [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 12), prefixBits: 32))
        #expect(documentation.contains([0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 9, count: 12)))
        #expect(!documentation.contains([0x20, 0x01, 0x0D, 0xB9] + [UInt8](repeating: 0, count: 12)))
        #expect(!documentation.contains([10, 0, 0, 1]))
    }

    @Test("with bits behind their length, or a length that there is not, are none")
    func none() {
        #expect(NetworkRange(bytes: [10, 0, 0, 1], prefixBits: 31) == nil)
        #expect(NetworkRange(bytes: [10, 0, 0, 0], prefixBits: 33) == nil)
        #expect(NetworkRange(bytes: [10, 0, 0, 0], prefixBits: -1) == nil)
        #expect(NetworkRange(bytes: [10, 0, 0], prefixBits: 8) == nil)
    }
}
