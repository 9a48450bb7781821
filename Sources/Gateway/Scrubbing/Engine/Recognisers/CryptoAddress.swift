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

    /// 25 bytes in base 58: version, hash, and the start of their double SHA-256.
    private static func matchBase58(_ text: inout Text, at start: Int) -> Finding? {
        // Most tokens have a zero, which is no digit, before they are long enough.
        var index = start
        while index - start < 36, base58Digits[text.byte(index)] < 58 { index += 1 }
        guard (26...35).contains(index - start), !text.byte(index).isWordByte else { return nil }
        let base = text.base
        let isAddress = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 25) { memory in
            guard let payload = memory.baseAddress, decodeBase58(base, start..<index, into: payload), payload[0] == 0 || payload[0] == 5
            else { return false }
            let checksum = (21..<25).reduce(0) { $0 << 8 | UInt32(payload[$1]) }
            return SHA256.startOfDoubleDigest(payload, count: 21) == checksum
        }
        return isAddress ? Finding(kind: .bitcoin, range: start..<index, score: 0.98) : nil
    }

    /// Writes the 25 bytes of a number in base 58, of at most 38 digits; false if it is larger.
    private static func decodeBase58(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, into payload: UnsafeMutablePointer<UInt8>) -> Bool {
        // 224 bits, the lowest first: 38 digits have 223. Five digits at a time, which is what fits into 32 bits.
        var limbs = SIMD8<UInt32>()
        var index = range.lowerBound
        while index < range.upperBound {
            var factor: UInt64 = 1
            var carry: UInt64 = 0
            let end = min(index + 5, range.upperBound)
            while index < end {
                carry = carry &* 58 &+ UInt64(base58Digits[base[index]])
                factor = factor &* 58
                index += 1
            }
            for limb in 0..<7 {
                carry &+= factor &* UInt64(limbs[limb])
                limbs[limb] = UInt32(truncatingIfNeeded: carry)
                carry = carry &>> 32
            }
        }
        for place in 0..<25 { payload[24 - place] = UInt8(truncatingIfNeeded: limbs[place >> 2] >> UInt32(place % 4 * 8)) }
        return limbs[6] <= 0xFF
    }

    /// 58 for what is no digit.
    private static let base58Digits = ByteMap(58, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")

    /// BIP 173 and 350: `bc1`, one case, the checksum of either variant.
    private static func matchBech32(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start + 1).lowercased == UInt8(ascii: "c"), text.byte(start + 2) == UInt8(ascii: "1") else { return nil }
        let isUpper = text.byte(start) == UInt8(ascii: "B")
        // The human-readable part, expanded: high bits, zero, low bits of "bc".
        var checksum = polymod(polymod(polymod(polymod(polymod(1, 3), 3), 0), 2), 3)
        var index = start + 3
        while index - start < 75 {
            let byte = text.byte(index)
            guard byte.isAlphanumeric else { break }
            let value = bech32Digits[byte.lowercased]
            guard byte.isDigit || (byte &- 0x41 < 26) == isUpper, value < 32 else { return nil }
            checksum = polymod(checksum, UInt32(value))
            index += 1
        }
        guard index - start >= 14, !text.byte(index).isWordByte, checksum == 1 || checksum == 0x2BC8_30A3 else { return nil }
        return Finding(kind: .bitcoin, range: start..<index, score: 0.98)
    }

    /// 32 for what is no digit.
    private static let bech32Digits = ByteMap(32, "qpzry9x8gf2tvdw0s3jn54khce6mua7l")

    private static func polymod(_ checksum: UInt32, _ value: UInt32) -> UInt32 {
        let top = checksum >> 25
        var next = (checksum & 0x1FF_FFFF) << 5 ^ value
        if top & 1 != 0 { next ^= 0x3B6A_57B2 }
        if top & 2 != 0 { next ^= 0x2650_8E6D }
        if top & 4 != 0 { next ^= 0x1EA1_19FA }
        if top & 8 != 0 { next ^= 0x3D42_33DD }
        if top & 16 != 0 { next ^= 0x2A14_62B3 }
        return next
    }

    private static func matchEthereum(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start + 1) == UInt8(ascii: "x") else { return nil }
        var hasUpper = false
        var hasLower = false
        for index in start + 2..<start + 42 {
            let byte = text.byte(index)
            guard byte.isHexDigit else { return nil }
            if !byte.isDigit { if byte == byte.lowercased { hasLower = true } else { hasUpper = true } }
        }
        guard !text.byte(start + 42).isWordByte else { return nil }
        let isMixed = hasUpper && hasLower
        if isMixed, !hasChecksum(text.base + start + 2) { return nil }
        return Finding(kind: .ethereum, range: start..<start + 42, score: isMixed ? 0.98 : (hasUpper || hasLower ? 0.7 : 0.3))
    }

    /// EIP-55: which of the 40 digits are capitals follows from the Keccak-256 digest of the same in small letters.
    private static func hasChecksum(_ digits: UnsafePointer<UInt8>) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40 + Keccak256.size) { memory in
            guard let lower = memory.baseAddress else { return false }
            for index in 0..<40 { lower[index] = digits[index].lowercased }
            let hash = lower + 40
            Keccak256.digest(lower, count: 40, into: hash)
            return (0..<40).allSatisfy { index in
                let nibble = index & 1 == 0 ? hash[index / 2] >> 4 : hash[index / 2] & 15
                return !digits[index].isLetter || (nibble >= 8) == (digits[index] &- 0x41 < 26)
            }
        }
    }
}
