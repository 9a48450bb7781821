/// What a provider's `retry-after` says (RFC 9110 section 10.2.3), and the `retry-after-ms` that some send beside it.
package enum RetryAfter {
    /// Longest advice that is believed: a day.
    private static let maxMilliseconds: Int64 = 86_400_000

    /// - Parameters:
    ///   - value: seconds, fractions allowed, or an HTTP date in the form that RFC 9110 has senders use.
    ///   - milliseconds: `retry-after-ms`; wins over `value`.
    ///   - unixSeconds: now, in seconds since 1970.
    /// - Returns: milliseconds from now, 0 to a day; `nil` when neither can be read.
    package static func milliseconds(_ value: String?, milliseconds: String?, unixSeconds: Int64) -> Int64? {
        if let milliseconds, let number = Double(milliseconds), number >= 0 { return clamp(number) }
        guard let value else { return nil }
        if let seconds = Double(value) { return seconds >= 0 ? clamp(seconds * 1_000) : nil }
        return unixTime(ofHTTPDate: value).map { clamp(Double($0 - unixSeconds) * 1_000) }
    }

    private static func clamp(_ milliseconds: Double) -> Int64 {
        milliseconds.isFinite ? Int64(min(max(0, milliseconds.rounded(.up)), Double(maxMilliseconds))) : maxMilliseconds
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func unixTime(ofHTTPDate text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int64(words[1]), let month = months.firstIndex(of: String(words[2])),
            let year = Int64(words[3]), (1970...9999).contains(year), (1...31).contains(day)
        else { return nil }
        let time = words[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, (0..<24).contains(time[0]), (0..<60).contains(time[1]), (0...60).contains(time[2]) else { return nil }
        return daysSince1970(year: year, month: Int64(month) + 1, day: day) * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2]
    }

    /// Reads `1994-11-06T08:49:37Z` (RFC 3339 in UTC); fractions of a second count for nothing.
    static func unixSeconds(ofTimestamp text: String) -> Int64? {
        guard text.utf8.count >= 20, text.hasSuffix("Z") else { return nil }
        let parts = text.dropLast().split(separator: "T")
        guard parts.count == 2 else { return nil }
        let date = parts[0].split(separator: "-").compactMap { Int64($0) }
        let time = parts[1].prefix { $0 != "." }.split(separator: ":").compactMap { Int64($0) }
        guard date.count == 3, (1970...9999).contains(date[0]), (1...12).contains(date[1]), (1...31).contains(date[2]),
            time.count == 3, (0..<24).contains(time[0]), (0..<60).contains(time[1]), (0...60).contains(time[2])
        else { return nil }
        return daysSince1970(year: date[0], month: date[1], day: date[2]) * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2]
    }

    /// Days from the civil date, in the proleptic Gregorian calendar, counting years from March so that leap days come last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
