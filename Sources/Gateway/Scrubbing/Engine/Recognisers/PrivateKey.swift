/// Armoured private keys (PEM, OpenSSH, PGP): from the header to the footer, or as far as the armour's alphabet goes.
enum PrivateKey {
    static func match(_ text: inout Text, at start: Int) -> Finding? {
        guard let label = labelEnd(&text, at: start) else { return nil }
        var index = label
        while index - start < Limits.privateKey {
            let byte = text.byte(index)
            if byte == UInt8(ascii: "-"), text.byte(index + 1) == UInt8(ascii: "-") {
                return Finding(kind: .privateKey, range: start..<footerEnd(&text, at: index), score: 1)
            }
            guard isArmour(byte) else { break }
            index += 1
        }
        while index > label, text.base[index - 1].isSpace { index -= 1 }
        return Finding(kind: .privateKey, range: start..<index, score: 1)
    }

    /// A private key in PuTTY's own form, from `PuTTY-User-Key-File-` to the message authentication code at its end.
    static func matchPuTTY(_ text: inout Text, at start: Int) -> Finding? {
        for (offset, expected) in "PuTTY-User-Key-File-".utf8.enumerated() {
            guard text.byte(start + offset) == expected else { return nil }
        }
        var index = start + 20
        while index - start < Limits.privateKey {
            let byte = text.byte(index)
            guard byte >= 0x20 && byte < 0x7F || byte.isSpace else { break }
            index += 1
            if byte == UInt8(ascii: "M"), isEnd(&text, behind: index) {
                index += 4
                while index - start < Limits.privateKey, text.byte(index).isHexDigit { index += 1 }
                break
            }
        }
        while index > start, text.base[index - 1].isSpace { index -= 1 }
        return Finding(kind: .privateKey, range: start..<index, score: 1)
    }

    /// `AC: ` of `Private-MAC: `.
    private static func isEnd(_ text: inout Text, behind index: Int) -> Bool {
        text.base[index - 2] == UInt8(ascii: "-") && text.byte(index) == UInt8(ascii: "A") && text.byte(index + 1) == UInt8(ascii: "C")
            && text.byte(index + 2) == UInt8(ascii: ":") && text.byte(index + 3) == UInt8(ascii: " ")
    }

    /// The end of `-----BEGIN … PRIVATE KEY… -----`.
    private static func labelEnd(_ text: inout Text, at start: Int) -> Int? {
        var index = start
        while index - start < 5, text.byte(index) == UInt8(ascii: "-") { index += 1 }
        // `---- BEGIN SSH2 …`
        let dashes = index - start
        if dashes == 4, text.byte(index) == UInt8(ascii: " ") { index += 1 }
        for expected in "BEGIN ".utf8 {
            guard text.byte(index) == expected else { return nil }
            index += 1
        }
        var isPrivate = false
        while index - start < 64 {
            let byte = text.byte(index)
            if byte == UInt8(ascii: "-") { break }
            guard byte.isAlphanumeric || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "_") else { return nil }
            if byte == UInt8(ascii: "P") { isPrivate = isPrivate || isWord(&text, at: index) }
            index += 1
        }
        guard isPrivate else { return nil }
        for _ in 0..<dashes {
            guard text.byte(index) == UInt8(ascii: "-") else { return nil }
            index += 1
        }
        return index
    }

    private static func isWord(_ text: inout Text, at index: Int) -> Bool {
        for (offset, expected) in "PRIVATE KEY".utf8.enumerated() where text.byte(index + offset) != expected { return false }
        return true
    }

    /// Base 64, white space, headers (`Proc-Type: 4,ENCRYPTED`) and what quoting makes of line ends (`\n`, `" +`).
    private static func isArmour(_ byte: UInt8) -> Bool {
        if byte.isAlphanumeric || byte.isSpace { return true }
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "\\"), UInt8(ascii: ":"), UInt8(ascii: ","),
            UInt8(ascii: "-"),
            UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "|"),
            UInt8(ascii: ">"):
            return true
        default: return false
        }
    }

    /// The end of the footer at `index`: dashes, `END …`, dashes; or only of the dashes.
    private static func footerEnd(_ text: inout Text, at index: Int) -> Int {
        var end = index
        while end - index < 5, text.byte(end) == UInt8(ascii: "-") { end += 1 }
        if end - index == 4, text.byte(end) == UInt8(ascii: " ") { end += 1 }
        guard text.byte(end) == UInt8(ascii: "E"), text.byte(end + 1) == UInt8(ascii: "N"), text.byte(end + 2) == UInt8(ascii: "D") else {
            return end
        }
        var label = end
        while label - index < 64, text.byte(label).isAlphanumeric || text.byte(label) == UInt8(ascii: " ") { label += 1 }
        end = label
        while end - label < 5, text.byte(end) == UInt8(ascii: "-") { end += 1 }
        return end
    }
}
