import GatewayCore
import NIOCore
import NIOHTTP1

/// How values are written in headers.
enum HeaderText {
    static let maxValueBytes = 256
    /// How a request's body may be compressed.
    static let contentCodings = "gzip, deflate"

    /// `value` with `?` in place of every byte that is not visible ASCII or a space, cut to ``maxValueBytes``: names come from configuration and
    /// providers, and a line break in one would end the header.
    static func sanitised(_ value: String) -> String {
        let isClean = value.utf8.count <= maxValueBytes && value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        if isClean { return value }
        return String(decoding: value.utf8.prefix(maxValueBytes).map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    /// `EMAIL=2,IBAN=1`.
    static func scrubbed(_ counts: [ScrubCount]) -> String {
        sanitised(counts.map { "\($0.kind)=\($0.count)" }.joined(separator: ","))
    }

    /// Nano-USD as dollars with nine decimals.
    static func dollars(_ nano: UInt64) -> String {
        let fraction = String(nano % 1_000_000_000)
        return "\(nano / 1_000_000_000).\(String(repeating: "0", count: 9 - fraction.utf8.count))\(fraction)"
    }

    /// An instant in RFC 3339's notation, in UTC, rounded up to a second: `2026-11-30T15:41:45Z`.
    static func instant(unixMilliseconds: UInt64) -> String {
        let seconds = (unixMilliseconds + 999) / 1_000
        let ofDay = seconds % 86_400
        func padded(_ number: UInt64) -> String { number < 10 ? "0\(number)" : String(number) }
        return
            "\(UTCDay(unixMilliseconds: seconds * 1_000).text)T\(padded(ofDay / 3_600)):\(padded(ofDay / 60 % 60)):\(padded(ofDay % 60))Z"
    }

    /// A duration in OpenAI's notation: `40ms`, `2.5s`, `6m0s`, `1h0m0s`.
    static func duration(milliseconds: Int64) -> String {
        let milliseconds = max(0, milliseconds)
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000)
        var seconds = String(rest / 1_000)
        if rest % 1_000 != 0 {
            let fraction = String(1_000 + rest % 1_000).dropFirst()
            seconds += ".\(fraction.prefix(through: fraction.lastIndex { $0 != "0" } ?? fraction.startIndex))"
        }
        if minutes == 0 { return "\(seconds)s" }
        return minutes < 60 ? "\(minutes)m\(seconds)s" : "\(minutes / 60)h\(minutes % 60)m\(seconds)s"
    }
}

extension HTTPHeaders {
    /// What every answer has.
    init(requestID: RequestID, surface: Dialect = .openAI, contentType: String, contentLength: Int?, closing: Bool) {
        self.init()
        reserveCapacity(16)
        add(name: "content-type", value: contentType)
        if let contentLength { add(name: "content-length", value: String(contentLength)) }
        let id = requestID.description
        add(name: "x-request-id", value: id)
        // Anthropic's SDKs look for it under this name.
        if surface == .anthropic { add(name: "request-id", value: id) }
        if closing { add(name: "connection", value: "close") }
    }

    mutating func add(_ head: AnswerHead) {
        add(name: "x-agentshield-model", value: HeaderText.sanitised(head.model))
        add(name: "x-agentshield-provider", value: HeaderText.sanitised(head.provider))
        add(name: "x-agentshield-cache", value: head.cache.name)
        add(name: "x-agentshield-route-reason", value: HeaderText.sanitised(head.routeReason))
        if head.isRepetition { add(name: "idempotent-replayed", value: "true") }
        if !head.dropped.isEmpty { add(name: "x-agentshield-dropped", value: HeaderText.sanitised(head.dropped.joined(separator: ","))) }
        if !head.scrubbed.isEmpty { add(name: "x-agentshield-scrubbed", value: HeaderText.scrubbed(head.scrubbed)) }
    }

    /// What is known when the answer is over: in the headers of an unstreamed answer, in the trailers of a stream.
    mutating func add(_ summary: AnswerSummary) {
        if let cost = summary.costNanoUSD { add(name: HTTPHeaders.cost, value: HeaderText.dollars(cost)) }
        add(name: HTTPHeaders.overhead, value: String(summary.timings.overheadMicroseconds))
    }

    /// - Parameter withHead: whether the answer's head comes in the trailers too.
    static func trailerNames(withHead: Bool) -> String {
        let end = "\(cost), \(overhead)"
        guard withHead else { return end }
        return "x-agentshield-model, x-agentshield-provider, x-agentshield-cache, x-agentshield-route-reason, \(end)"
    }

    static let cost = "x-agentshield-cost-usd"
    static let overhead = "x-agentshield-overhead-us"

    /// What is left of the limits, under OpenAI's names; for callers of Messages under Anthropic's too.
    mutating func add(_ limits: LimitReport?, _ surface: Dialect, unixMilliseconds now: UInt64) {
        add(limits)
        guard surface == .anthropic else { return }
        for (measure, status) in [("requests", limits?.requests), ("tokens", limits?.tokens)] {
            guard let status else { continue }
            let reset = now + UInt64(Swift.max(0, status.resetMilliseconds))
            add(name: "anthropic-ratelimit-\(measure)-limit", value: String(status.limit))
            add(name: "anthropic-ratelimit-\(measure)-remaining", value: String(status.remaining))
            add(name: "anthropic-ratelimit-\(measure)-reset", value: HeaderText.instant(unixMilliseconds: reset))
        }
    }

    private mutating func add(_ limits: LimitReport?) {
        if let requests = limits?.requests {
            add(name: "x-ratelimit-limit-requests", value: String(requests.limit))
            add(name: "x-ratelimit-remaining-requests", value: String(requests.remaining))
            add(name: "x-ratelimit-reset-requests", value: HeaderText.duration(milliseconds: requests.resetMilliseconds))
        }
        if let tokens = limits?.tokens {
            add(name: "x-ratelimit-limit-tokens", value: String(tokens.limit))
            add(name: "x-ratelimit-remaining-tokens", value: String(tokens.remaining))
            add(name: "x-ratelimit-reset-tokens", value: HeaderText.duration(milliseconds: tokens.resetMilliseconds))
        }
        if let places = limits?.places {
            add(name: "x-ratelimit-limit-concurrent-requests", value: String(places.limit))
            add(name: "x-ratelimit-remaining-concurrent-requests", value: String(places.remaining))
        }
    }

    /// How SDKs are to go on after an error.
    mutating func add(_ fault: Fault, maxRetryAfterMilliseconds: Int64 = 120_000) {
        if fault.kind.presentation.retry == .never { add(name: "x-should-retry", value: "false") }
        if fault.httpStatus == 426 {
            add(name: "connection", value: "upgrade")
            add(name: "upgrade", value: "websocket")
            add(name: "sec-websocket-version", value: "13")
        }
        if fault.httpStatus == 415 { add(name: "accept-encoding", value: HeaderText.contentCodings) }
        if fault.httpStatus == 401 { add(name: "www-authenticate", value: "Bearer") }
        let mustAdvise = fault.httpStatus == 429 || fault.httpStatus == 503
        guard let wait = fault.retryAfterMilliseconds ?? (mustAdvise ? 1_000 : nil) else { return }
        // SDKs do not retry at all when they are told to wait longer.
        let milliseconds = Swift.min(Swift.max(wait, 0), maxRetryAfterMilliseconds)
        add(name: "retry-after", value: String((milliseconds + 999) / 1_000))
        add(name: "retry-after-ms", value: String(milliseconds))
    }
}
