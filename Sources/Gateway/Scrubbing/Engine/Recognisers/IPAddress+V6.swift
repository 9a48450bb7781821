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
        end = zoneEnd(&text, behind: end)
        // `::`, `::1` and `a::b` stand for nobody, or are code, unless a word says otherwise.
        if groups >= 3 || groups == 2 && digits >= 5 { return Finding(kind: .ipv6, range: start..<end, score: 0.85) }
        let hasFigure = (start..<end).contains { text.base[$0].isDigit }
        return .inContext(.ipv6, start..<end, weak: 0.3, raised: hasFigure ? 0.6 : 0.4, words: .network, text)
    }

    /// The end of a zone behind an address (RFC 4007): `%eth0`.
    private static func zoneEnd(_ text: inout Text, behind end: Int) -> Int {
        guard text.byte(end) == UInt8(ascii: "%"), text.byte(end + 1).isAlphanumeric else { return end }
        var index = end + 1
        while index - end <= 16, text.byte(index).isTokenByte { index += 1 }
        return text.byte(index).isWordByte ? end : index
    }

    /// `00aa.bb11.2c3d`.
    static func matchDottedMAC(_ text: inout Text, at start: Int) -> Finding? {
        guard !text.before(start).isWordByte, text.before(start) != UInt8(ascii: ".") else { return nil }
        var letters = 0
        for index in start..<start + 14 {
            let byte = text.byte(index)
            if (index - start) % 5 == 4 {
                guard byte == UInt8(ascii: ".") else { return nil }
            } else {
                guard byte.isHexDigit else { return nil }
                if byte.isLetter { letters += 1 }
            }
        }
        guard !text.byte(start + 14).isWordByte, text.byte(start + 14) != UInt8(ascii: ".") || !text.byte(start + 15).isHexDigit else {
            return nil
        }
        return .inContext(.mac, start..<start + 14, weak: letters > 0 && letters < 12 ? 0.8 : 0.3, raised: 0.85, words: .mac, text)
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
