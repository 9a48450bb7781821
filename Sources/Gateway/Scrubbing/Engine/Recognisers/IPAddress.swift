/// IPv4 addresses in dotted form.
enum IPAddress {
    static func matchIPv4(_ text: inout Text, at start: Int) -> Finding? {
        let before = text.before(start)
        guard !before.isWordByte, before != UInt8(ascii: ".") else { return nil }
        var index = start
        var single = 0
        var network = 0
        for octet in 0..<4 {
            let first = index
            var value = 0
            while index - first < 3, text.byte(index).isDigit {
                value = value * 10 + text.byte(index).digitValue
                index += 1
            }
            guard index > first, value <= 255, index - first == 1 || text.base[first] != UInt8(ascii: "0") else { return nil }
            if index - first == 1 { single += 1 }
            if octet == 0 { network = value }
            if octet < 3 {
                guard text.byte(index) == UInt8(ascii: ".") else { return nil }
                index += 1
            }
        }
        let next = text.byte(index)
        // `1.7.10.1.txt`, `1.2.3.4+dfsg`, `2.39.90.1-1`: names of files and versions.
        guard !next.isWordByte, next != UInt8(ascii: ".") || !text.byte(index + 1).isAlphanumeric, next != UInt8(ascii: "~"),
            next != UInt8(ascii: "+"),
            next != UInt8(ascii: "-") || !text.byte(index + 1).isAlphanumeric || startsAddress(&text, at: index + 1)
        else { return nil }
        // Sections of standards and versions, 27.7.3.3, unless it is a network that people write often.
        if single == 3, network != 10, network != 127, network != 172, network != 192, network != 8 {
            return .inContext(.ipv4, start..<index, weak: 0.4, raised: 0.7, words: .network, text)
        }
        // Four single digits are more often a version or a section than an address, unless a word says otherwise.
        if single == 4 { return .inContext(.ipv4, start..<index, weak: 0.3, raised: 0.6, words: .network, text) }
        let isVersion = ContextWords.version.standBefore(start, in: text)
        return Finding(kind: .ipv4, range: start..<index, score: isVersion ? 0.3 : 0.8)
    }

    /// The second address of a range: digits and a dot.
    private static func startsAddress(_ text: inout Text, at start: Int) -> Bool {
        var index = start
        while index - start < 3, text.byte(index).isDigit { index += 1 }
        return index > start && text.byte(index) == UInt8(ascii: ".") && text.byte(index + 1).isDigit
    }
}
