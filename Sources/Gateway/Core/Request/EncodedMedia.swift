/// Tells media in base64 from text that only stands where media may stand: what is not certainly media is scanned.
enum EncodedMedia {
    /// Longest header of a data URL that is looked at, in bytes.
    private static let maxHeaderBytes = 128
    /// Shorter content is scanned whatever it looks like: a card's digits are base64 too.
    private static let minContentBytes = 64

    /// - Parameters:
    ///   - literal: a JSON string with its quotes. Media needs no escapes but `\/`; with any other, which could hide text, it is scanned.
    ///   - needsHeader: whether only a data URL is media, and not bare base64.
    /// - Returns: whether the string is base64, behind the header of a data URL (RFC 2397) if it has one that does not speak of text.
    static func isMedia(_ literal: UnsafeRawBufferPointer, needsHeader: Bool) -> Bool {
        var content = literal.dropFirst().dropLast()
        if content.starts(with: "data:".utf8) {
            guard let comma = content.prefix(maxHeaderBytes).firstIndex(of: UInt8(ascii: ",")) else { return false }
            let header = String(decoding: content[..<comma], as: UTF8.self).lowercased()
            let speaksOfText = header.hasPrefix("data:text") || header.hasPrefix("data:;")
            guard header.hasSuffix(";base64"), !speaksOfText, header.allSatisfy(isHeaderCharacter) else { return false }
            content = content[content.index(after: comma)...]
        } else if needsHeader {
            return false
        }
        guard content.count >= minContentBytes else { return false }
        var isEscaped = false
        for byte in content {
            if isEscaped, byte != UInt8(ascii: "/") { return false }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            guard isEscaped || isBase64(byte) else { return false }
        }
        return true
    }

    private static func isHeaderCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "/.+-;:".contains(character))
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
