/// Identity, tax and bank codes that start with letters. All are one word, apart from the separators that people write.
enum IdentityCode {
    /// Appends what the word at `start` can be.
    static func match(_ text: inout Text, at start: Int, _ kinds: EntityKindSet, _ keep: (Finding) -> Void) {
        let word = Word(&text, at: start)
        guard word.count >= 8 || word.count <= 4 else { return }
        func add(_ kind: EntityKind, _ range: Range<Int>, _ weak: Float, _ raised: Float, _ words: ContextWords) {
            guard kinds.contains(kind) else { return }
            keep(.inContext(kind, range, weak: weak, raised: raised, words: words, text))
        }
        if let end = cifEnd(&text, word) { add(.cif, start..<end, 0.8, 0.95, .cif) }
        if let end = ninoEnd(&text, word) { add(.nino, start..<end, word.isUppercase ? 0.7 : 0.5, 0.95, .nino) }
        if word.count == 2 || word.count == 11, let end = portugueseEnd(&text, word) { add(.nifPT, start..<end, 0.7, 0.95, .nifPT) }
        if word.count == 3 || word.count == 4, let code = Word(&text, mexican: word), code.isRFC {
            let isHyphened = text.base[start + word.count] == UInt8(ascii: "-")
            add(.rfc, start..<start + code.count + 2, isHyphened && word.isUppercase ? 0.6 : 0.4, 0.95, .rfc)
        }
        let range = start..<start + word.count
        switch word.count {
        case 8, 9:
            if word.matches("LLDDDDDD") || word.matches("LLLDDDDDD") || word.matches("LDDDDDDDD") || word.matches("LDDDDDDD")
                || word.matches("LLDDDDDDD")
            {
                add(.passport, range, 0.3, 0.85, .passport)
            } else if word.isGermanPassport {
                add(.passport, range, 0.1, 0.85, .passport)
            }
            if word.count == 8, word.isBIC { add(.bic, range, 0.3, 0.8, .bic) }
        case 10 where word.isGermanPassport: add(.passport, range, 0.2, 0.9, .passport)
        case 10 where word.matches("LLLLLDDDDL") && !word.isPAN: add(.pan, range, 0.3, 0.6, .pan)
        case 10: if word.isPAN { add(.pan, range, word.isUppercase ? 0.6 : 0.3, 0.95, .pan) }
        case 11: if word.isBIC { add(.bic, range, 0.3, 0.8, .bic) }
        case 12, 13: if word.isRFC { add(.rfc, range, word.isUppercase ? 0.6 : 0.4, 0.95, .rfc) }
        case 14: if kinds.contains(.cnpj), let finding = matchCNPJ(&text, at: start) { keep(finding) }
        case 16: if word.isCodiceFiscale { add(.codiceFiscale, range, 0.95, 0.95, .codiceFiscale) }
        case 18: if word.isCURP { add(.curp, range, 0.95, 0.95, .curp) }
        default: break
        }
        if kinds.contains(.dni), word.matches("LLDDDDDDDDL"), word[0] == UInt8(ascii: "E"), word[1] == UInt8(ascii: "S"),
            word[10] == SpanishIdentity.controlLetter(word.value(2, 8))
        {
            keep(Finding(kind: .dni, range: range, score: 0.9))
        }
        // Of children, of Spaniards abroad and of foreigners without a number of their own.
        if word.matches("LDDDDDDDL"), (UInt8(ascii: "K")...UInt8(ascii: "M")).contains(word[0]),
            word[8] == SpanishIdentity.controlLetter(word.value(1, 7))
        {
            add(.dni, range, 0.6, 0.95, .dni)
        }
    }

    /// `PT501964843`, `PT 501 964 843`: the country before a Portuguese tax number.
    private static func portugueseEnd(_ text: inout Text, _ word: Word) -> Int? {
        guard word[0] == UInt8(ascii: "P"), word[1] == UInt8(ascii: "T") else { return nil }
        var index = word.start + 2
        var sum = 0
        var check = 0
        for place in 0..<9 {
            if place % 3 == 0, text.byte(index) == UInt8(ascii: " ") || place == 0 && text.byte(index) == UInt8(ascii: "-") { index += 1 }
            let byte = text.byte(index)
            guard byte.isDigit, place > 0 || byte != UInt8(ascii: "0") else { return nil }
            if place < 8 { sum += byte.digitValue * (9 - place) } else { check = byte.digitValue }
            index += 1
        }
        let expected = 11 - sum % 11
        return check == (expected >= 10 ? 0 : expected) && !text.byte(index).isWordByte ? index : nil
    }

    /// `B12345674`, `A-5881850-1`, `ESB12345674`: an organisation's letter, seven digits, control digit or letter.
    private static func cifEnd(_ text: inout Text, _ word: Word) -> Int? {
        let hasCountry = word.count == 11 && word[0] == UInt8(ascii: "E") && word[1] == UInt8(ascii: "S")
        let letter = word[hasCountry ? 2 : 0]
        let first = word.start + (hasCountry ? 3 : 1)
        let index = word.count == 1 && text.byte(first) == UInt8(ascii: "-") ? first + 1 : first
        // `\U00010570` is a sign of a source text.
        guard word.count == 1 || word.count == 9 || word.count == 8 || hasCountry, text.before(word.start) != UInt8(ascii: "\\") else {
            return nil
        }
        var sum = 0
        var isZero = true
        for offset in 0..<7 {
            let byte = text.byte(index + offset)
            guard byte.isDigit else { return nil }
            isZero = isZero && byte == UInt8(ascii: "0")
            let doubled = byte.digitValue * 2
            sum += offset & 1 == 1 ? byte.digitValue : doubled / 10 + doubled % 10
        }
        let isSeparated = text.byte(index + 7) == UInt8(ascii: "-")
        let control = text.byte(index + (isSeparated ? 8 : 7)).uppercased
        let end = index + (isSeparated ? 9 : 8)
        guard !isZero, control.isAlphanumeric, !text.byte(end).isWordByte else { return nil }
        let check = (10 - sum % 10) % 10
        let letters: StaticString = "JABCDEFGHI"
        // Which kinds of company have a digit and which a letter is told differently by different sources: either will do.
        guard control == UInt8(ascii: "0") + UInt8(check) || control == letters.utf8Start[check], isCompany(letter) else { return nil }
        return end
    }

    /// `19AB12345`: a French passport.
    static func matchFrenchPassport(_ text: inout Text, at start: Int) -> Finding? {
        for offset in 0..<9 {
            let byte = text.byte(start + offset)
            guard offset == 2 || offset == 3 ? byte.isLetter : byte.isDigit else { return nil }
        }
        guard !text.byte(start + 9).isWordByte, !text.before(start).isWordByte else { return nil }
        return .inContext(.passport, start..<start + 9, weak: 0.2, raised: 0.85, words: .passport, text)
    }

    private static func isCompany(_ letter: UInt8) -> Bool {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "H"), UInt8(ascii: "J"), UInt8(ascii: "N"), UInt8(ascii: "P")...UInt8(ascii: "S"),
            UInt8(ascii: "U")...UInt8(ascii: "W"):
            return true
        default: return false
        }
    }

    /// `AB123456C`, `AB 12 34 56 C`: HMRC's prefixes, six digits, A to D.
    private static func ninoEnd(_ text: inout Text, _ word: Word) -> Int? {
        let first = word[0]
        let second = word[1]
        guard word.count == 9 || word.count == 2 || word.count == 4, first.isLetter, second.isLetter, !isExcluded(first),
            !isExcluded(second),
            second != UInt8(ascii: "O")
        else { return nil }
        switch (first, second) {
        case (UInt8(ascii: "B"), UInt8(ascii: "G")), (UInt8(ascii: "G"), UInt8(ascii: "B")), (UInt8(ascii: "N"), UInt8(ascii: "K")),
            (UInt8(ascii: "K"), UInt8(ascii: "N")), (UInt8(ascii: "T"), UInt8(ascii: "N")), (UInt8(ascii: "N"), UInt8(ascii: "T")),
            (UInt8(ascii: "Z"), UInt8(ascii: "Z")):
            return nil
        default: break
        }
        var index = word.start + 2
        for pair in 0..<4 {
            if text.byte(index) == UInt8(ascii: " ") || text.byte(index) == UInt8(ascii: "-") { index += 1 }
            if pair == 3 { break }
            guard text.byte(index).isDigit, text.byte(index + 1).isDigit else { return nil }
            index += 2
        }
        let suffix = text.byte(index).uppercased
        guard suffix >= UInt8(ascii: "A"), suffix <= UInt8(ascii: "D"), !text.byte(index + 1).isWordByte else { return nil }
        return index + 1
    }

    /// A Brazilian company number with letters (from July 2026): `12.ABC.345/01DE-35`, or its fourteen letters and digits alone. Each counts
    /// as its ASCII code less 48; the check digits are figures.
    static func matchCNPJ(_ text: inout Text, at start: Int) -> Finding? {
        guard !text.before(start).isWordByte, text.mayHaveLetters(start) else { return nil }
        let isSeparated = text.byte(start + 2) == UInt8(ascii: ".")
        var index = start
        var first = 0
        var second = 0
        var letters = 0
        var check = 0
        for place in 0..<14 {
            if isSeparated, let separator = separator(before: place) {
                guard text.byte(index) == separator else { return nil }
                index += 1
            }
            let byte = text.byte(index).uppercased
            guard byte.isAlphanumeric else { return nil }
            let value = Int(byte) - 48
            if place < 12 {
                if byte.isLetter { letters += 1 }
                first += value * (place < 4 ? 5 - place : 13 - place)
                second += value * (place < 5 ? 6 - place : 14 - place)
            } else {
                guard byte.isDigit else { return nil }
                check = check * 10 + value
            }
            index += 1
        }
        let one = first % 11 < 2 ? 0 : 11 - first % 11
        second += one * 2
        let two = second % 11 < 2 ? 0 : 11 - second % 11
        guard letters > 0, check == one * 10 + two, !text.byte(index).isWordByte else { return nil }
        return .inContext(.cnpj, start..<index, weak: isSeparated ? 0.9 : 0.3, raised: 0.95, words: .cnpj, text)
    }

    private static func separator(before place: Int) -> UInt8? {
        switch place {
        case 2, 5: UInt8(ascii: ".")
        case 8: UInt8(ascii: "/")
        case 12: UInt8(ascii: "-")
        default: nil
        }
    }

    private static func isExcluded(_ letter: UInt8) -> Bool {
        switch letter {
        case UInt8(ascii: "D"), UInt8(ascii: "F"), UInt8(ascii: "I"), UInt8(ascii: "Q"), UInt8(ascii: "U"), UInt8(ascii: "V"): true
        default: false
        }
    }
}

/// A word of up to 19 letters and digits, in upper case; a longer one has the count 20.
private struct Word {
    let start: Int
    private(set) var count = 0
    /// Written in upper case.
    private(set) var isUppercase = true
    private var bytes = SIMD32<UInt8>()

    init(_ text: inout Text, at start: Int) {
        self.start = start
        while count < 20 {
            let byte = text.byte(start + count)
            guard byte.isAlphanumeric else { break }
            if byte != byte.uppercased { isUppercase = false }
            bytes[count] = byte.uppercased
            count += 1
        }
        if count > 0, text.byte(start + count) == UInt8(ascii: "_") { count = 20 }
    }

    /// Three or four letters, a date and three letters and digits, with hyphens or spaces between; nil if `first` is not the start of that.
    init?(_ text: inout Text, mexican first: Word) {
        let separator = text.byte(first.start + first.count)
        guard separator == UInt8(ascii: "-") || separator == UInt8(ascii: " ") else { return nil }
        self = first
        var index = start + count
        for size in [6, 3] {
            guard text.byte(index) == separator else { return nil }
            index += 1
            for _ in 0..<size {
                let byte = text.byte(index)
                guard byte.isAlphanumeric else { return nil }
                if byte != byte.uppercased { isUppercase = false }
                bytes[count] = byte.uppercased
                count += 1
                index += 1
            }
        }
        guard !text.byte(index).isWordByte, (0..<6).allSatisfy({ bytes[first.count + $0].isDigit }) else { return nil }
    }

    subscript(index: Int) -> UInt8 { bytes[index] }

    /// The whole word is letters (`L`) and digits (`D`) in this order.
    func matches(_ pattern: StaticString) -> Bool {
        guard count == pattern.utf8CodeUnitCount else { return false }
        for index in 0..<count where (pattern.utf8Start[index] == UInt8(ascii: "D")) != bytes[index].isDigit { return false }
        return true
    }

    func value(_ from: Int, _ digits: Int) -> Int {
        (from..<from + digits).reduce(0) { $0 * 10 + bytes[$1].digitValue }
    }

    private func isDate(at index: Int) -> Bool {
        (1...12).contains(value(index + 2, 2)) && (1...31).contains(value(index + 4, 2))
    }

    /// Bank, country, place and perhaps branch (ISO 9362), written in upper case.
    var isBIC: Bool {
        guard isUppercase, (0..<6).allSatisfy({ bytes[$0].isLetter }) else { return false }
        return IBAN.length(of: bytes[4], bytes[5]) > 0 || isCountryWithoutIBAN
    }

    private var isCountryWithoutIBAN: Bool {
        let codes: StaticString = "USCAMXJPCNINAUNZHKSGKRZATHIDMYPHTWARCOCLPEVNNGKE"
        return stride(from: 0, to: codes.utf8CodeUnitCount, by: 2).contains {
            codes.utf8Start[$0] == bytes[4] && codes.utf8Start[$0 + 1] == bytes[5]
        }
    }

    /// Five letters, four digits, a letter; the fourth letter is the kind of holder.
    var isPAN: Bool {
        guard matches("LLLLLDDDDL") else { return false }
        let holders: StaticString = "PCHFATBLJG"
        return (0..<10).contains { holders.utf8Start[$0] == bytes[3] }
    }

    /// Three or four letters, a date, a homoclave.
    var isRFC: Bool {
        let letters = count - 9
        guard (0..<letters).allSatisfy({ bytes[$0].isLetter }), (letters..<letters + 6).allSatisfy({ bytes[$0].isDigit }) else {
            return false
        }
        return isDate(at: letters) && (bytes[count - 1].isDigit || bytes[count - 1] == UInt8(ascii: "A"))
    }

    /// Mexico's population code: letters, date, sex, state, consonants, check digit.
    var isCURP: Bool {
        guard (0..<4).allSatisfy({ bytes[$0].isLetter }), (4..<10).allSatisfy({ bytes[$0].isDigit }), isDate(at: 4),
            isSex(bytes[10]), (11..<16).allSatisfy({ bytes[$0].isLetter }),
            bytes[17].isDigit
        else { return false }
        var sum = 0
        for index in 0..<17 {
            let byte = bytes[index]
            // The alphabet is 0–9, A–N, Ñ, O–Z.
            let code = byte.isDigit ? byte.digitValue : Int(byte) - 55 + (byte > UInt8(ascii: "N") ? 1 : 0)
            sum += code * (18 - index)
        }
        return (10 - sum % 10) % 10 == bytes[17].digitValue
    }

    /// A German passport: a letter, and eight digits and letters without vowels and those that look like others (since 2007); perhaps the check digit
    /// of its machine-readable zone (ICAO 9303: weights 7, 3, 1).
    var isGermanPassport: Bool {
        let first: StaticString = "CFGHJK"
        let letters: StaticString = "CFGHJKLMNPRTVWXYZ"
        func isAmong(_ list: StaticString, _ byte: UInt8) -> Bool { (0..<list.utf8CodeUnitCount).contains { list.utf8Start[$0] == byte } }
        guard count == 9 || count == 10, isUppercase, isAmong(first, bytes[0]), bytes[1].isDigit || bytes[2].isDigit else { return false }
        var sum = 0
        for index in 0..<9 {
            let byte = bytes[index]
            guard byte.isDigit || isAmong(letters, byte) else { return false }
            sum += (byte.isDigit ? byte.digitValue : Int(byte) - 55) * (index % 3 == 0 ? 7 : index % 3 == 1 ? 3 : 1)
        }
        return count == 9 || bytes[9].isDigit && sum % 10 == bytes[9].digitValue
    }

    private func isSex(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "H") || byte == UInt8(ascii: "M") || byte == UInt8(ascii: "X")
    }

    /// Italy's tax code: letters, year, month, day, place, check letter; digits may be letters where codes would be the same (omocodia).
    var isCodiceFiscale: Bool {
        let pattern: StaticString = "LLLLLLNNLNNLNNNL"
        let months: StaticString = "ABCDEHLMPRST"
        for index in 0..<16 {
            let isLetter = bytes[index].isLetter
            if pattern.utf8Start[index] == UInt8(ascii: "L") {
                guard isLetter else { return false }
            } else if isLetter, !Self.isOmocodia(bytes[index]) {
                return false
            }
        }
        guard isUppercase || bytes[6].isDigit && bytes[7].isDigit, (0..<12).contains(where: { months.utf8Start[$0] == bytes[8] }) else {
            return false
        }
        // Values of digits and letters in odd places, from "A".
        let odd: StaticString = "BAFHJNPRTVCESULDGIMOQKWZYX"
        var sum = 0
        for index in 0..<15 {
            let code = bytes[index].isDigit ? bytes[index].digitValue : Int(bytes[index]) - 65
            sum += index & 1 == 0 ? Int(odd.utf8Start[code]) - 65 : code
        }
        return sum % 26 == Int(bytes[15]) - 65
    }

    private static func isOmocodia(_ letter: UInt8) -> Bool {
        let letters: StaticString = "LMNPQRSTUV"
        return (0..<10).contains { letters.utf8Start[$0] == letter }
    }
}
