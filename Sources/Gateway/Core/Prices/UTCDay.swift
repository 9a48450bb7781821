/// A day of the Gregorian calendar, in UTC. From 1970 on.
package struct UTCDay: Sendable, Hashable, Comparable {
    /// Days since 1 January 1970.
    package let number: Int

    package init(number: Int) { self.number = max(0, number) }

    package init(unixMilliseconds: UInt64) { number = Int(unixMilliseconds / 86_400_000) }

    package init(year: Int, month: Int, day: Int) {
        let years = (1970..<max(1970, year)).reduce(0) { $0 + (Self.isLeap($1) ? 366 : 365) }
        number = years + (1..<max(1, month)).reduce(0) { $0 + Self.days(in: $1, of: year) } + day - 1
    }

    /// - Parameter text: `2026-11-30`; anything else, and days that there are not, are `nil`.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return nil }
        func value(_ range: Range<Int>) -> Int? {
            bytes[range].reduce(0 as Int?) { total, byte in
                guard let total, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                return total * 10 + Int(byte - UInt8(ascii: "0"))
            }
        }
        guard let year = value(0..<4), let month = value(5..<7), let day = value(8..<10), (1970...9999).contains(year),
            (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    package static func < (left: UTCDay, right: UTCDay) -> Bool { left.number < right.number }

    /// `2026-11-30`.
    package var text: String {
        let (year, month, day) = date
        func padded(_ number: Int, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// Months since January 1970.
    package var month: Int {
        let (year, month, _) = date
        return (year - 1970) * 12 + month - 1
    }

    /// The first day of a month, counted as ``month`` counts.
    package static func first(ofMonth month: Int) -> UTCDay {
        UTCDay(year: 1970 + max(0, month) / 12, month: max(0, month) % 12 + 1, day: 1)
    }

    package var unixMilliseconds: UInt64 { UInt64(number) * 86_400_000 }

    private var date: (year: Int, month: Int, day: Int) {
        // Counted from 1 March of the year 0, so that a leap day is its year's last.
        let days = number + 719_468
        let era = days / 146_097
        let ofEra = days % 146_097
        let year = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let shifted = (5 * ofYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (era * 400 + year + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
