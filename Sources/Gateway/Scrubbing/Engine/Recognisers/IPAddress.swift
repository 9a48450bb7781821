/// IPv4 addresses in dotted form.
enum IPAddress {
    static func matchIPv4(_ text: inout Text, at start: Int) -> Finding? {
        let before = text.before(start)
        guard !before.isWordByte, before != UInt8(ascii: "."), before != UInt8(ascii: "-") || !text.before(start - 1).isAlphanumeric
        else { return nil }
        var index = start
        var single = 0
        for octet in 0..<4 {
            let first = index
            var value = 0
            while index - first < 3, text.byte(index).isDigit {
                value = value * 10 + text.byte(index).digitValue
                index += 1
            }
            guard index > first, value <= 255, index - first == 1 || text.base[first] != UInt8(ascii: "0") else { return nil }
            if index - first == 1 { single += 1 }
            if octet < 3 {
                guard text.byte(index) == UInt8(ascii: ".") else { return nil }
                index += 1
            }
        }
        let next = text.byte(index)
        guard !next.isWordByte, next != UInt8(ascii: ".") || !text.byte(index + 1).isAlphanumeric else { return nil }
        // Four single digits are more often a version or a section than an address.
        return Finding(kind: .ipv4, range: start..<index, score: single == 4 ? 0.3 : 0.8)
    }
}
