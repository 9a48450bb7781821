/// IPv6 and hardware addresses, found by their first colon.
extension IPAddress {
    /// The start of the hexadecimal digits before the colon at `position`; nil if an address cannot start there.
    static func hexStart(_ text: Text, before position: Int) -> Int? {
        var start = position
        while start > 0, position - start < 5, text.base[start - 1].isHexDigit { start -= 1 }
        guard position - start <= 4 else { return nil }
        let before = text.before(start)
        return before.isWordByte || before == UInt8(ascii: ":") || before == UInt8(ascii: ".") ? nil : start
    }

    /// RFC 4291: eight groups, `::` for some of them, perhaps an IPv4 address at the end.
    static func matchIPv6(_ text: inout Text, at start: Int) -> Finding? {
        var index = start
        var groups = 0
        var compressed = false
        var digits = 0
        if text.byte(index) == UInt8(ascii: ":") {
            guard text.byte(index + 1) == UInt8(ascii: ":") else { return nil }
            compressed = true
            index += 2
        }
        var end = compressed ? index : start
        while groups < 8 {
            let groupStart = index
            while index - groupStart < 5, text.byte(index).isHexDigit { index += 1 }
            guard index > groupStart else { break }
            guard index - groupStart <= 4 else { return nil }
            if text.byte(index) == UInt8(ascii: "."), groups >= 1 || compressed, text.byte(index + 1).isDigit {
                guard let tail = dottedEnd(&text, at: groupStart) else { return nil }
                groups += 2
                digits += 8
                end = tail
                index = tail
                break
            }
            groups += 1
            digits += index - groupStart
            end = index
            guard text.byte(index) == UInt8(ascii: ":") else { break }
            if text.byte(index + 1) == UInt8(ascii: ":") {
                guard !compressed else { return nil }
                compressed = true
                index += 2
                end = index
            } else {
                guard text.byte(index + 1).isHexDigit else { break }
                index += 1
            }
        }
        let next = text.byte(end)
        guard compressed ? groups < 8 : groups == 8, !next.isWordByte, next != UInt8(ascii: ":") || !text.byte(end + 1).isAlphanumeric
        else { return nil }
        // `::`, `::1` and `a::b` stand for nobody, or are code.
        return Finding(kind: .ipv6, range: start..<end, score: groups >= 3 || groups == 2 && digits >= 5 ? 0.85 : 0.3)
    }

    /// Six pairs of hexadecimal digits with `:` or `-` between them.
    static func matchMAC(_ text: inout Text, at start: Int) -> Finding? {
        guard !text.before(start).isWordByte else { return nil }
        let separator = text.byte(start + 2)
        guard separator == UInt8(ascii: ":") || separator == UInt8(ascii: "-") else { return nil }
        var isTrivial = true
        for pair in 0..<6 {
            let index = start + 3 * pair
            guard text.byte(index).isHexDigit, text.byte(index + 1).isHexDigit else { return nil }
            if text.base[index] != text.base[start] || text.base[index + 1] != text.base[start] { isTrivial = false }
            if pair < 5 { guard text.byte(index + 2) == separator else { return nil } }
        }
        let next = text.byte(start + 17)
        guard !next.isWordByte, next != separator || !text.byte(start + 18).isHexDigit else { return nil }
        return Finding(kind: .mac, range: start..<start + 17, score: isTrivial ? 0.3 : 0.85)
    }

    private static func dottedEnd(_ text: inout Text, at start: Int) -> Int? {
        var index = start
        for octet in 0..<4 {
            let first = index
            var value = 0
            while index - first < 3, text.byte(index).isDigit {
                value = value * 10 + text.byte(index).digitValue
                index += 1
            }
            guard index > first, value <= 255 else { return nil }
            if octet < 3 {
                guard text.byte(index) == UInt8(ascii: ".") else { return nil }
                index += 1
            }
        }
        return index
    }
}
