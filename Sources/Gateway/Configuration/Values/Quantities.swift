internal import GatewayCore

/// Durations as the file writes them: a whole number and `ms`, `s`, `m`, `h` or `d`.
package enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    package static func parse(_ text: String) throws(ValueProblem) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard !digits.isEmpty, let number = Int64(digits), let unit = units.first(where: { $0.suffix == suffix }),
            case (let milliseconds, let overflow) = number.multipliedReportingOverflow(by: unit.milliseconds), !overflow
        else {
            throw ValueProblem("is not a duration", remedy: "write a whole number and a unit, ms, s, m, h or d: 250ms, 20s, 5m")
        }
        return .milliseconds(milliseconds)
    }

    /// The duration in the largest unit that divides it.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        let unit = units.last { milliseconds % $0.milliseconds == 0 && milliseconds >= $0.milliseconds } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
}

/// Sizes as the file writes them: a whole number of bytes, or one with `KiB`, `MiB` or `GiB`.
enum SizeText {
    private static let units: [(suffix: String, bytes: Int)] = [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]

    static func parse(_ text: String) throws(ValueProblem) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard !digits.isEmpty, let number = Int(digits), let unit = units.first(where: { $0.suffix == suffix }),
            case (let bytes, let overflow) = number.multipliedReportingOverflow(by: unit.bytes), !overflow
        else {
            throw ValueProblem("is not a size", remedy: "write a whole number and B, KiB, MiB or GiB (1 KiB is 1,024 bytes): 64KiB, 4MiB")
        }
        return bytes
    }

    /// The size in the largest unit that divides it.
    static func text(_ bytes: Int) -> String {
        let unit = units.last { bytes % $0.bytes == 0 && bytes >= $0.bytes && !$0.suffix.isEmpty } ?? units[1]
        return "\(bytes / unit.bytes)\(unit.suffix)"
    }
}

/// Prices as providers print them: USD per million tokens, as a decimal number.
enum PriceText {
    /// Nano-USD per million tokens; exact.
    static func parse(_ text: String) throws(ValueProblem) -> UInt64 {
        guard let price = Price.nanoUSD(text) else {
            throw ValueProblem(
                "is not a price",
                remedy: "write USD per million tokens as a plain decimal number, under 1,000,000 and with at most 9 decimals: 0.15")
        }
        return price
    }
}

/// Instants as RFC 3339 writes them, to the second.
package enum TimestampText {
    /// Seconds since 1970.
    package static func parse(_ text: String) throws(ValueProblem) -> Int64 {
        let problem = ValueProblem("is not an instant", remedy: "write it as 2027-01-31T00:00:00Z, or with an offset as in +02:00")
        let bytes = Array(text.utf8)
        guard bytes.count == 20 || bytes.count == 25 else { throw problem }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            return value
        }
        func has(_ character: Character, at position: Int) -> Bool { character.asciiValue == bytes[position] }
        guard has("-", at: 4), has("-", at: 7), has("T", at: 10), has(":", at: 13), has(":", at: 16),
            let day = UTCDay(String(decoding: bytes[0..<10], as: UTF8.self)),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            hour < 24, minute < 60, second < 60
        else { throw problem }
        var seconds = day.number * 86_400 + hour * 3600 + minute * 60 + second
        if bytes.count == 20 {
            guard has("Z", at: 19) else { throw problem }
        } else {
            guard has("+", at: 19) || has("-", at: 19), has(":", at: 22), let hours = number(20..<22), let minutes = number(23..<25),
                hours < 24, minutes < 60
            else { throw problem }
            seconds -= (has("+", at: 19) ? 1 : -1) * (hours * 3600 + minutes * 60)
        }
        return Int64(seconds)
    }
}
