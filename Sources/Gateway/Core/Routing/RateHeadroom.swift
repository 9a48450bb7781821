/// What a provider's answer says of the limits that it counts the gateway's credential by, in OpenAI's headers or in Anthropic's.
package enum RateHeadroom {
    /// Longest reset that is believed: an hour.
    private static let maxMilliseconds: Int64 = 3_600_000
    private static let measures = ["requests", "tokens", "input-tokens", "output-tokens"]

    /// How long nothing more will be taken: the longest reset of what is used up.
    ///
    /// - Parameters:
    ///   - header: the first value of an answer's header.
    ///   - unixMilliseconds: now, since 1970.
    /// - Returns: milliseconds; `nil`: something is left of everything, or nothing is told.
    package static func exhaustedMilliseconds(unixMilliseconds: UInt64, header: (String) -> String?) -> Int64? {
        var longest: Int64?
        for measure in measures {
            var reset: Int64?
            if header("x-ratelimit-remaining-\(measure)").flatMap({ Int64($0) }) == 0 {
                reset = header("x-ratelimit-reset-\(measure)").flatMap(milliseconds(ofDuration:))
            } else if header("anthropic-ratelimit-\(measure)-remaining").flatMap({ Int64($0) }) == 0 {
                reset = header("anthropic-ratelimit-\(measure)-reset").flatMap(RetryAfter.unixSeconds(ofTimestamp:))
                    .map { $0 * 1_000 - Int64(clamping: unixMilliseconds) }
            }
            if let reset, reset > 0 { longest = max(longest ?? 0, min(reset, maxMilliseconds)) }
        }
        return longest
    }

    /// Reads what OpenAI writes: `6m0s`, `1h2m3.5s`, `120ms`, `0s`; and a plain number of seconds, which others do.
    static func milliseconds(ofDuration text: String) -> Int64? {
        if let seconds = Double(text) { return whole(seconds * 1_000) }
        var total = 0.0
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let factor = units[String(unit)] else { return nil }
            total += number * factor
        }
        return text.isEmpty ? nil : whole(total)
    }

    private static let units: [String: Double] = ["ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]

    private static func whole(_ milliseconds: Double) -> Int64? {
        milliseconds >= 0 && milliseconds.isFinite ? Int64(min(milliseconds.rounded(.up), Double(maxMilliseconds))) : nil
    }
}
