/// Bitcoin (Base58Check, Bech32, Bech32m) and Ethereum (EIP-55 when in mixed case) addresses that are the token at a position.
enum CryptoAddress {
    static func match(_ text: inout Text, at start: Int, _ kinds: EntityKindSet) -> Finding? {
        switch text.byte(start) {
        case UInt8(ascii: "1"), UInt8(ascii: "3"): kinds.contains(.bitcoin) ? matchBase58(&text, at: start) : nil
        case UInt8(ascii: "b"), UInt8(ascii: "B"): kinds.contains(.bitcoin) ? matchBech32(&text, at: start) : nil
        case UInt8(ascii: "0"): kinds.contains(.ethereum) ? matchEthereum(&text, at: start) : nil
        default: nil
        }
    }

    private static func matchBase58(_ text: inout Text, at start: Int) -> Finding? {
        let alphabet: StaticString = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
        var payload = [UInt8](repeating: 0, count: 25)
        var index = start
        while index - start < 36, text.byte(index).isAlphanumeric { index += 1 }
        guard (26...35).contains(index - start), !text.byte(index).isWordByte else { return nil }
        for position in start..<index {
            guard let digit = (0..<58).first(where: { alphabet.utf8Start[$0] == text.base[position] }) else { return nil }
            var carry = digit
            for place in stride(from: 24, through: 0, by: -1) {
                carry += 58 * Int(payload[place])
                payload[place] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            guard carry == 0 else { return nil }
        }
        guard payload[0] == 0 || payload[0] == 5 else { return nil }
        let check = SHA256.digest(SHA256.digest(Array(payload[..<21])))
        return Array(check[..<4]) == Array(payload[21...]) ? Finding(kind: .bitcoin, range: start..<index, score: 0.98) : nil
    }

    /// BIP 173 and 350: `bc1`, one case, the checksum of either variant.
    private static func matchBech32(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start + 1).lowercased == UInt8(ascii: "c"), text.byte(start + 2) == UInt8(ascii: "1") else { return nil }
        let alphabet: StaticString = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
        let isUpper = text.byte(start) == UInt8(ascii: "B")
        var checksum: UInt32 = 1
        // The human-readable part, expanded: high bits, zero, low bits of "bc".
        for value in [3, 3, 0, 2, 3] as [UInt32] { checksum = polymod(checksum, value) }
        var index = start + 3
        while index - start < 75 {
            let byte = text.byte(index)
            guard byte.isAlphanumeric else { break }
            guard byte.isDigit || (byte &- 0x41 < 26) == isUpper,
                let value = (0..<32).first(where: { alphabet.utf8Start[$0] == byte.lowercased })
            else { return nil }
            checksum = polymod(checksum, UInt32(value))
            index += 1
        }
        guard index - start >= 14, !text.byte(index).isWordByte, checksum == 1 || checksum == 0x2BC8_30A3 else { return nil }
        return Finding(kind: .bitcoin, range: start..<index, score: 0.98)
    }

    private static func polymod(_ checksum: UInt32, _ value: UInt32) -> UInt32 {
        let top = checksum >> 25
        var next = (checksum & 0x1FF_FFFF) << 5 ^ value
        for (bit, generator) in [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3].enumerated()
            as EnumeratedSequence<[UInt32]>
        where top >> UInt32(bit) & 1 == 1 {
            next ^= generator
        }
        return next
    }

    private static func matchEthereum(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start + 1) == UInt8(ascii: "x") else { return nil }
        var lower = [UInt8]()
        var hasUpper = false
        var hasLower = false
        for index in start + 2..<start + 42 {
            let byte = text.byte(index)
            guard byte.isHexDigit else { return nil }
            if !byte.isDigit { if byte == byte.lowercased { hasLower = true } else { hasUpper = true } }
            lower.append(byte.lowercased)
        }
        guard !text.byte(start + 42).isWordByte else { return nil }
        if hasUpper, hasLower {
            let hash = Keccak256.digest(lower)
            for index in 0..<40 where text.base[start + 2 + index].isLetter {
                let nibble = index & 1 == 0 ? hash[index / 2] >> 4 : hash[index / 2] & 15
                guard (nibble >= 8) == (text.base[start + 2 + index] &- 0x41 < 26) else { return nil }
            }
            return Finding(kind: .ethereum, range: start..<start + 42, score: 0.98)
        }
        return Finding(kind: .ethereum, range: start..<start + 42, score: hasUpper || hasLower ? 0.7 : 0.3)
    }
}
