/// Writes what stands in a finding's place.
enum Replacement {
    /// `<EMAIL>`.
    static func redact(_ name: String, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "<"))
        output.append(contentsOf: name.utf8)
        output.append(UInt8(ascii: ">"))
    }

    /// `<EMAIL#kfpdbhmnacge>`: 48 bits of the digest as letters, since digits could look like a finding of their own. Two of a million
    /// values have the same hash with a probability of 0.2 %.
    static func hash(_ value: UnsafeRawBufferPointer, _ name: String, _ digest: ValueDigest?, into output: inout [UInt8]) {
        guard let digest = digest?(value) else { return redact(name, into: &output) }
        output.append(UInt8(ascii: "<"))
        output.append(contentsOf: name.utf8)
        output.append(UInt8(ascii: "#"))
        for shift in stride(from: 60, through: 16, by: -4) {
            output.append(UInt8(ascii: "a") + UInt8(truncatingIfNeeded: digest >> UInt64(shift) & 15))
        }
        output.append(UInt8(ascii: ">"))
    }

    /// `*` per character (UTF-8 scalar) but for spaces and hyphens and the last `keepLast` characters. A value of no more than twice
    /// `keepLast` characters is masked whole: what is left would give it away.
    static func mask(_ value: UnsafeRawBufferPointer, keepLast: Int, into output: inout [UInt8]) {
        let length = value.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        let masked = length <= 2 * keepLast ? length : length - keepLast
        var character = 0
        for byte in value {
            let isContinuation = byte & 0xC0 == 0x80
            if !isContinuation { character += 1 }
            if character > masked || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-") {
                output.append(byte)
            } else if !isContinuation {
                output.append(UInt8(ascii: "*"))
            }
        }
    }
}
