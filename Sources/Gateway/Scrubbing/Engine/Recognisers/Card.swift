/// Payment cards: issuer prefix with its lengths, Luhn's check digit, one kind of separator.
enum Card {
    /// Four digits and then two in each group are more than nineteen beyond.
    private static let mostGroups = 8

    /// Whether ``match(_:_:)`` is worth a call.
    @inline(__always)
    static func hasShape(_ phrase: NumberPhrase) -> Bool {
        let first = phrase.size(ofGroup: 0)
        let second = phrase.size(ofGroup: 1)
        guard phrase.digitCount >= 13, first >= 4 else { return false }
        return first >= 13 || second >= 2 && (first + second >= 13 || phrase.separator(0) == phrase.separator(1))
    }

    static func match(_ phrase: NumberPhrase, _ text: Text) -> Finding? {
        let lengths = issuedLengths(phrase)
        guard lengths != 0, isStart(text, phrase.start) else { return nil }
        var groups = min(phrase.groupCount, mostGroups)
        while groups > 0 {
            let count = phrase.digitCount(beforeGroup: groups)
            if count < 13 { return nil }
            if count <= 19, lengths >> UInt32(count) & 1 != 0, phrase.endsCleanly(afterGroups: groups),
                hasCardShape(phrase, groups: groups),
                luhn(phrase, count: count)
            {
                // Fifteen digits that start with 1 are more often something else.
                let isAir = phrase.digit(0) == 1 && groups == 1
                return .inContext(
                    .card, phrase.start..<phrase.end(ofGroup: groups - 1), weak: groups > 1 ? 0.95 : isAir ? 0.55 : 0.9,
                    raised: groups > 1 ? 0.98 : 0.95, words: .card, text)
            }
            groups -= 1
        }
        return nil
    }

    /// Not the decimals of a number: `0.4111…`. Only one digit is taken for an integer part: more may be the end of another entity.
    private static func isStart(_ text: Text, _ start: Int) -> Bool {
        if text.before(start) == UInt8(ascii: "+") { return false }
        guard text.before(start) == UInt8(ascii: "."), text.before(start - 1).isDigit else { return true }
        let before = text.before(start - 2)
        return before.isWordByte || before == UInt8(ascii: ".")
    }

    /// One group, or groups of four digits and then of two and more with the same space, hyphen or dot between them.
    private static func hasCardShape(_ phrase: NumberPhrase, groups: Int) -> Bool {
        guard groups > 1 else { return true }
        guard phrase.separator(0) != UInt8(ascii: "/"), phrase.hasUniformSeparators(groups: groups) else { return false }
        return (1..<groups).allSatisfy { phrase.size(ofGroup: $0) >= 2 }
    }

    private static func luhn(_ phrase: NumberPhrase, count: Int) -> Bool {
        // Of each digit, the sum of the digits of its double.
        let doubled: UInt64 = 0x97_5318_6420
        var sum = 0
        var index = count
        while index > 1 {
            index &-= 2
            sum &+= phrase.digit(index &+ 1) &+ Int(doubled &>> UInt64(4 &* phrase.digit(index)) & 15)
        }
        if index == 1 { sum &+= phrase.digit(0) }
        return sum % 10 == 0
    }

    /// A bit for each length that cards with these first digits have (ISO/IEC 7812 as the networks publish them).
    private static func issuedLengths(_ phrase: NumberPhrase) -> UInt32 {
        let any = bits(13...19)
        let long = bits(16...19)
        let four = phrase.value(0, 4)
        switch four {
        case 1800, 2131: return bits(15...15)  // JCB
        case 1000...1799, 1801...1999: return bits(15...15)  // UATP
        case 4000...4999: return bits(13...13) | bits(16...16) | bits(19...19)  // Visa
        case 2200...2204: return long  // Mir
        case 2221...2720: return bits(16...16)  // Mastercard
        case 3000...3059, 3095, 3800...3999: return bits(14...19)  // Diners Club
        case 3528...3589: return long  // JCB
        case 6011, 6440...6599: return long  // Discover, RuPay
        case 5018...5020, 5038, 5893, 6304, 6759, 6761...6763: return any  // Maestro
        case 9792: return bits(16...16)  // Troy
        default: break
        }
        switch four / 100 {
        case 34, 37: return bits(15...15)  // American Express
        case 36: return bits(14...19)  // Diners Club
        case 51...55: return bits(16...16)  // Mastercard
        case 62, 81: return long  // UnionPay
        case 50, 56...58, 60, 61, 63, 64, 66...69: return bits(16...16) | bits(18...19)  // Maestro, RuPay, Elo, Hipercard
        default: return 0
        }
    }

    @inline(__always)
    private static func bits(_ lengths: ClosedRange<Int>) -> UInt32 {
        (2 << UInt32(lengths.upperBound)) - (1 << UInt32(lengths.lowerBound))
    }
}
