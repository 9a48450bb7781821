import GatewayCore
import GatewayPipeline
import NIOCore
import NIOHTTP1
import Testing

@testable import HTTPShim

@Suite struct FaultTableTests {
    @Test("every fault comes with its registry's status, type and code, and the whole error object", arguments: FaultKind.allCases)
    func tellsFault(kind: FaultKind) throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        try connection.exchange.fail(Fault(kind, origin: .gateway, message: "Why \"it\" failed.", parameter: "messages[0].content"))
        let response = try connection.response()
        #expect(response.status == kind.presentation.httpStatus)
        let error = try response.error()
        #expect(error.message == "Why \"it\" failed.")
        #expect(error.type == kind.presentation.openAIType)
        #expect(error.code == kind.presentation.openAICode)
        #expect(error.param == "messages[0].content")
        #expect(response["content-type"] == "application/json")
        #expect(try response["x-request-id"] == connection.exchange.request.id.description)
        #expect(response["x-should-retry"] == (kind.presentation.retry == .never ? "false" : nil))
        #expect((response["retry-after"] != nil) == [429, 503].contains(kind.presentation.httpStatus))
        #expect(!connection.isClosed)
    }

    @Test("every fault breaks a stream as an event with the whole error object", arguments: FaultKind.allCases)
    func breaksStream(kind: FaultKind) throws {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        let connection = try HTTP1Connection(backend)
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.begin()
        exchange.fail(Fault(kind, origin: .gateway, message: "m"))
        let body = try connection.response().body
        #expect(body.hasPrefix("data: ") && body.hasSuffix("\n\n"))
        #expect(try ErrorObject(String(body.dropFirst(6))).code == kind.presentation.openAICode)
    }

    @Test("a limit tells how long to wait, never more than SDKs will, and what is left")
    func tellsLimit() throws {
        let connection = try HTTP1Connection()
        for (wait, seconds, milliseconds) in [(1_500, "2", "1500"), (3_600_000, "120", "120000"), (0, "0", "0")]
            as [(Int64, String, String)]
        {
            try connection.post("{}")
            try connection.exchange.fail(
                Fault(.rateLimited, origin: .gateway, message: "m", retryAfterMilliseconds: wait),
                rateLimit: LimitReport(requests: RateLimitStatus(limit: 5, remaining: 0, resetMilliseconds: 90_500)))
            let response = try connection.response()
            #expect(response["retry-after"] == seconds)
            #expect(response["retry-after-ms"] == milliseconds)
            #expect(response["x-ratelimit-limit-requests"] == "5")
            #expect(response["x-ratelimit-remaining-requests"] == "0")
            #expect(response["x-ratelimit-reset-requests"] == "1m30.5s")
        }
    }

    @Test("an upstream's own status about the request passes through")
    func passesStatus() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        try connection.exchange.fail(
            Fault(.upstreamRejected, origin: .upstream, message: "bad", parameter: "tools", httpStatusOverride: 422))
        #expect(try connection.response().status == 422)
    }

    @Test(
        "durations read as OpenAI writes them",
        arguments: [
            (0, "0ms"), (999, "999ms"), (1_000, "1s"), (1_050, "1.05s"), (60_000, "1m0s"), (3_661_500, "1h1m1.5s"), (-5, "0ms"),
        ] as [(Int64, String)])
    func durations(milliseconds: Int64, text: String) {
        #expect(HeaderText.duration(milliseconds: milliseconds) == text)
    }

    @Test(
        "money reads with nine decimals",
        arguments: [(0, "0.000000000"), (1, "0.000000001"), (12_345_678_901, "12.345678901")] as [(UInt64, String)])
    func dollars(nano: UInt64, text: String) {
        #expect(HeaderText.dollars(nano) == text)
    }
}

@Suite struct LimitHeaderTests {
    @Test("callers of Messages are told their limits under Anthropic's names too, with instants; others under OpenAI's alone")
    func namesOfDialects() {
        let report = LimitReport(
            requests: RateLimitStatus(limit: 10, remaining: 9, resetMilliseconds: 6_000),
            tokens: RateLimitStatus(limit: 5_000, remaining: 400, resetMilliseconds: 61_499))
        var messages = HTTPHeaders()
        // Half a second behind 12:00:00 on 29 November 2026.
        messages.add(report, .anthropic, unixMilliseconds: 1_795_953_600_500)
        #expect(messages["anthropic-ratelimit-requests-limit"] == ["10"])
        #expect(messages["anthropic-ratelimit-requests-remaining"] == ["9"])
        #expect(messages["anthropic-ratelimit-requests-reset"] == ["2026-11-29T12:00:07Z"])
        #expect(messages["anthropic-ratelimit-tokens-limit"] == ["5000"])
        #expect(messages["anthropic-ratelimit-tokens-remaining"] == ["400"])
        #expect(messages["anthropic-ratelimit-tokens-reset"] == ["2026-11-29T12:01:02Z"])
        #expect(messages["x-ratelimit-remaining-requests"] == ["9"])
        var chat = HTTPHeaders()
        chat.add(report, .openAI, unixMilliseconds: 0)
        #expect(!chat.contains { $0.name.hasPrefix("anthropic") })
    }
}
