import NIOCore

/// The time at which the provider of the bench sent a piece of text, written into that text: `~` and twelve letters from `a` to `p`, four bits
/// each, microseconds of the machine's monotonic clock. Letters, so that no scrubber takes it for a number of somebody's.
enum DeltaClock {
    static let count = 13
    static let mark = UInt8(ascii: "~")
    private static let first = UInt8(ascii: "a")

    static func text(_ time: NIODeadline) -> [UInt8] {
        let microseconds = time.uptimeNanoseconds / 1_000
        return [mark] + (0..<12).reversed().map { first + UInt8(truncatingIfNeeded: microseconds >> ($0 * 4)) & 15 }
    }

    static func digit(_ byte: UInt8) -> UInt64? {
        byte >= first && byte < first + 16 ? UInt64(byte - first) : nil
    }

    /// Finds the times in bytes that come in pieces.
    struct Scanner: Sendable {
        private var digits: Int?
        private var microseconds: UInt64 = 0

        mutating func scan(_ bytes: some Sequence<UInt8>, found: (NIODeadline) -> Void) {
            for byte in bytes {
                if byte == mark {
                    (digits, microseconds) = (0, 0)
                } else if let count = digits {
                    guard let digit = DeltaClock.digit(byte) else {
                        digits = nil
                        continue
                    }
                    microseconds = microseconds << 4 | digit
                    digits = count + 1
                    if count + 1 == 12 {
                        digits = nil
                        found(.uptimeNanoseconds(microseconds * 1_000))
                    }
                }
            }
        }
    }
}
