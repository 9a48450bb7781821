/// Telephone numbers: international ones by themselves, national ones by their grouping, bare ones with a context word.
enum Phone {
    /// Nobody writes a national number in more groups.
    private static let mostGroups = 8

    /// The score of digits that could be anything, without a context word.
    static let bareScore: Float = 0.3

    /// The longest number at the start of `phrase`, which is not the rest of another one.
    static func match(_ phrase: NumberPhrase, _ text: Text) -> Finding? {
        if phrase.hasParenthesis, !phrase.isClosed { return nil }
        if phrase.isInternational {
            // `2.4+20151223` is a version.
            return text.before(phrase.start).isWordByte ? nil : matchInternational(phrase)
        }
        // `HTTP/1.1" 200 74748`
        if phrase.groupCount == 2, phrase.digitCount <= 9, text.before(phrase.start) == UInt8(ascii: " "),
            text.before(phrase.start - 1) == UInt8(ascii: "\""), text.before(phrase.start - 2).isDigit
        {
            return nil
        }
        var isRaised: Bool?
        for groups in stride(from: min(phrase.groupCount, mostGroups), to: 0, by: -1) {
            guard let end = end(of: phrase, groups: groups) else { continue }
            let count = phrase.digitCount(beforeGroup: groups)
            if count < 7 { return nil }
            guard count <= 15 else { continue }
            let range = phrase.start..<end
            let score = nationalScore(phrase, groups: groups, count: count)
            if score >= 0.5 { return .inContext(.phone, range, weak: score, raised: 0.9, words: .phone, text) }
            if isDecimal(phrase, groups: groups) { continue }
            let isContext = isRaised ?? ContextWords.phone.isContext(of: .phone, at: phrase.start, in: text)
            isRaised = isContext
            if isContext || groups == 1, !isDate(phrase, groups: groups), isPlausible(phrase, groups: groups) {
                let raised: Float = isRare(phrase.shape(groups: groups)) ? 0.6 : 0.8
                return Finding(kind: .phone, range: range, score: isContext ? raised : score, raisedByContext: isContext)
            }
        }
        return nil
    }

    /// E.164: `+`, a country code that does not start with 0, 8 to 15 digits.
    private static func matchInternational(_ phrase: NumberPhrase) -> Finding? {
        guard phrase.digitCount > 0, phrase.digit(0) != 0 else { return nil }
        for groups in stride(from: phrase.groupCount, to: 0, by: -1) {
            guard let end = end(of: phrase, groups: groups) else { continue }
            let count = phrase.digitCount(beforeGroup: groups)
            if count < 8 { return nil }
            guard count <= 15 else { continue }
            return Finding(kind: .phone, range: phrase.start..<end, score: 0.8)
        }
        return nil
    }

    /// Where a number of so many groups ends, its extension included; nil if it cannot end there.
    private static func end(of phrase: NumberPhrase, groups: Int) -> Int? {
        if groups == phrase.groupCount, phrase.extensionEnd > 0 { return phrase.extensionEnd }
        return phrase.endsCleanly(afterGroups: groups) ? phrase.end(ofGroup: groups - 1) : nil
    }

    private static func nationalScore(_ phrase: NumberPhrase, groups: Int, count: Int) -> Float {
        let first = phrase.digit(0)
        let shape = phrase.shape(groups: groups)
        if phrase.hasParenthesis { return parenthesisScore(phrase, shape: shape, count: count) }
        if first == 0, phrase.digit(1) == 0 {
            return count >= 11 && groups > 1 && phrase.size(ofGroup: 0) > 1 && phrase.digit(2) != 0 ? 0.6 : 0.3
        }
        let uniform = phrase.hasUniformSeparators(groups: groups)
        let isSlashed = groups > 1 && phrase.separator(0) == UInt8(ascii: "/")
        let isDotted = uniform && phrase.separator(0) == UInt8(ascii: ".")
        if isSlashed { return bareScore }
        switch shape {
        case 0x03_03_04:
            guard uniform else { return 0.3 }
            if isNANP(phrase, at: 0) { return 0.6 }  // US, CA; IT mobile; MX
            // Numbers that nobody has, which stand for others in examples: 555-123-4567.
            return phrase.separator(0) == UInt8(ascii: "-") || first > 1 && !isDotted ? 0.5 : 0.4
        case 0x01_03_03_04:
            guard uniform, first == 1 else { return 0.3 }
            return isNANP(phrase, at: 1) ? 0.65 : 0.5
        case 0x03_03_03:
            if first == 0 { return 0.4 }
            return uniform && !isDotted && first != 8 && first >= 6 ? 0.55 : 0.3  // ES, PT
        case 0x03_02_02_02, 0x02_03_02_02: return uniform && (6...9).contains(first) ? 0.6 : 0.3  // ES
        case 0x02_02_02_02_02: return uniform && first == 0 && phrase.digit(1) != 0 ? 0.75 : 0.3  // FR
        case 0x05_06, 0x04_03_04, 0x03_04_04, 0x05_03_03: return uniform && first == 0 ? 0.6 : 0.3  // UK
        case 0x03_08, 0x04_08, 0x03_07: return first == 0 && phrase.digit(1) != 0 && !isDotted ? 0.5 : 0.3  // DE
        case 0x05_05, 0x04_07: return first == 0 ? 0.55 : 0.3  // DE, UK
        case 0x02_04_04 where phrase.separator(0) == UInt8(ascii: " ") && phrase.separator(1) == UInt8(ascii: "-"): return 0.6  // BR
        case 0x02_04_04: return uniform && !isDotted ? 0.5 : 0.3  // MX, IT, BR
        case 0x02_05_04: return 0.6  // BR mobile
        default: return bareScore
        }
    }

    /// `(91) 234 56 78`, `(555) 234-5678`, `1 (555) 234-5678`; not `(2004) 123-456`, which is a year and pages.
    private static func parenthesisScore(_ phrase: NumberPhrase, shape: UInt64, count: Int) -> Float {
        if shape == 0x03_03_04 { return isNANP(phrase, at: 0) ? 0.75 : 0.6 }
        if phrase.size(ofGroup: 0) == 1 { return shape == 0x01_03_03_04 ? 0.75 : 0.3 }
        if phrase.size(ofGroup: 0) == 4, (1900..<2100).contains(phrase.value(0, 4)) { return 0.3 }
        return count >= 9 ? 0.75 : 0.5
    }

    /// Area and exchange of the North American plan do not start with 0 or 1.
    private static func isNANP(_ phrase: NumberPhrase, at index: Int) -> Bool {
        phrase.digit(index) > 1 && phrase.digit(index + 3) > 1
    }

    /// Groupings of other numbers that hardly any telephone number has.
    private static func isRare(_ shape: UInt64) -> Bool {
        shape == 0x03_02_04 || shape == 0x04_04_04 || shape == 0x02_03_03_03
    }

    /// `1234.567` is nothing to call.
    private static func isDecimal(_ phrase: NumberPhrase, groups: Int) -> Bool {
        groups == 2 && phrase.separator(0) == UInt8(ascii: ".")
    }

    /// Not a range of years, a date in one group, or a row of small numbers.
    private static func isPlausible(_ phrase: NumberPhrase, groups: Int) -> Bool {
        let first = phrase.size(ofGroup: 0)
        if first == 4 || first == 8, (1900..<2100).contains(phrase.value(0, 4)) {
            if groups == 1, first == 8 { return false }
            if groups == 2, phrase.size(ofGroup: 1) == 4, (1900..<2100).contains(phrase.value(4, 4)) { return false }
        }
        var small = 0
        var dots = 0
        var largest = 0
        var digit = 0
        for group in 0..<groups {
            let size = phrase.size(ofGroup: group)
            if size < 2 { small += 1 }
            largest = max(largest, size < 4 ? phrase.value(digit, size) : 999)
            digit += size
            if group + 1 < groups, phrase.separator(group) == UInt8(ascii: ".") { dots += 1 }
        }
        // 240.41.115.189 is an IPv4 address.
        if groups == 4, dots == 3, largest < 256 { return false }
        return small < 2 && (dots == 0 || dots == groups - 1)
    }

    private static func isDate(_ phrase: NumberPhrase, groups: Int) -> Bool {
        guard groups >= 3 else { return false }
        let shape = phrase.shape(groups: 3)
        switch shape {
        case 0x04_02_02, 0x02_02_04, 0x04_01_02, 0x04_02_01, 0x01_01_04, 0x01_02_04, 0x02_01_04: return true
        default: return false
        }
    }
}
