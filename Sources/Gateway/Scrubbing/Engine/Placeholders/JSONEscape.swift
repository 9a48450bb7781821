/// Strings as JSON writes them (RFC 8259, section 7): only what must be escaped is.
package enum JSONEscape {
    package static func append(string text: some Sequence<UInt8>, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        append(content: text, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    package static func append(content text: some Sequence<UInt8>, to output: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): escape(byte, &output)
            case UInt8(ascii: "\n"): escape(UInt8(ascii: "n"), &output)
            case UInt8(ascii: "\r"): escape(UInt8(ascii: "r"), &output)
            case UInt8(ascii: "\t"): escape(UInt8(ascii: "t"), &output)
            case 0..<0x20:
                output.append(contentsOf: "\\u00".utf8)
                output.append(digit(byte >> 4))
                output.append(digit(byte & 15))
            default: output.append(byte)
            }
        }
    }

    private static func escape(_ letter: UInt8, _ output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        output.append(letter)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
