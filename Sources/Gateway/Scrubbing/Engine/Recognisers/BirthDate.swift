/// Dates of birth: dates in figures or with the name of a month, in English, Spanish, French, German, Portuguese, Italian or Catalan, behind a
/// word that says so.
enum BirthDate {
    /// Whether ``match(_:_:)`` is worth a call.
    @inline(__always)
    static func hasShape(_ phrase: NumberPhrase) -> Bool {
        if phrase.size(ofGroup: 0) == 8 { return phrase.groupCount == 1 && !phrase.isCutOff }
        return phrase.groupCount >= 3 && phrase.size(ofGroup: 1) <= 2 && phrase.separator(0) != UInt8(ascii: " ")
            && phrase.hasUniformSeparators(groups: 3)
    }

    static func match(_ phrase: NumberPhrase, _ text: inout Text) -> Finding? {
        let groups = phrase.size(ofGroup: 0) == 8 ? 1 : 3
        let end = phrase.end(ofGroup: groups - 1)
        guard groups == 1 ? isJoinedDate(phrase) : isDate(phrase) else { return nil }
        guard phrase.endsCleanly(afterGroups: groups) || phrase.size(ofGroup: 0) == 4 && isMidnight(&text, end) else { return nil }
        return .inContext(.dateOfBirth, phrase.start..<end, weak: 0.2, raised: 0.85, words: .birth, text)
    }

    /// `1985-05-12T00:00:00Z`; the prefilter leaves other times out.
    private static func isMidnight(_ text: inout Text, _ index: Int) -> Bool {
        text.byte(index) == UInt8(ascii: "T") && text.byte(index + 1) == UInt8(ascii: "0") && text.byte(index + 2) == UInt8(ascii: "0")
    }

    /// `19850512`, `12051985`
    private static func isJoinedDate(_ phrase: NumberPhrase) -> Bool {
        func isDay(_ first: Int, _ second: Int) -> Bool {
            (1...31).contains(first) && (1...31).contains(second) && min(first, second) <= 12
        }
        let (front, back) = (phrase.value(0, 4), phrase.value(4, 4))
        return (1900...2100).contains(front) && isDay(back / 100, back % 100)
            || (1900...2100).contains(back) && isDay(front / 100, front % 100)
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
        "january,february,march,april,may,june,july,august,september,october,november,december,enero,febrero,marzo,abril,mayo,junio,julio,agosto,septiembre,setiembre,octubre,noviembre,diciembre,janvier,février,fevrier,mars,avril,mai,juin,juillet,août,aout,septembre,octobre,novembre,décembre,decembre,januar,jänner,februar,märz,maerz,mrz,juni,juli,oktober,dezember,janeiro,fevereiro,março,marco,maio,junho,julho,setembro,outubro,novembro,dezembro,gennaio,febbraio,aprile,maggio,giugno,luglio,settembre,ottobre,dicembre,gener,febrer,març,maig,juny,juliol,agost,setembre,desembre"

    /// By first byte.
    private static let months = ByteTable(ListedWord.all(names)) { $0[0] }

    /// 1900 to 2099 alone, or two digits behind a word, as far as it has come.
    @inline(__always)
    private static func mayBeYear(_ text: Text, _ position: Int) -> Bool {
        if position + 2 < text.count, text.base[position + 1].isDigit, !text.base[position + 2].isAlphanumeric {
            // `12-May-86`, `3 mai 85`, `3 ene. 85`: the prefilter sees no others.
            guard position > 3, text.before(position).isNumberSeparator else { return false }
            let before = text.base[position - 2]
            return before.isLetter || before == UInt8(ascii: ".") && text.base[position - 3].isLetter
        }
        let first = text.base[position]
        guard position + 4 < text.count else { return true }
        guard first == UInt8(ascii: "1") || first == UInt8(ascii: "2") else { return false }
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
            while index > 0, end - index < 11, isWordByte(text.before(index)) { index -= 1 }
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
            while index - first < 11, isWordByte(text.byte(index)) { index += 1 }
            guard index > first else { return nil }
            if text.base[first].isDigit {
                let length = digitCount(text, first..<index)
                if length == 4, hasDay, hasMonth {
                    return length == index - first && isYear(text, first) && !isTime(&text, behind: index) ? index : nil
                }
                if length == 2, hasDay, hasMonth { return length == index - first && isAlone(&text, index) ? index : nil }
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

    /// `25/Sep/2026:10:15:00`, as in an access log.
    private static func isTime(_ text: inout Text, behind end: Int) -> Bool {
        text.byte(end) == UInt8(ascii: ":") && text.byte(end + 1).isDigit
    }

    /// A year of two digits ends: not an hour, a decimal or a part of another number.
    private static func isAlone(_ text: inout Text, _ end: Int) -> Bool {
        switch text.byte(end) {
        case UInt8(ascii: "%"): false
        case UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "/"): text.byte(end + 1) <= 0x20
        default: true
        }
    }

    /// Letters outside of ASCII are part of a word.
    @inline(__always)
    private static func isWordByte(_ byte: UInt8) -> Bool { byte.isAlphanumeric || byte >= 0x80 }

    private static func isYear(_ text: Text, _ start: Int) -> Bool {
        let century = text.base[start].digitValue * 10 + text.base[start + 1].digitValue
        return century == 19 || century == 20
    }

    /// `st`, `nd`, `rd`, `th`, `er`, `º`, `°`.
    private static func isOrdinal(_ text: Text, _ range: Range<Int>) -> Bool {
        guard range.count == 2 else { return false }
        switch (text.base[range.lowerBound].lowercased, text.base[range.lowerBound + 1].lowercased) {
        case (UInt8(ascii: "s"), UInt8(ascii: "t")), (UInt8(ascii: "n"), UInt8(ascii: "d")), (UInt8(ascii: "r"), UInt8(ascii: "d")),
            (UInt8(ascii: "t"), UInt8(ascii: "h")), (UInt8(ascii: "e"), UInt8(ascii: "r")), (0xC2, 0xBA), (0xC2, 0xB0):
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
        guard second.isLetter || second >= 0x80, third.isLetter || third >= 0x80 else { return false }
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
            return (1..<range.count).allSatisfy {
                let byte = text.base[range.lowerBound + $0]
                // The second bytes of capitals and small letters differ as in ASCII.
                return byte.lowercased == month[$0] || byte >= 0x80 && byte | 0x20 == month[$0]
            }
        }
    }

    private static func isEqual(_ text: Text, _ range: Range<Int>, _ word: StaticString, length: Int) -> Bool {
        guard range.count == length, length <= word.utf8CodeUnitCount else { return false }
        return (0..<length).allSatisfy { text.base[range.lowerBound + $0].lowercased == word.utf8Start[$0] }
    }
}
