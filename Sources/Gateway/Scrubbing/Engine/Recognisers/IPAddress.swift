/// IPv4 addresses in dotted form.
enum IPAddress {
    /// The score of what may be a version or a section, without a context word.
    static let bareScore: Float = 0.4

    /// The number at `start` is the first one of a network that people write often.
    static func startsFrequentNetwork(_ text: Text, _ start: Int) -> Bool {
        var value = 0
        var index = start
        while index < text.count, index - start < 4, text.base[index].isDigit {
            value = value &* 10 &+ text.base[index].digitValue
            index += 1
        }
        return value == 10 || value == 127 || value == 172 || value == 192 || value == 8
    }

    /// Whether ``matchIPv4(_:_:)`` is worth a call.
    @inline(__always)
    static func hasShape(_ phrase: NumberPhrase) -> Bool {
        phrase.groupCount >= 4 && phrase.separator(0) == UInt8(ascii: ".") && phrase.hasUniformSeparators(groups: 4)
    }

    static func matchIPv4(_ phrase: NumberPhrase, _ text: inout Text) -> Finding? {
        let start = phrase.start
        let before = text.before(start)
        guard !before.isWordByte, before != UInt8(ascii: ".") else { return nil }
        var single = 0
        for octet in 0..<4 {
            let first = phrase.digitCount(beforeGroup: octet)
            let size = phrase.size(ofGroup: octet)
            guard size <= 3, phrase.value(first, size) <= 255, size == 1 || phrase.digit(first) != 0 else { return nil }
            if size == 1 { single += 1 }
        }
        let index = phrase.end(ofGroup: 3)
        let next = text.byte(index)
        // `1.7.10.1.txt`, `1.2.3.4+dfsg`, `2.39.90.1-1`: names of files and versions.
        guard !next.isWordByte, next != UInt8(ascii: ".") || !text.byte(index + 1).isAlphanumeric, next != UInt8(ascii: "~"),
            next != UInt8(ascii: "+"),
            next != UInt8(ascii: "-") || !text.byte(index + 1).isAlphanumeric || startsAddress(&text, at: index + 1)
        else { return nil }
        // Sections of standards and versions, 27.7.3.3, unless it is a network that people write often.
        if single >= 3, before == UInt8(ascii: "/"), text.before(start - 1).isLetter, text.base[index - 2] == UInt8(ascii: "."),
            phrase.size(ofGroup: 1) == 1, phrase.size(ofGroup: 2) == 1
        {
            // `Chrome/126.0.0.0`
            return nil
        }
        if single == 3, !startsFrequentNetwork(text, start) {
            return .inContext(.ipv4, start..<index, weak: bareScore, raised: 0.7, words: .network, text)
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
