/// E-mail addresses: ASCII and internationalised, with tags, quoted local parts without spaces.
enum Email {
    /// An address around the `@` at `position`, and where its local part starts even if it is none yet: the start that a stream holds.
    static func match(_ text: inout Text, at position: Int) -> (start: Int, finding: Finding?) {
        guard let start = localPartStart(text, at: position) else { return (position, nil) }
        guard let end = domainEnd(&text, from: position + 1) else { return (start, nil) }
        return (start, Finding(kind: .email, range: start..<end, score: 0.95))
    }

    /// A byte of an unquoted local part. Of the signs that RFC 5322 allows only those that are in use: `=`, `/`, `?`, `&` and quotes
    /// stand around addresses far more often than in them. Bytes of two-byte UTF-8 sequences count, so Latin letters with accents, Greek
    /// and Cyrillic do; Chinese and Japanese text, which has no spaces, ends the address.
    @inline(__always)
    static func isLocalByte(_ byte: UInt8) -> Bool {
        if byte.isAlphanumeric { return true }
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "%"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "'"): return true
        case 0x80...0xDF: return true
        default: return false
        }
    }

    private static func localPartStart(_ text: Text, at position: Int) -> Int? {
        let limit = max(0, position - Limits.emailLocalPart)
        if text.before(position) == UInt8(ascii: "\"") { return quotedStart(text, closing: position - 1, limit: limit) }
        var start = position
        while start > limit {
            let byte = text.base[start - 1]
            guard isLocalByte(byte) || start < position && isInnerSign(byte) && isInside(text, start - 1) else { break }
            if byte & 0xC0 == 0x80 {
                // A continuation byte counts only behind the lead byte of a two-byte sequence.
                // 0xC2 starts signs such as « and », no letters.
                guard start - 2 >= limit, text.base[start - 2] & 0xE0 == 0xC0, text.base[start - 2] != 0xC2 else { break }
                start -= 1
            } else if byte >= 0xC0 {
                break
            }
            start -= 1
        }
        while start < position, !isGoodStart(text.base[start]) { start += 1 }
        // An apostrophe that opened a quotation: 'x@y.org'.
        return start < position && text.base[position - 1] != UInt8(ascii: ".") && text.base[position - 1] != UInt8(ascii: "'")
            ? start : nil
    }

    /// Signs of a local part that count between two letters or digits: elsewhere they mark up, quote or separate.
    private static func isInnerSign(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "^"), UInt8(ascii: "`"),
            UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "~"):
            return true
        default: return false
        }
    }

    private static func isInside(_ text: Text, _ sign: Int) -> Bool {
        text.base[sign + 1].isAlphanumeric && text.before(sign).isAlphanumeric
    }

    /// The end of `[192.0.2.1]` or `[IPv6:2001:db8::1]`, an address in place of a domain.
    private static func literalEnd(_ text: inout Text, from start: Int) -> Int? {
        var index = start + 1
        var signs = 0
        while index - start < 56 {
            let byte = text.byte(index)
            if byte == UInt8(ascii: "]") { return signs > 1 ? index + 1 : nil }
            if byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") {
                signs += 1
            } else if !byte.isHexDigit, !(index - start <= 4 && byte.isLetter) {
                return nil
            }
            index += 1
        }
        return nil
    }

    private static func isGoodStart(_ byte: UInt8) -> Bool {
        byte.isWordByte || byte == UInt8(ascii: "+") || byte >= 0xC0
    }

    private static func quotedStart(_ text: Text, closing: Int, limit: Int) -> Int? {
        var index = closing - 1
        while index >= limit, text.base[index] > 0x20 {
            if text.base[index] == UInt8(ascii: "\""), text.before(index) != UInt8(ascii: "\\") { return index < closing - 1 ? index : nil }
            index -= 1
        }
        // What stands before a space has gone on in a stream; the rest of the address is found all the same.
        return index >= limit && text.base[index] == 0x20 && index < closing - 1 && opensQuotation(text, before: index, limit: limit)
            ? index + 1 : nil
    }

    /// A quotation that `end` is in has been opened.
    private static func opensQuotation(_ text: Text, before end: Int, limit: Int) -> Bool {
        var index = end
        while index > limit, text.base[index - 1] >= 0x20 {
            index -= 1
            if text.base[index] == UInt8(ascii: "\"") { return true }
        }
        return false
    }

    /// The end of the longest domain at `start`: at least two labels, the last one a plausible top-level domain.
    private static func domainEnd(_ text: inout Text, from start: Int) -> Int? {
        if text.byte(start) == UInt8(ascii: "[") { return literalEnd(&text, from: start) }
        var index = start
        var labelStart = start
        var labels = 0
        var end: Int?
        while index - start <= Limits.emailDomain {
            let byte = text.byte(index)
            if byte.isAlphanumeric || byte == UInt8(ascii: "-") {
                index += 1
                continue
            }
            let length = domainByteLength(&text, at: index, labelStart: labelStart)
            if length > 0 {
                index += length
                continue
            }
            guard isLabel(text, labelStart..<index) else { break }
            labels += 1
            if labels == 1, isScaleSuffix(text, labelStart..<index) { return nil }
            if labels > 1, isTopLevel(text, labelStart..<index) { end = index }
            guard byte == UInt8(ascii: ".") else { break }
            index += 1
            labelStart = index
        }
        return end
    }

    /// Bytes of the label character outside of ASCII at `index`, 0 when it is none. A label in ASCII or two-byte letters does not go on in three-byte
    /// ones: `ana@example.com请` ends before the Chinese text, while `用户@例え.jp`'s domain is taken whole.
    private static func domainByteLength(_ text: inout Text, at index: Int, labelStart: Int) -> Int {
        let byte = text.byte(index)
        if byte == 0xC2 { return 0 }
        if byte & 0xE0 == 0xC0 { return text.byte(index + 1) & 0xC0 == 0x80 ? 2 : 0 }
        let startsWide = index == labelStart || text.base[labelStart] & 0xF0 == 0xE0
        guard byte & 0xF0 == 0xE0, startsWide else { return 0 }
        // Not the ideographic full stop and other marks of U+3000–U+303F, nor full-width signs of U+FF00–U+FF0F.
        let second = text.byte(index + 1)
        if byte == 0xE3, second == 0x80 { return 0 }
        if byte == 0xEF { return 0 }
        return second & 0xC0 == 0x80 && text.byte(index + 2) & 0xC0 == 0x80 ? 3 : 0
    }

    private static func isLabel(_ text: Text, _ range: Range<Int>) -> Bool {
        !range.isEmpty && range.count <= 63 && text.base[range.lowerBound] != UInt8(ascii: "-")
            && text.base[range.upperBound - 1] != UInt8(ascii: "-")
    }

    /// Letters, at least two; `xn--…`; or letters outside of ASCII.
    private static func isTopLevel(_ text: Text, _ range: Range<Int>) -> Bool {
        guard range.count >= 2 else { return false }
        if text.base[range.lowerBound] >= 0x80 { return true }
        if range.count > 4, text.base[range.lowerBound].lowercased == UInt8(ascii: "x"),
            text.base[range.lowerBound + 1].lowercased == UInt8(ascii: "n"), text.base[range.lowerBound + 2] == UInt8(ascii: "-")
        {
            return true
        }
        return range.allSatisfy { text.base[$0].isLetter || text.base[$0] >= 0x80 } && !isFileEnding(text, range)
    }

    /// What files and units of systemd are called, and no top-level domain: `getty@tty1.service`, `icon@dark.png`.
    private static func isFileEnding(_ text: Text, _ range: Range<Int>) -> Bool {
        endings[text.base[range.upperBound - 1].lowercased].contains { ending in
            ending.count == range.count && range.allSatisfy { text.base[$0].lowercased == ending[$0 - range.lowerBound] }
        }
    }

    private static let endings = ByteTable(
        ListedWord.all(
            "service,socket,timer,target,mount,automount,slice,scope,swap,device,header,catalog,png,jpg,jpeg,gif,svg,webp,js,css,html,json,yaml,yml,xml,txt,log,conf"
        )
    ) { $0.last }

    /// `@2x` and `@3x` in the names of image files.
    private static func isScaleSuffix(_ text: Text, _ range: Range<Int>) -> Bool {
        range.count == 2 && text.base[range.lowerBound].isDigit && text.base[range.lowerBound + 1].lowercased == UInt8(ascii: "x")
    }
}
