/// Dates of birth: dates in figures or with the name of a month, in English or Spanish, behind a word that says so.
enum BirthDate {
    /// Whether ``match(_:_:)`` is worth a call.
    @inline(__always)
    static func hasShape(_ phrase: NumberPhrase) -> Bool {
        phrase.groupCount >= 3 && phrase.size(ofGroup: 1) <= 2 && phrase.separator(0) != UInt8(ascii: " ")
            && phrase.hasUniformSeparators(groups: 3)
    }

    static func match(_ phrase: NumberPhrase, _ text: Text) -> Finding? {
        guard phrase.endsCleanly(afterGroups: 3), isDate(phrase) else { return nil }
        // The prefilter asks for seven bytes.
        guard phrase.end(ofGroup: 2) - phrase.start >= 7 else { return nil }
        return .inContext(
            .dateOfBirth, phrase.start..<phrase.end(ofGroup: 2), weak: 0.2, raised: 0.85, words: .birth, text)
    }

    private static func isDate(_ phrase: NumberPhrase) -> Bool {
        let (years, months, days) = (phrase.size(ofGroup: 0), phrase.size(ofGroup: 1), phrase.size(ofGroup: 2))
        if years == 4, days <= 2 {
            return (1900...2100).contains(phrase.value(0, 4)) && (1...12).contains(phrase.value(4, months))
                && (1...31).contains(phrase.value(4 + months, days))
        }
        // The other way round.
        guard years <= 2, days == 2 || days == 4 else { return false }
        let first = phrase.value(0, years)
        let second = phrase.value(years, months)
        return (1...31).contains(first) && (1...31).contains(second) && min(first, second) <= 12
            && (days == 2 || (1900...2100).contains(phrase.value(years + months, 4)))
    }

    /// `12 de mayo de 1985`, `May 12, 1985`, `12-May-1985`, found by the year at `position`; and where the date may start.
    @inline(__always)
    static func matchWords(_ text: inout Text, at position: Int) -> (start: Int, finding: Finding?) {
        guard mayBeYear(text, position) else { return (position, nil) }
        return matchDate(&text, endingWithYearAt: position)
    }

    private static func matchDate(_ text: inout Text, endingWithYearAt position: Int) -> (start: Int, finding: Finding?) {
        guard let start = startOfDate(text, endingWithYearAt: position) else { return (position, nil) }
        return (start, finding(&text, from: start))
    }

    /// A date that starts at `start` goes on behind `hold`, or may do so behind the text's end.
    @inline(never)
    static func crosses(_ hold: Int, _ text: inout Text, from start: Int) -> Bool {
        let end = end(&text, from: start)
        defer { text.reachedEnd = false }
        return text.reachedEnd || end ?? 0 > hold
    }

    private static func finding(_ text: inout Text, from start: Int) -> Finding? {
        guard isInContext(start, text), let end = end(&text, from: start) else { return nil }
        return Finding(kind: .dateOfBirth, range: start..<end, score: 0.85, raisedByContext: true)
    }

    static func isInContext(_ start: Int, _ text: Text) -> Bool {
        ContextWords.birth.isContext(of: .dateOfBirth, at: start, in: text)
    }

    private static let names: StaticString =
        "january,february,march,april,may,june,july,august,september,october,november,december,enero,febrero,marzo,abril,mayo,junio,julio,agosto,septiembre,setiembre,octubre,noviembre,diciembre"

    /// By first byte.
    private static let months = ByteTable(ListedWord.all(names)) { $0[0] }

    /// 1900 to 2099 alone, as far as it has come.
    @inline(__always)
    private static func mayBeYear(_ text: Text, _ position: Int) -> Bool {
        let first = text.base[position]
        guard first == UInt8(ascii: "1") || first == UInt8(ascii: "2") else { return false }
        guard position + 4 < text.count else { return true }
        return isYear(text, position) && text.base[position + 2].isDigit && text.base[position + 3].isDigit
            && !text.base[position + 4].isAlphanumeric
    }

    /// Goes back from a year over separators, the name of a month, a day and `de`: at most 32 bytes.
    private static func startOfDate(_ text: Text, endingWithYearAt year: Int) -> Int? {
        var index = year
        var start: Int?
        var hasDay = false
        for _ in 0..<5 {
            var end = index
            while end > 0, index - end < 2, isJoint(text.before(end)) { end -= 1 }
            guard end < index else { break }
            index = end
            while index > 0, end - index < 11, text.before(index).isAlphanumeric { index -= 1 }
            guard index < end, !text.before(index).isWordByte else { break }
            if text.base[index].isDigit {
                if hasDay { break }
                hasDay = true
                start = index
            } else if isMonth(text, index..<end) {
                start = index
            } else if !isParticle(text, index..<end) {
                break
            }
        }
        return start
    }

    /// The end of the date that starts at `start`: day and month in either order, then the year.
    private static func end(_ text: inout Text, from start: Int) -> Int? {
        var index = start
        var hasDay = false
        var hasMonth = false
        for _ in 0..<6 {
            let first = index
            while index - first < 11, text.byte(index).isAlphanumeric { index += 1 }
            guard index > first else { return nil }
            if text.base[first].isDigit {
                let length = digitCount(text, first..<index)
                if length == 4, hasDay, hasMonth { return length == index - first && isYear(text, first) ? index : nil }
                guard !hasDay, length <= 2, length == index - first || isOrdinal(text, first + length..<index) else { return nil }
                hasDay = true
            } else if isMonth(text, first..<index) {
                guard !hasMonth else { return nil }
                hasMonth = true
            } else {
                guard isParticle(text, first..<index), hasDay || hasMonth else { return nil }
            }
            let joint = index
            while index - joint < 2, isJoint(text.byte(index)) { index += 1 }
            guard index > joint else { return nil }
        }
        return nil
    }

    private static func isJoint(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "/")
    }

    private static func digitCount(_ text: Text, _ range: Range<Int>) -> Int {
        range.prefix { text.base[$0].isDigit }.count
    }

    private static func isYear(_ text: Text, _ start: Int) -> Bool {
        let century = text.base[start].digitValue * 10 + text.base[start + 1].digitValue
        return century == 19 || century == 20
    }

    /// `st`, `nd`, `rd`, `th`.
    private static func isOrdinal(_ text: Text, _ range: Range<Int>) -> Bool {
        guard range.count == 2 else { return false }
        switch (text.base[range.lowerBound].lowercased, text.base[range.lowerBound + 1].lowercased) {
        case (UInt8(ascii: "s"), UInt8(ascii: "t")), (UInt8(ascii: "n"), UInt8(ascii: "d")), (UInt8(ascii: "r"), UInt8(ascii: "d")),
            (UInt8(ascii: "t"), UInt8(ascii: "h")):
            return true
        default: return false
        }
    }

    /// `de`, `del`, `of`.
    private static func isParticle(_ text: Text, _ range: Range<Int>) -> Bool {
        let particles: [StaticString] = ["de", "del", "of"]
        return particles.contains { isEqual(text, range, $0, length: $0.utf8CodeUnitCount) }
    }

    /// A digit, or what the name of a month begins with. The bytes of a word that has begun at the end may be its beginning.
    @inline(__always)
    static func mayStart(_ text: Text, _ position: Int) -> Bool {
        if text.base[position].isDigit { return true }
        guard text.base[position].isLetter else { return false }
        guard position + 2 < text.count else { return true }
        let (second, third) = (text.base[position + 1], text.base[position + 2])
        guard second.isLetter, third.isLetter else { return false }
        return beginnings[Int(text.base[position] & 31) << 5 | Int(second & 31)] >> UInt32(third & 31) & 1 != 0
    }

    /// A bit for each third letter of the names of months, by their first two.
    private static let beginnings: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 1024)
        for month in ListedWord.all(names) { table[Int(month[0] & 31) << 5 | Int(month[1] & 31)] |= 1 << UInt32(month[2] & 31) }
        return table
    }()

    /// The name of a month, or its first three or four letters.
    private static func isMonth(_ text: Text, _ range: Range<Int>) -> Bool {
        guard range.count >= 3, mayStart(text, range.lowerBound) else { return false }
        let isShort = range.count <= 4
        return months[text.base[range.lowerBound].lowercased].contains { month in
            guard isShort ? range.count <= month.count : range.count == month.count else { return false }
            return (1..<range.count).allSatisfy { text.base[range.lowerBound + $0].lowercased == month[$0] }
        }
    }

    private static func isEqual(_ text: Text, _ range: Range<Int>, _ word: StaticString, length: Int) -> Bool {
        guard range.count == length, length <= word.utf8CodeUnitCount else { return false }
        return (0..<length).allSatisfy { text.base[range.lowerBound + $0].lowercased == word.utf8Start[$0] }
    }
}
