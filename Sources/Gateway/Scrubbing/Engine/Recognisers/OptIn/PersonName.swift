/// Names of people behind words that announce one, in English and Spanish: `my name is …`, `me llamo …`, `Sra. …`. A rule, not a model:
/// names that nothing announces are not found.
enum PersonName {
    /// What stands right before a name, in lower case, by strength. After a strong one any capitalised word is a name; after a weak one
    /// there must be two.
    private static let strong: [StaticString] = [
        "my name is", "name is", "me llamo", "mi nombre es", "se llama", "his name is", "her name is", "mr.", "mrs.", "ms.", "dr.", "prof.",
        "sr.",
        "sra.", "srta.", "don", "doña", "dña.", "dear", "estimado", "estimada", "querido", "querida", "nombre:", "name:", "apellidos:",
        "surname:",
        "full name:", "nombre completo:", "cliente:", "customer:", "patient:", "paciente:", "titular:", "doctor", "doctora", "señor",
        "señora", "mr", "mrs",
        "ms", "miss", "dr", "firmado:", "signed:", "attn:", "mister",
    ]
    private static let weak: [StaticString] = [
        "i am", "i'm", "this is", "soy", "call me", "contact", "a nombre de", "on behalf of", "de parte de", "regards,", "saludos,",
        "atentamente,", "sincerely,",
        "soy el", "soy la", "written by", "signed by", "firmado por",
    ]
    private static let particles: [StaticString] = [
        "de", "del", "la", "las", "los", "y", "da", "dos", "van", "von", "der", "den", "di", "al", "bin", "ibn",
    ]
    /// Words that a sentence begins with, and titles.
    private static let noNames: [StaticString] = [
        "the", "this", "that", "not", "sir", "madam", "el", "la", "un", "una", "yes", "no", "sorry", "all", "team", "customer", "cliente",
        "señor", "señora", "user",
        "usuario", "mr", "mrs", "ms", "dr", "sr", "sra", "and", "or", "friend", "friends", "amigo", "amiga", "colleagues", "monday",
        "english", "spanish", "american",
    ]

    static func match(_ text: inout Text, at start: Int) -> Finding? {
        let minimum: Int
        if endsWith(strong, text, start) { minimum = 1 } else if endsWith(weak, text, start) { minimum = 2 } else { return nil }
        var end = start
        var index = start
        var words = 0
        while words < 6 {
            guard let word = wordEnd(&text, from: index) else { break }
            if isCapital(&text, index) {
                if isAmong(noNames, text, index..<word) { break }
                end = word
                words += 1
            } else {
                guard words > 0, isAmong(particles, text, index..<word) else { break }
            }
            guard text.byte(word) == UInt8(ascii: " ") else { break }
            index = word + 1
        }
        // `D.` and initials count as words, but a name has one of two letters or more.
        guard words >= minimum, end - start >= 2 else { return nil }
        return Finding(kind: .person, range: start..<end, score: minimum == 1 ? 0.7 : 0.6, raisedByContext: true)
    }

    /// An upper-case letter, ASCII or of U+00C0–U+00DE.
    private static func isCapital(_ text: inout Text, _ index: Int) -> Bool {
        let byte = text.byte(index)
        return byte &- 0x41 < 26 || byte == 0xC3 && text.byte(index + 1) &- 0x80 < 0x1F
    }

    /// The end of the word at `start`: letters with accents, hyphens and apostrophes; an initial with its dot. At most 32 bytes.
    private static func wordEnd(_ text: inout Text, from start: Int) -> Int? {
        var index = start
        while index - start < 32 {
            let byte = text.byte(index)
            if byte.isLetter || byte >= 0xC3 && byte <= 0xCF || byte & 0xC0 == 0x80 && index > start {
                index += 1
            } else if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "'"), index > start, text.byte(index + 1).isLetter {
                index += 1
            } else {
                break
            }
        }
        if index == start + 1, text.byte(index) == UInt8(ascii: ".") { index += 1 }
        guard index > start, !text.byte(index).isWordByte else { return nil }
        return index
    }

    /// One of the phrases ends before `start`, with one space or a line's end (and perhaps a quote) between.
    private static func endsWith(_ phrases: [StaticString], _ text: Text, _ start: Int) -> Bool {
        var end = start
        if text.before(end) == UInt8(ascii: "\"") { end -= 1 }
        let blank = end
        while end > 0, blank - end < 2, text.before(end) == UInt8(ascii: " ") || text.before(end) == UInt8(ascii: "\n") { end -= 1 }
        guard end < blank else { return false }
        return phrases.contains { phrase in
            let first = end - phrase.utf8CodeUnitCount
            guard first >= 0, first >= text.coveredEnd || end <= text.coveredEnd, !text.before(first).isWordByte, text.before(first) < 0x80
            else { return false }
            return (0..<phrase.utf8CodeUnitCount).allSatisfy { text.base[first + $0].lowercased == phrase.utf8Start[$0] }
        }
    }

    private static func isAmong(_ words: [StaticString], _ text: Text, _ range: Range<Int>) -> Bool {
        words.contains { word in
            word.utf8CodeUnitCount == range.count && range.allSatisfy { text.base[$0].lowercased == word.utf8Start[$0 - range.lowerBound] }
        }
    }
}
