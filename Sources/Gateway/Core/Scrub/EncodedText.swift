import NIOCore
import Scrubbing

/// Text that stands in base64 or behind percent signs: data URLs (RFC 2397) and file parts. It is scrubbed and encoded again. Whether it is
/// text, its bytes say and not its header.
struct EncodedText {
    enum Encoding: Equatable {
        case base64
        case percent

        func append(_ text: [UInt8], to output: inout [UInt8]) {
            switch self {
            case .base64: output.append(contentsOf: Base64.encoded(ByteBuffer(bytes: text)).readableBytesView)
            case .percent: PercentText.append(text, to: &output)
            }
        }
    }

    /// How much is decoded to tell text from anything else.
    private static let probeBytes = 4096
    /// Longest header of a data URL that is looked at.
    private static let maxHeaderBytes = 256

    /// What stands before the content, the comma included.
    let header: Range<Int>
    /// Decoded.
    let content: [UInt8]
    let encoding: Encoding

    private init(header: Range<Int>, content: [UInt8], encoding: Encoding) {
        (self.header, self.content, self.encoding) = (header, content, encoding)
    }

    /// Reads a string that may be a data URL; nil when it is none that holds text.
    init?(_ text: UnsafeRawBufferPointer) {
        guard text.count > 5, text.prefix(5).elementsEqual("data:".utf8),
            let comma = text.prefix(Self.maxHeaderBytes).firstIndex(of: UInt8(ascii: ","))
        else { return nil }
        let header = text[..<comma]
        // Prose that begins with "data:" has no header but words, and hides nothing.
        guard header.allSatisfy(Self.isHeaderByte) else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: text[(comma + 1)...])
        if header.suffix(7).elementsEqual(";base64".utf8) {
            guard let decoded = Self.decode(base64: content) else { return nil }
            self.init(header: 0..<comma + 1, content: decoded, encoding: .base64)
        } else {
            guard content.contains(UInt8(ascii: "%")) else { return nil }
            self.init(header: 0..<comma + 1, content: PercentText.decode(content), encoding: .percent)
        }
    }

    /// Reads what the dialect says is media: a data URL or bare base64. Nil when it is no text.
    init?(media text: UnsafeRawBufferPointer) {
        guard !text.prefix(5).elementsEqual("data:".utf8) else {
            self.init(text)
            return
        }
        guard let decoded = Self.decode(base64: text) else { return nil }
        self.init(header: 0..<0, content: decoded, encoding: .base64)
    }

    private static func decode(base64 content: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let probe = Base64.decode(content.prefix(probeBytes / 4 * 4), isWhole: content.count <= probeBytes),
            isText(probe, isWhole: content.count <= probeBytes)
        else { return nil }
        return Base64.decode(content[...], isWhole: true)
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
