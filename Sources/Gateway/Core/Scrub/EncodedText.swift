import NIOCore
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
        let header = text[..<comma]
        // Prose that begins with "data:" has no header but words, and hides nothing.
        guard header.allSatisfy(isHeaderByte) else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: text[(comma + 1)...])
        if header.suffix(7).elementsEqual(";base64".utf8) {
            return scrub(base64: content, behind: text[...comma], with: &scrubber, into: &output)
        }
        guard content.contains(UInt8(ascii: "%")) else { return nil }
        return scrub(decoded: PercentText.decode(content), behind: text[...comma], with: &scrubber, into: &output) { scrubbed, output in
            PercentText.append(scrubbed, to: &output)
        }
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
        guard let probe = Base64.decode(content.prefix(probeBytes / 4 * 4), isWhole: content.count <= probeBytes),
            isText(probe, isWhole: content.count <= probeBytes), let decoded = Base64.decode(content[...], isWhole: true)
        else { return nil }
        return scrub(decoded: decoded, behind: header, with: &scrubber, into: &output) { scrubbed, output in
            output.append(contentsOf: Base64.encoded(ByteBuffer(bytes: scrubbed)).readableBytesView)
        }
    }

    /// Scrubs the header, as it stands, and the content. What was changed is written by `encode`, the rest as it was.
    private static func scrub(
        decoded: [UInt8], behind header: Slice<UnsafeRawBufferPointer>, with scrubber: inout RequestScrubber, into output: inout [UInt8],
        encode: (_ scrubbed: [UInt8], _ output: inout [UInt8]) -> Void
    ) -> ScrubOutcome {
        let header = UnsafeRawBufferPointer(rebasing: header)
        var scrubbedHeader: [UInt8] = []
        let headerOutcome = scrubber.scrub(header, into: &scrubbedHeader)
        if case .blocked = headerOutcome { return headerOutcome }
        var scrubbed: [UInt8] = []
        let outcome = decoded.withUnsafeBytes { scrubber.scrub($0, into: &scrubbed) }
        if case .blocked = outcome { return outcome }
        guard outcome == .changed || headerOutcome == .changed else { return .unchanged }
        if headerOutcome == .changed { output += scrubbedHeader } else { output.append(contentsOf: header) }
        encode(outcome == .changed ? scrubbed : decoded, &output)
        return .changed
    }

    /// What a media type and its parameters are made of (RFC 2397, section 3), percent signs left out.
    private static func isHeaderByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || "/.+-;:=_!#$&^\"".utf8.contains(byte)
    }

    /// UTF-8 without control characters but white space; what is cut off at the end of a probe may be the start of a character.
    private static func isText(_ bytes: [UInt8], isWhole: Bool) -> Bool {
        guard !bytes.contains(where: { $0 < 0x20 && !(9...13).contains($0) || $0 == 0x7F }) else { return false }
        if String(validating: bytes, as: UTF8.self) != nil { return true }
        guard !isWhole else { return false }
        return (1...3).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
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
