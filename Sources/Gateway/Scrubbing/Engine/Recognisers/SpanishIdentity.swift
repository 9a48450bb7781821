/// Spanish identity numbers: DNI (eight digits and a letter) and NIE (X, Y or Z, seven digits and a letter), letter by mod 23.
enum SpanishIdentity {
    /// Whether ``matchDNI(_:_:)`` is worth a call.
    @inline(__always)
    static func hasShape(_ phrase: NumberPhrase) -> Bool {
        switch phrase.size(ofGroup: 0) {
        case 7, 8: true
        case 2:
            phrase.groupCount >= 3 && phrase.shape(groups: 3) == 0x02_03_03 && phrase.hasUniformSeparators(groups: 3)
                && (phrase.separator(0) == UInt8(ascii: ".") || phrase.separator(0) == UInt8(ascii: " "))
        default: false
        }
    }

    /// A DNI: `12345678Z`, `12.345.678-Z`, `12345678 Z`, lower case too unless a space stands before the letter.
    static func matchDNI(_ phrase: NumberPhrase, _ text: inout Text) -> Finding? {
        guard text.before(phrase.start) != UInt8(ascii: ".") || !text.before(phrase.start - 1).isDigit else { return nil }
        let groups = phrase.size(ofGroup: 0) == 2 ? 3 : 1
        let digits = phrase.size(ofGroup: 0) == 7 ? 7 : 8
        let end = phrase.end(ofGroup: groups - 1)
        guard let letter = letterEnd(&text, after: end, number: phrase.value(0, digits)) else { return nil }
        // Written without its leading zero, it is short for what it is.
        let isHyphened = text.base[letter - 2] == UInt8(ascii: "-")
        if digits == 7 { return .inContext(.dni, phrase.start..<letter, weak: isHyphened ? 0.5 : 0.3, raised: 0.9, words: .dni, text) }
        return Finding(kind: .dni, range: phrase.start..<letter, score: 0.9)
    }

    /// A NIE: `X1234567L`, `x-1234567-l`.
    static func matchNIE(_ text: inout Text, at start: Int) -> Finding? {
        let prefix = text.byte(start).uppercased
        guard prefix >= UInt8(ascii: "X"), prefix <= UInt8(ascii: "Z") else { return nil }
        var index = start + 1
        if text.byte(index) == UInt8(ascii: "-") || text.byte(index) == UInt8(ascii: " ") { index += 1 }
        var number = Int(prefix - UInt8(ascii: "X"))
        for _ in 0..<7 {
            let byte = text.byte(index)
            guard byte.isDigit else { return nil }
            number = number * 10 + byte.digitValue
            index += 1
        }
        guard let end = letterEnd(&text, after: index, number: number) else { return nil }
        return Finding(kind: .nie, range: start..<end, score: 0.95)
    }

    /// The end of the control letter behind `index`, if it is the right one for `number` and ends the word.
    private static func letterEnd(_ text: inout Text, after index: Int, number: Int) -> Int? {
        var position = index
        var letter = text.byte(position)
        if letter == UInt8(ascii: "-") || letter == UInt8(ascii: " ") {
            let isSpaced = letter == UInt8(ascii: " ")
            position += 1
            letter = text.byte(position)
            if isSpaced, letter != letter.uppercased { return nil }
        }
        guard letter.isLetter, letter.uppercased == controlLetter(number), !text.byte(position + 1).isWordByte else { return nil }
        return position + 1
    }

    static func controlLetter(_ number: Int) -> UInt8 {
        let letters: StaticString = "TRWAGMYFPDXBNJZSQVHLCKE"
        return letters.utf8Start[number % 23]
    }
}
