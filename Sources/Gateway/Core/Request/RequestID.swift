/// The gateway's own name of a request: 48 bits of time, then 80 random bits (the layout of UUID version 7 without its marks), so that
/// ids sort by time and two replicas never make the same one.
///
/// Written as `req_` and 32 hexadecimal digits. It names the request in logs, errors, the ledger and its receipt.
package struct RequestID: Sendable, Hashable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    /// - Parameters:
    ///   - unixMilliseconds: now, in milliseconds since 1970.
    ///   - random: a source that no caller can predict.
    package init(unixMilliseconds: UInt64, random: inout some RandomNumberGenerator) {
        high = unixMilliseconds << 16 | UInt64(UInt16.random(in: .min ... .max, using: &random))
        low = random.next()
    }

    /// An id that was made before.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Its 16 bytes, in an order that sorts by time.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Swift.withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
    }

    /// Reads what ``bytes`` holds; `nil` for another count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Its random part tells ids apart.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(low)
    }

    /// When the request came, in milliseconds since 1970.
    package var unixMilliseconds: UInt64 { high >> 16 }

    /// Reads what ``description`` writes; `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        let utf8 = text.utf8
        guard utf8.count == 36, text.hasPrefix("req_") else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (position, byte) in utf8.dropFirst(4).enumerated() {
            let digit: UInt64
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
            if position < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
        }
        (high, low) = words
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            let prefix: StaticString = "req_"
            prefix.withUTF8Buffer { _ = buffer[0..<4].update(fromContentsOf: $0) }
            Self.writeHexadecimal(high, into: buffer, at: 4)
            Self.writeHexadecimal(low, into: buffer, at: 20)
            return 36
        }
    }

    private static func writeHexadecimal(_ word: UInt64, into buffer: UnsafeMutableBufferPointer<UInt8>, at offset: Int) {
        for position in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * position)) & 0xF
            buffer[offset + position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
    }
}
