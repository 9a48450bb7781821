import GatewayCore
import GatewayPipeline
import NIOCore
import Testing

@testable import HTTPShim

@Suite struct CredentialTests {
    private func answer(_ headers: String) throws -> (HTTPResponse, ScriptedBackend) {
        let connection = try HTTP1Connection()
        try connection.send("GET /v1/models HTTP/1.1\r\nhost: gateway\r\n\(headers)\r\n")
        return (try connection.response(), connection.backend)
    }

    @Test(
        "a key is taken from each header that SDKs use",
        arguments: [
            "authorization: Bearer sk-good\r\n", "Authorization: bearer   sk-good \r\n", "x-api-key: sk-good\r\n", "api-key: sk-good\r\n",
            "authorization: Bearer sk-good\r\nx-api-key: sk-good\r\n",
        ])
    func accepts(headers: String) throws {
        #expect(try answer(headers).0.status == 200)
    }

    @Test(
        "no key, a wrong one, or two different ones are a 401",
        arguments: [
            "", "authorization: Bearer wrong\r\n", "authorization: Bearer\r\n", "authorization: Basic c2s6\r\n", "x-api-key:\r\n",
            "authorization: Bearer sk-good\r\nx-api-key: sk-other\r\n", "x-api-key: sk-good\r\nx-api-key: sk-other\r\n",
        ])
    func refuses(headers: String) throws {
        let (response, _) = try answer(headers)
        #expect(response.status == 401)
        let error = try response.error()
        #expect(error.code == "invalid_api_key")
        #expect(error.type == "authentication_error")
        #expect(error.param == nil)
        #expect(!response.body.contains("sk-"))
        #expect(response["www-authenticate"] == "Bearer")
        #expect(response["x-request-id"]?.hasPrefix("req_") == true)
        #expect(response["connection"] == nil)
    }

    @Test("a request is authenticated at its head, and a refused one's short body leaves the connection open")
    func refusesAtHead() throws {
        let connection = try HTTP1Connection()
        try connection.send("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: no\r\ncontent-length: 10\r\n\r\n")
        #expect(try connection.response().status == 401)
        try connection.send("0123456789GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        #expect(try connection.response().status == 200)
        #expect(!connection.isClosed)
        #expect(connection.backend.mostReservedBytes == 0)
    }
}

@Suite struct RouteTests {
    private func status(_ path: String, method: String = "GET") throws -> HTTPResponse {
        let connection = try HTTP1Connection()
        try connection.get(path, method: method)
        return try connection.response(toHead: method == "HEAD")
    }

    @Test(
        "chat requests reach the pipeline with and without /v1, whatever the query",
        arguments: [
            "/v1/chat/completions", "/chat/completions", "/v1/chat/completions?api-version=1", "http://gateway/v1/chat/completions",
            "//v1/chat/completions", "/v1/chat/completions/", "///chat/completions/?a=/",
        ])
    func chat(path: String) throws {
        let connection = try HTTP1Connection()
        try connection.post("{}", path: path)
        #expect(try connection.exchange.body == "{}")
    }

    @Test("the models that the key may name are listed")
    func listsModels() throws {
        let response = try status("/v1/models")
        #expect(
            response.body
                == #"{"object":"list","data":[{"id":"fast","object":"model","created":0,"owned_by":"alias"},"#
                + #"{"id":"gpt-4o","object":"model","created":0,"owned_by":"openai"},"#
                + #"{"id":"org/model name","object":"model","created":0,"owned_by":"local"}]}"#)
        #expect(response["content-type"] == "application/json")
        #expect(try status("/models").body == response.body)
    }

    private static let messages = ["anthropic-version: 2023-06-01"]

    private func anthropic(_ path: String, method: String = "GET") throws -> HTTPResponse {
        let connection = try HTTP1Connection()
        try connection.get(path, method: method, Self.messages)
        return try connection.response()
    }

    @Test(
        "a caller of Anthropic's dialect takes the models in pages, forwards and backwards, or all at once",
        arguments: [
            ("", ["fast", "gpt-4o", "org/model name"], false), ("?limit=2", ["fast", "gpt-4o"], true),
            ("?limit=1&after_id=fast", ["gpt-4o"], true), ("?after_id=gpt-4o&limit=1", ["org/model name"], false),
            ("?after_id=org%2Fmodel%20name", [], false), ("?limit=1&before_id=org/model%20name", ["gpt-4o"], true),
            ("?limit=1000&before_id=gpt-4o", ["fast"], false), ("?workspace_id=w&limit=3", ["fast", "gpt-4o", "org/model name"], false),
        ] as [(String, [String], Bool)])
    func pagesOfModels(query: String, names: [String], hasMore: Bool) throws {
        let response = try anthropic("/v1/models" + query)
        #expect(response.status == 200)
        let data = names.map { #"{"type":"model","id":"\#($0)","display_name":"\#($0)","created_at":"1970-01-01T00:00:00Z"}"# }
        let (first, last) = (names.first.map { "\"\($0)\"" } ?? "null", names.last.map { "\"\($0)\"" } ?? "null")
        #expect(
            response.body
                == #"{"data":[\#(data.joined(separator: ","))],"has_more":\#(hasMore),"first_id":\#(first),"last_id":\#(last)}"#)
    }

    @Test(
        "a page that cannot be is a 400 in Anthropic's shape",
        arguments: ["limit=0", "limit=1001", "limit=x", "limit=", "after_id=none", "before_id=%zz", "after_id=fast&before_id=fast"])
    func noSuchPage(query: String) throws {
        let response = try anthropic("/v1/models?" + query)
        #expect(response.status == 400)
        #expect(response.body.hasPrefix(#"{"type":"error","error":{"type":"invalid_request_error","message":"`"#))
        #expect(try status("/v1/models?" + query).status == 200)
    }

    @Test("another method on a path of Anthropic's is a 405 in its shape, whatever the headers say")
    func methodNotAllowedInMessages() throws {
        for path in ["/v1/messages", "/messages/count_tokens", "/v1/messages?beta=true"] {
            let response = try status(path, method: "DELETE")
            #expect(response.status == 405 && response["allow"] == "POST")
            let id = try #require(response["request-id"])
            #expect(
                response.body
                    == #"{"type":"error","error":{"type":"invalid_request_error","message":"This path takes POST only."},"request_id":"\#(id)"}"#
            )
        }
        let models = try anthropic("/v1/models", method: "DELETE")
        #expect(models.status == 405 && models["allow"] == "GET, HEAD" && models.body.hasPrefix(#"{"type":"error","error":"#))
    }

    @Test(
        "one model is shown by its name, with slashes and percent-encoding",
        arguments: [
            "/v1/models/org/model%20name", "/v1/models/org%2Fmodel%20name", "/models/org%2fmodel%20name?x=1",
        ])
    func showsModel(path: String) throws {
        #expect(try status(path).body == #"{"id":"org/model name","object":"model","created":0,"owned_by":"local"}"#)
    }

    @Test("an unknown model is a 404 that says so")
    func unknownModel() throws {
        let response = try status("/v1/models/none")
        #expect(response.status == 404)
        #expect(try response.error().code == "model_not_found")
    }

    @Test("a path that is not percent-encoded UTF-8 is a 400", arguments: ["/v1/models/%zz", "/v1/models/%f", "/v1/models/%ff"])
    func badEncoding(path: String) throws {
        #expect(try status(path).status == 400)
    }

    @Test("a receipt is shown to its own tenant only")
    func receipts() throws {
        let connection = try HTTP1Connection()
        let id = connection.backend.makeRequestID()
        var summary = AnswerSummary(requestID: id)
        summary.costNanoUSD = 2_000_000_001
        summary.usage = TokenUsage(input: 5, cacheRead: 4, cacheWrite: 3, output: 2, reasoning: 1)
        summary.scrubbed = [ScrubCount(kind: "EMAIL", count: 2)]
        summary.finishes = [AnswerFinish(choice: 0, reason: .stop, providerReason: "stop")]
        summary.attempts = 1
        summary.cache = .miss
        summary.routeReason = "exact"
        summary.timings[.call] = 1_500
        func record(_ principal: Principal) -> LedgerRecord {
            LedgerRecord(
                summary: summary, principal: principal, endUser: nil, callerRequestID: "mine", requestedModel: "fast", usedModel: "gpt-4o",
                provider: "openai", outcome: .answered, fault: nil, receivedUnixMilliseconds: 7)
        }
        connection.backend.receipts[id] = record(ScriptedBackend.principal)
        try connection.get("/v1/receipts/\(id)")
        #expect(
            try connection.response().body
                == #"{"id":"\#(id)","object":"receipt","outcome":"answered","error":null,"received_at_ms":7,"tenant":"acme","department":null,"#
                + #""user":null,"key_id":"key_1","end_user":null,"caller_request_id":"mine","requested_model":"fast","model":"gpt-4o","#
                + #""provider":"openai","route_reason":"exact","cache":"miss","attempts":1,"usage":{"input_tokens":5,"cache_read_tokens":4,"#
                + #""cache_write_tokens":3,"output_tokens":2,"reasoning_tokens":1,"is_estimated":false},"cost_usd":"2.000000001","price_version":null,"#
                + #""finish_reasons":["stop"],"scrubbed":{"EMAIL":2},"timings_us":{"authenticate":0,"limit":0,"scrub":0,"cache":0,"route":0,"#
                + #""call":2,"answer":0,"record":0},"overhead_us":0}"#)
        connection.backend.receiptQuestions = []
        try connection.get("/v1/receipts/\(id)")
        connection.backend.receiptQuestions?.removeFirst()()
        #expect(try connection.response().status == 200)
        connection.backend.receiptQuestions = nil
        connection.backend.receipts[id] = record(ScriptedBackend.principal(tenant: "other"))
        for path in ["/v1/receipts/\(id)", "/v1/receipts/nonsense", "/v1/receipts/\(connection.backend.makeRequestID())"] {
            try connection.get(path)
            let response = try connection.response()
            #expect(response.status == 404)
            #expect(try response.error().code == "not_found")
        }
    }

    @Test("health is told without a key")
    func health() throws {
        let connection = try HTTP1Connection()
        try connection.send("GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        #expect(try connection.response().status == 200)
        #expect(connection.backend.authentications == 0)
    }

    @Test("a path of the API that is not served is a 501 with what is")
    func unsupported() throws {
        let response = try status("/v1/files", method: "POST")
        #expect(response.status == 501)
        let error = try response.error()
        #expect(error.code == "unsupported")
        for route in ["POST /v1/chat/completions", "GET /v1/models", "GET /v1/models/{id}", "GET /v1/receipts/{id}", "GET /healthz"] {
            #expect(error.message.contains(route))
        }
        #expect(response["x-should-retry"] == "false")
    }

    @Test("any other path is a 404", arguments: ["/", "/favicon.ico", "/v1x/models", "/v2/models", "http://gateway"])
    func notFound(path: String) throws {
        let response = try status(path)
        #expect(response.status == 404)
        #expect(try response.error().code == "not_found")
    }

    @Test("another method on a known path is a 405 that names those allowed")
    func methodNotAllowed() throws {
        let response = try status("/v1/chat/completions")
        #expect(response.status == 405)
        #expect(response["allow"] == "POST")
        #expect(try response.error().code == "method_not_allowed")
        #expect(try status("/v1/models", method: "DELETE")["allow"] == "GET, HEAD")
    }

    @Test("HEAD is answered like GET, without the body", arguments: ["/healthz", "/v1/models", "/v1/chat/completions"])
    func head(path: String) throws {
        let connection = try HTTP1Connection()
        try connection.get(path, method: "HEAD")
        let response = try connection.response(toHead: true)
        #expect(response.status == (path.hasSuffix("completions") ? 405 : 200))
        #expect(response["content-length"].flatMap { Int($0) } ?? 0 > 0)
        try connection.get("/healthz")
        #expect(try connection.response().status == 200)
    }
}

@Suite struct ControlTests {
    private func request(_ headers: [String]) throws -> CallerRequest {
        let connection = try HTTP1Connection()
        try connection.post("{}", headers)
        return try connection.exchange.request
    }

    @Test(
        "the cache is controlled by its own header, or else by cache-control",
        arguments: [
            (["x-agentshield-cache: on"], CacheDirective.use), (["x-agentshield-cache: OFF"], .off),
            (["x-agentshield-cache: refresh"], .refresh),
            (["x-agentshield-cache: only"], .only), (["cache-control: no-store"], .off),
            (["cache-control: only-if-cached"], .only), (["cache-control: max-age=0, no-cache"], .refresh),
            (["cache-control: no-cache", "cache-control: no-store"], .off), (["cache-control: no-store", "x-agentshield-cache: on"], .use),
            (["cache-control: private"], .modelDefault), ([], .modelDefault),
        ])
    func cache(headers: [String], directive: CacheDirective) throws {
        #expect(try request(headers).cache == directive)
    }

    @Test(
        "a caller's deadline is for the whole answer, its SDK's read timeout for each silence in it",
        arguments: [
            (["x-agentshield-deadline-ms: 1500"], .milliseconds(1500), nil), (["x-stainless-read-timeout: 600"], nil, .seconds(600)),
            (["x-stainless-read-timeout: 0.25"], nil, .milliseconds(250)),
            (["x-stainless-read-timeout: 600.0", "x-agentshield-deadline-ms: 20"], .milliseconds(20), .seconds(600)),
            (["x-agentshield-deadline-ms: 99999999999999999999"], .hours(24), nil), ([], nil, nil),
            // Written by SDKs, not by people, who could not mend it.
            (["x-stainless-read-timeout: None"], nil, nil), (["x-stainless-read-timeout: 0"], nil, nil),
            (["x-stainless-timeout: 600"], nil, nil),
        ] as [([String], TimeAmount?, TimeAmount?)])
    func timeout(headers: [String], timeout: TimeAmount?, silence: TimeAmount?) throws {
        let request = try request(headers)
        #expect(request.timeout == timeout)
        #expect(request.silenceTimeout == silence)
    }

    @Test("how long an answer may be used again is told in seconds; a repeated request by its key")
    func answerLife() throws {
        #expect(try request(["x-agentshield-cache-ttl: 90"]).cacheTimeToLive == .seconds(90))
        #expect(try request(["x-agentshield-cache-ttl: 0.5"]).cacheTimeToLive == .milliseconds(500))
        let plain = try request([])
        #expect(plain.cacheTimeToLive == nil && plain.idempotencyKey == nil)
        #expect(try request(["Idempotency-Key:  8f14e45f-ceea "]).idempotencyKey == "8f14e45f-ceea")
    }

    @Test("a route that is not named may be sent")
    func emptyRoute() throws {
        #expect(try request(["x-agentshield-route: "]).body.readableBytes > 0)
    }

    @Test(
        "a control that cannot be followed is a 400 that names its header",
        arguments: [
            "x-agentshield-cache-ttl: 0", "x-agentshield-cache-ttl: long", "idempotency-key: two words", "idempotency-key:",
            "x-agentshield-cache: maybe", "x-agentshield-deadline-ms: soon", "x-agentshield-deadline-ms: 0",
            "x-agentshield-deadline-ms: -1",
            "x-agentshield-deadline-ms: 1.2.3", "x-agentshield-deadline-ms:", "x-agentshield-route: cheapest",
            "x-agentshield-cache: on\r\nx-agentshield-cache: off",
        ])
    func badControl(header: String) throws {
        let connection = try HTTP1Connection()
        try connection.post("{}", [header])
        let response = try connection.response()
        #expect(response.status == 400)
        #expect(try response.error().param == String(header.prefix { $0 != ":" }))
        #expect(connection.backend.exchanges.isEmpty)
        #expect(!connection.isClosed)
    }

    @Test("the caller's request id is recorded without what may not stand in a log line")
    func callerRequestID() throws {
        #expect(try request(["x-request-id: abc 1\u{1F600}\tz"]).callerRequestID == "abc1z")
        #expect(try request(["x-request-id: \(String(repeating: "a", count: 500))"]).callerRequestID?.count == 128)
        #expect(try request(["x-request-id:   "]).callerRequestID == nil)
    }

    @Test("a trace context is passed on if it is one, and dropped with its state if not")
    func traceContext() throws {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let request = try request(["traceparent: \(valid)", "tracestate: a=1", "tracestate: b=2"])
        #expect(request.traceparent == valid)
        #expect(request.tracestate == "a=1,b=2")
        for invalid in ["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "00-short-b7ad6b7169203331-01", "x", valid.uppercased()]
        {
            let request = try self.request(["traceparent: \(invalid)", "tracestate: a=1"])
            #expect(request.traceparent == nil)
            #expect(request.tracestate == nil)
        }
    }
}
