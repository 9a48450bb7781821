/// Identity, tax, health and social security numbers that are digits only.
enum NationalNumber {
    /// Keeps what the first groups of `phrase` can be.
    static func match(_ phrase: NumberPhrase, _ text: Text, _ kinds: EntityKindSet, _ keep: (Finding) -> Void) {
        func add(_ kind: EntityKind, _ groups: Int, _ weak: Float, _ raised: Float, _ words: ContextWords) {
            guard kinds.contains(kind), phrase.endsCleanly(afterGroups: groups) else { return }
            let range = phrase.start..<phrase.end(ofGroup: groups - 1)
            keep(.inContext(kind, range, weak: weak, raised: raised, words: words, text))
        }
        guard phrase.groupCount > 1 || !phrase.isCutOff else { return }
        let number = Number(phrase: phrase)
        switch phrase.size(ofGroup: 0) {
        case 1:
            if number.has(0x01_02_02_02_03_03_02, 7, uniform: 6), number.isNIR { add(.nir, 7, 0.9, 0.95, .nir) }
        case 2:
            if number.has(0x02_0A, 2), number.isNSS { add(.nss, 2, 0.8, 0.95, .nss) }
            if number.has(0x02_08_02, 3, uniform: 3), number.isNSS { add(.nss, 3, 0.8, 0.95, .nss) }
            if number.has(0x02_03_03_03, 4, uniform: 4), number.isSteuerID { add(.steuerID, 4, 0.7, 0.95, .steuerID) }
            // The last separators differ in these and in a CPF.
            if number.has(0x02_03_03_04_02, 5, uniform: 3), number.isCNPJ { add(.cnpj, 5, 0.95, 0.95, .cnpj) }
        case 3:
            if number.has(0x03_02_04, 3), number.isSeparated(by: "-", " ") {
                let weak: Float = number.isSeparated(by: "-", "-") ? 0.7 : 0.6
                if number.isSSN { add(.ssn, 3, weak, 0.95, .ssn) } else if number.isITIN { add(.itin, 3, weak, 0.95, .itin) }
            }
            // Figures with dots between them are more often something else.
            if number.has(0x03_02_04, 3), number.isSeparated(by: ".", "."), number.isSSN { add(.ssn, 3, 0.4, 0.9, .ssn) }
            if number.has(0x03_03_03, 3), number.isNIFPT { add(.nifPT, 3, 0.3, 0.85, .nifPT) }
            if number.has(0x03_03_04, 3), number.isSeparated(by: " ", "-"), number.isNHS {
                add(.nhs, 3, number.isSeparated(by: " ", " ") ? 0.65 : number.isTelephone ? 0.3 : 0.55, 0.95, .nhs)
            }
            if number.has(0x03_03_03_02, 4, uniform: 3), number.isCPF { add(.cpf, 4, 0.9, 0.95, .cpf) }
            if number.has(0x03_03_05, 3, uniform: 3), number.isSeparated(by: ".", "."), number.isCPF { add(.cpf, 3, 0.6, 0.95, .cpf) }
        case 4:
            if phrase.groupCount == 3, number.has(0x04_04_04, 3), number.isSeparated(by: " ", "-"), number.isAadhaar {
                add(.aadhaar, 3, 0.7, 0.95, .aadhaar)
            }
            if number.has(0x04_04_02_0A, 4, uniform: 4), number.isCCC { add(.iban, 4, 0.7, 0.95, .account) }
        case 9:
            if number.isSSN { add(.ssn, 1, 0.2, 0.85, .ssn) } else if number.isITIN { add(.itin, 1, 0.2, 0.85, .itin) }
            if number.isNIFPT { add(.nifPT, 1, 0.3, 0.85, .nifPT) }
            add(.passport, 1, 0.1, 0.8, .passport)
            if number.has(0x09_02, 2), phrase.separator(0) == UInt8(ascii: "-"), number.isCPF { add(.cpf, 2, 0.6, 0.95, .cpf) }
        case 10:
            if number.isNHS { add(.nhs, 1, 0.3, 0.95, .nhs) }
        case 11:
            if number.isCPF { add(.cpf, 1, 0.5, 0.95, .cpf) }
            if number.isSteuerID { add(.steuerID, 1, 0.6, 0.95, .steuerID) }
        case 12:
            if number.isNSS { add(.nss, 1, 0.5, 0.95, .nss) }
            if number.isAadhaar { add(.aadhaar, 1, 0.3, 0.9, .aadhaar) }
        case 13:
            if number.has(0x0D_02, 2), number.isNIR { add(.nir, 2, 0.9, 0.95, .nir) }
        case 14:
            if number.isCNPJ { add(.cnpj, 1, number.value(8, 4) <= 9 ? 0.6 : 0.3, 0.95, .cnpj) }
        case 15:
            if number.isNIR { add(.nir, 1, 0.9, 0.95, .nir) }
        case 20:
            if number.isCCC { add(.iban, 1, 0.4, 0.95, .account) }
        default: break
        }
    }
}

extension NationalNumber {
    /// A French number of somebody born in Corsica, whose department is 2A or 2B: `1 85 05 2A 004 003 38`, with or without spaces.
    static func matchCorsican(_ text: inout Text, at start: Int) -> Finding? {
        var index = start
        var taken = 0
        var value = 0
        var key = 0
        var isCorsican = false
        while taken < 15 {
            let byte = text.byte(index)
            if byte == UInt8(ascii: " "), taken > 0 {
                index += 1
                guard text.byte(index) != UInt8(ascii: " ") else { return nil }
                continue
            }
            switch taken {
            case 6:
                // 2A counts as 19, 2B as 18.
                let letter = byte.uppercased
                guard letter == UInt8(ascii: "A") || letter == UInt8(ascii: "B"), value % 10 == 2 else { return nil }
                value = value / 10 * 100 + (letter == UInt8(ascii: "A") ? 19 : 18)
                isCorsican = true
            case 13, 14:
                guard byte.isDigit else { return nil }
                key = key * 10 + byte.digitValue
            default:
                guard byte.isDigit else { return nil }
                value = value * 10 + byte.digitValue
            }
            taken += 1
            index += 1
        }
        guard isCorsican, !text.byte(index).isWordByte, !text.before(start).isWordByte, 97 - value % 97 == key else { return nil }
        return .inContext(.nir, start..<index, weak: 0.9, raised: 0.95, words: .nir, text)
    }
}

/// The digits of a candidate, with the rules that say what they can be.
private struct Number {
    let phrase: NumberPhrase

    /// The `count` digits from `start` as a number.
    func value(_ start: Int, _ count: Int) -> Int {
        phrase.value(start, count)
    }

    /// The first `groups` groups have these sizes (``NumberPhrase/shape(groups:)``).
    func has(_ shape: UInt64, _ groups: Int) -> Bool {
        phrase.groupCount >= groups && phrase.shape(groups: groups) == shape
    }

    /// … and one separator stands between the first `uniform` of them.
    func has(_ shape: UInt64, _ groups: Int, uniform: Int) -> Bool {
        has(shape, groups) && phrase.hasUniformSeparators(groups: uniform)
    }

    /// One of two separators stands between the first three groups.
    func isSeparated(by first: Unicode.Scalar, _ second: Unicode.Scalar) -> Bool {
        guard phrase.hasUniformSeparators(groups: 3) else { return false }
        return phrase.separator(0) == UInt8(ascii: first) || phrase.separator(0) == UInt8(ascii: second)
    }

    /// `weights` has a hexadecimal digit for each of the `count` first digits, the first one's leading.
    private func weightedSum(_ count: Int, _ weights: UInt64) -> Int {
        var sum = 0
        var weights = weights
        var index = count
        while index > 0 {
            index &-= 1
            sum &+= Int(weights & 15) &* phrase.digit(index)
            weights &>>= 4
        }
        return sum
    }

    private func areAllEqual(_ count: Int) -> Bool {
        (1..<count).allSatisfy { phrase.digit($0) == phrase.digit(0) }
    }

    /// Area, group and serial as the Social Security Administration gives them out.
    var isSSN: Bool {
        let area = value(0, 3)
        return area != 0 && area != 666 && area < 900 && value(3, 2) != 0 && value(5, 4) != 0
    }

    /// 9xx with the groups that the IRS uses.
    var isITIN: Bool {
        guard phrase.digit(0) == 9 else { return false }
        switch value(3, 2) {
        case 50...65, 70...88, 90...92, 94...99: return true
        default: return false
        }
    }

    /// NHS number: mod 11.
    var isNHS: Bool {
        let check = 11 - weightedSum(9, 0xA98765432) % 11
        return check != 10 && check % 11 == phrase.digit(9) && !areAllEqual(10)
    }

    /// An area and an exchange of the North American plan.
    var isTelephone: Bool { phrase.digit(0) > 1 && phrase.digit(3) > 1 }

    /// Portuguese NIF: first digit, mod 11.
    var isNIFPT: Bool {
        guard 0b11_0110_1110 >> phrase.digit(0) & 1 != 0 else { return false }
        let check = 11 - weightedSum(8, 0x98765432) % 11
        return (check >= 10 ? 0 : check) == phrase.digit(8)
    }

    /// Spanish bank account: a check digit of bank and branch, and one of the account, mod 11; not all the same.
    var isCCC: Bool {
        guard !areAllEqual(20), value(0, 4) != 0 else { return false }
        func check(_ weighted: Int) -> Int {
            let digit = 11 - weighted % 11
            return digit == 11 ? 0 : digit == 10 ? 1 : digit
        }
        let weights = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6]
        let office = (0..<8).reduce(0) { $0 + phrase.digit($1) * weights[$1 + 2] }
        let account = (0..<10).reduce(0) { $0 + phrase.digit($1 + 10) * weights[$1] }
        return check(office) == phrase.digit(8) && check(account) == phrase.digit(9)
    }

    /// Brazilian CPF: two check digits, not all the same.
    var isCPF: Bool {
        guard !areAllEqual(11) else { return false }
        return weightedSum(9, 0xA98765432) * 10 % 11 % 10 == phrase.digit(9)
            && weightedSum(10, 0xBA98765432) * 10 % 11 % 10 == phrase.digit(10)
    }

    var isCNPJ: Bool {
        guard !areAllEqual(14) else { return false }
        func isCheck(_ place: Int, _ weights: UInt64) -> Bool {
            let remainder = weightedSum(place, weights) % 11
            return (remainder < 2 ? 0 : 11 - remainder) == phrase.digit(place)
        }
        return isCheck(12, 0x543298765432) && isCheck(13, 0x6543298765432)
    }

    /// German Steuer-ID: no leading zero, one digit two or three times in the first ten and the others at most once, ISO 7064 mod 11, 10.
    var isSteuerID: Bool {
        guard phrase.digit(0) != 0 else { return false }
        // How often each digit occurs, four bits each.
        var seen: UInt64 = 0
        for index in 0..<10 { seen += 1 << UInt64(4 * phrase.digit(index)) }
        var repeated = 0
        for digit in 0..<10 where seen >> UInt64(4 * digit) & 15 > 1 { repeated += seen >> UInt64(4 * digit) & 15 > 3 ? 2 : 1 }
        guard repeated == 1 else { return false }
        var product = 10
        for index in 0..<10 {
            var sum = (phrase.digit(index) + product) % 10
            if sum == 0 { sum = 10 }
            product = sum * 2 % 11
        }
        return (11 - product) % 10 == phrase.digit(10)
    }

    /// Spanish affiliation number: province, number, mod 97.
    var isNSS: Bool {
        let province = value(0, 2)
        guard (1...53).contains(province) || province == 66 else { return false }
        let number = value(2, 8)
        let base = number < 10_000_000 ? province * 10_000_000 + number : province * 100_000_000 + number
        return base % 97 == value(10, 2)
    }

    /// Indian Aadhaar: no leading 0 or 1, Verhoeff.
    var isAadhaar: Bool {
        guard phrase.digit(0) > 1, !areAllEqual(12) else { return false }
        var check = 0
        for index in 0..<12 {
            let digit = phrase.digit(11 - index)
            check = Verhoeff.product(check, Verhoeff.permute(digit, times: index))
        }
        return check == 0
    }

    /// French NIR: sex, month, key 97 − n mod 97.
    var isNIR: Bool {
        let sex = phrase.digit(0)
        let month = value(3, 2)
        guard 0b1_1001_1110 >> sex & 1 != 0, (1...12).contains(month) || (20...42).contains(month) || month >= 50 else { return false }
        return 97 - value(0, 13) % 97 == value(13, 2)
    }
}

/// Verhoeff's check: multiplication in the dihedral group of order ten and powers of a permutation.
private enum Verhoeff {
    static func product(_ left: Int, _ right: Int) -> Int {
        if left < 5 { return right < 5 ? (left + right) % 5 : 5 + (left + right - 5) % 5 }
        return right < 5 ? 5 + (left - 5 - right + 5) % 5 : (left - right + 5) % 5
    }

    static func permute(_ digit: Int, times: Int) -> Int {
        let permutation: StaticString = "1576283094"
        var digit = digit
        for _ in 0..<times % 8 { digit = permutation.utf8Start[digit].digitValue }
        return digit
    }
}
