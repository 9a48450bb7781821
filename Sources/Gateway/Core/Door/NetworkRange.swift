/// The addresses of a network, as `10.0.0.0/8` and `2001:db8::/32` write it; without a length, one address.
package struct NetworkRange: Sendable, Equatable {
    /// Network byte order; 4 or 16 bytes, zero behind the prefix.
    private let bytes: [UInt8]
    private let prefixBits: Int

    /// - Parameter bytes: of an IPv4 or IPv6 address.
    /// - Returns: `nil`: the length is more than the address has, or bits are set behind it, so that nobody can tell which network is meant.
    package init?(bytes: [UInt8], prefixBits: Int) {
        guard bytes.count == 4 || bytes.count == 16, (0...bytes.count * 8).contains(prefixBits) else { return nil }
        self.bytes = bytes
        self.prefixBits = prefixBits
        guard (prefixBits..<bytes.count * 8).allSatisfy({ bytes[$0 / 8] & (0x80 >> UInt8($0 % 8)) == 0 }) else { return nil }
    }

    /// An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`, as sockets that listen on both have it) is in the ranges of IPv4.
    package func contains(_ address: [UInt8]) -> Bool {
        let address = Self.unmapped(address)
        guard address.count == bytes.count else { return false }
        let whole = prefixBits / 8
        guard address[..<whole] == bytes[..<whole] else { return false }
        let rest = prefixBits % 8
        return rest == 0 || (address[whole] ^ bytes[whole]) >> UInt8(8 - rest) == 0
    }

    static func unmapped(_ address: [UInt8]) -> [UInt8] {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return address.count == 16 && address[..<12].elementsEqual(mapped) ? Array(address[12...]) : address
    }
}
