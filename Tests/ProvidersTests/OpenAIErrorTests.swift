import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("Errors of OpenAI's dialect")
struct OpenAIErrorTests {
    private func parse(_ json: String) -> ProviderError? {
        var index = JSONIndex()
        return OpenAIError.parse(ByteBuffer(string: json), index: &index)
    }

    private func faultInStream(_ json: String) -> Fault? {
        var index = JSONIndex()
        do {
            _ = try OpenAIAnswer.chunk(ByteBuffer(string: json), index: &index)
            return nil
        } catch {
            return error
        }
    }

    @Test("error bodies of OpenAI and of servers like it")
    func bodies() {
        let openAI =
            #"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#
        #expect(
            parse(openAI)
                == ProviderError(
                    message: "The model `x` does not exist", type: "invalid_request_error", code: "model_not_found", parameter: "model"))
        let nulls = #"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#
        #expect(parse(nulls) == ProviderError(message: "The server had an error", type: "server_error"))
        #expect(parse(#"{"error":"model is loading"}"#) == ProviderError(message: "model is loading"))
        #expect(parse(#"{"error":{"code":400,"message":"bad"}}"#) == ProviderError(message: "bad", code: "400"))
        #expect(
            parse(#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#) == ProviderError(message: "bad", code: "400"))
        #expect(
            parse(#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#)
                == ProviderError(message: "too long", type: "BadRequestError", code: "400"))
        #expect(parse(#"{"message":"no Route matched"}"#) == ProviderError(message: "no Route matched"))
        #expect(parse(#"{"detail":"Not Found"}"#) == ProviderError(message: "Not Found"))
        #expect(parse(#"{"error":{}}"#) == ProviderError(message: "no reason given"))
    }

    @Test(
        "an account with nothing left is no rate limit, unless the provider says how long to wait: another provider helps",
        arguments: ["insufficient_quota", "billing_not_active"])
    func account(word: String) throws {
        for body in [#""type":"\#(word)","code":null"#, #""type":"x","code":"\#(word)""#] {
            let error = parse(#"{"error":{"message":"You exceeded your current quota.","param":null,\#(body)}}"#)
            let fault = Fault.upstreamStatus(429, error: error, retryAfterMilliseconds: nil, provider: "p")
            #expect(fault.kind == .upstreamCredential && fault.retryAfterMilliseconds == nil)
            let limit = Fault.upstreamStatus(429, error: error, retryAfterMilliseconds: 7, provider: "p")
            #expect(limit.kind == .upstreamRateLimited && limit.retryAfterMilliseconds == 7)
            #expect(!fault.allowsRetry && fault.allowsFallback && fault.message.contains("`p` has no quota or credit left"))
        }
    }

    @Test("Google says in the body how long to wait, and that a key is wrong")
    func googleDetails() throws {
        let limited = try #require(
            parse(
                #"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.Help"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#
            ))
        let fault = Fault.upstreamStatus(429, error: limited, retryAfterMilliseconds: nil, provider: "p")
        #expect(fault.kind == .upstreamRateLimited && fault.retryAfterMilliseconds == 34_500)
        #expect(Fault.upstreamStatus(429, error: limited, retryAfterMilliseconds: 7, provider: "p").retryAfterMilliseconds == 7)
        let wrong = parse(
            #"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#)
        #expect(Fault.upstreamStatus(400, error: wrong, retryAfterMilliseconds: nil, provider: "p").kind == .upstreamCredential)
    }

    @Test(
        "what is no error is none",
        arguments: ["", "<html>", "7", "[]", "{}", "null", #"{"error":null}"#, #"{"detail":[{"msg":"x"}]}"#, #"{"message":7}"#])
    func noErrors(json: String) {
        #expect(parse(json) == nil)
    }

    @Test("nothing of an error can break a header, and no part of it is long")
    func cleaned() throws {
        let long = String(repeating: "é", count: 2000)
        let error = try #require(
            parse(#"{"error":{"message":"a\r\nb\u0000\#(long)","type":"t\n\#(long)","code":"\u007fc\#(long)","param":"p\t\#(long)"}}"#))
        #expect(error.message.hasPrefix("abé") && error.message.count == 500)
        #expect(error.type?.hasPrefix("té") == true && error.type?.count == 64)
        #expect(error.code?.hasPrefix("cé") == true && error.code?.count == 64)
        #expect(error.parameter?.hasPrefix("pé") == true && error.parameter?.count == 128)
    }

    @Test("an error inside a stream means what its code and type say")
    func insideStream() {
        let cases: [(String, FaultKind)] = [
            (#"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#, .upstreamError),
            (#"{"error":"m"}"#, .upstreamError), (#"{"error":{}}"#, .upstreamError),
            (#"{"error":{"code":500,"message":"m"}}"#, .upstreamError),
            (#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#, .upstreamRateLimited),
            (#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#, .upstreamCredential),
            (#"{"error":{"code":429,"message":"m"}}"#, .upstreamRateLimited),
            (#"{"error":{"code":"401","message":"m"}}"#, .upstreamCredential),
            (#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#, .upstreamCredential),
            (#"{"error":{"code":504,"message":"m"}}"#, .upstreamTimeout),
            (#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, .upstreamOverloaded),
            (#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, .upstreamOverloaded),
            (#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#, .upstreamCredential),
            (#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#, .upstreamRejected),
            (#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#, .upstreamRejected),
            (#"{"id":"c","choices":[{"index":0,"delta":{"content":"x"}}],"error":{"code":502,"message":"m"}}"#, .upstreamError),
        ]
        for (json, kind) in cases {
            let fault = faultInStream(json)
            #expect(fault?.kind == kind && fault?.origin == .upstream, "\(json)")
            // Its own words go on only where they speak about the caller's request.
            #expect(fault?.message.contains(": m.") == (kind == .upstreamRejected), "\(json)")
        }
        #expect(faultInStream(#"{"error":null,"id":"c","choices":[]}"#) == nil)
        #expect(faultInStream(#"{"error":{"message":"m","type":"invalid_request_error","param":"messages"}}"#)?.parameter == "messages")
    }
}
