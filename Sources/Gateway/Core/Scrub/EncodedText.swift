import Scrubbing

/// Text that stands in base64 or behind percent signs: data URLs (RFC 2397) and file parts. It is scrubbed and encoded again. Whether it is
/// text, its bytes say and not its header.
enum EncodedText {
    /// How much is decoded to tell text from anything else.
    private static let probeBytes = 4096
    /// Longest header of a data URL that is looked at.
    private static let maxHeaderBytes = 256

    /// Scrubs a string that may be a data URL; nil when it is none that holds text.
    static func scrub(_ text: UnsafeRawBufferPointer, with scrubber: inout RequestScrubber, into output: inout [UInt8]) -> ScrubOutcome? {
        guard text.count > 5, text.prefix(5).elementsEqual("data:".utf8),
            let comma = text.prefix(maxHeaderBytes).firstIndex(of: UInt8(ascii: ","))
        else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: text[(comma + 1)...])
        let header = text[..<comma]
        if header.suffix(7).elementsEqual(";base64".utf8) {
            return scrub(base64: content, behind: text[...comma], with: &scrubber, into: &output)
        }
        guard content.contains(UInt8(ascii: "%")) else { return nil }
        let decoded = PercentText.decode(content)
        var scrubbed: [UInt8] = []
        let outcome = decoded.withUnsafeBytes { scrubber.scrub($0, into: &scrubbed) }
        guard outcome == .changed else { return outcome }
        output.append(contentsOf: text[...comma])
        PercentText.append(scrubbed, to: &output)
        return .changed
    }

    /// Scrubs what the dialect says is media: a data URL or bare base64. Nil when it is no text.
    static func scrub(
        media text: UnsafeRawBufferPointer, with scrubber: inout RequestScrubber, into output: inout [UInt8]
    ) -> ScrubOutcome? {
        guard text.prefix(5).elementsEqual("data:".utf8) else {
            return scrub(base64: text, behind: text[..<0], with: &scrubber, into: &output)
        }
        return scrub(text, with: &scrubber, into: &output)
    }

    private static func scrub(
        base64 content: UnsafeRawBufferPointer, behind header: Slice<UnsafeRawBufferPointer>, with scrubber: inout RequestScrubber,
        into output: inout [UInt8]
    ) -> ScrubOutcome? {
        guard let probe = Base64Text.decode(content.prefix(probeBytes / 4 * 4), isWhole: content.count <= probeBytes),
            isText(probe, isWhole: content.count <= probeBytes), let decoded = Base64Text.decode(content[...], isWhole: true)
        else { return nil }
        var scrubbed: [UInt8] = []
        let outcome = decoded.withUnsafeBytes { scrubber.scrub($0, into: &scrubbed) }
        guard outcome == .changed else { return outcome }
        output.append(contentsOf: header)
        Base64Text.append(scrubbed, to: &output)
        return .changed
    }

    /// UTF-8 without control characters but white space; what is cut off at the end of a probe may be the start of a character.
    private static func isText(_ bytes: [UInt8], isWhole: Bool) -> Bool {
        guard !bytes.contains(where: { $0 < 0x20 && !(9...13).contains($0) || $0 == 0x7F }) else { return false }
        if String(validating: bytes, as: UTF8.self) != nil { return true }
        guard !isWhole else { return false }
        return (1...3).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
    }
}

/// Base64 of RFC 4648, section 4, on bytes.
enum Base64Text {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// - Parameter isWhole: the text ends here, so padding may stand.
    /// - Returns: nil for anything that is no base64.
    static func decode(_ text: Slice<UnsafeRawBufferPointer>, isWhole: Bool) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count / 4 * 3)
        var (bits, held): (UInt32, UInt32) = (0, 0)
        var end = text.endIndex
        while isWhole, end > text.startIndex, text[end - 1] == UInt8(ascii: "="), text.endIndex - end < 2 { end -= 1 }
        for byte in text[..<end] {
            guard let value = value(of: byte) else { return nil }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                decoded.append(UInt8(truncatingIfNeeded: bits >> held))
            }
        }
        return decoded
    }

    static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).reduce(UInt32(0)) { $0 << 8 | (start + $1 < bytes.count ? UInt32(bytes[start + $1]) : 0) }
            for digit in 0..<4 {
                output.append(start + digit - 1 < bytes.count ? alphabet[Int(group >> UInt32(18 - 6 * digit)) & 63] : UInt8(ascii: "="))
            }
        }
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

/// Percent encoding (RFC 3986, section 2.1).
enum PercentText {
    static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.count, let high = value(text[index + 1]), let low = value(text[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(text[index])
                index += 1
            }
        }
        return decoded
    }

    static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in bytes {
            let isPlain = (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || "-._~!$'()*+,;:@/?".utf8.contains(byte)
            if isPlain {
                output.append(byte)
            } else {
                output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - 0x57
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - 0x37
        default: nil
        }
    }
}
