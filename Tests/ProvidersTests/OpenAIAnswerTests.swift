import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

/// Answers as OpenAI's reference and those of compatible servers show them.
enum OpenAIGolden {
    static let role =
        #"{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}"#
    static let content =
        #"{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}"#
    static let finish =
        #"{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#
    static let usage =
        #"{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#
    static let toolStart =
        #"{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_DdmO9pD3xa9XTPNJ32zg2hcA","type":"function","function":{"name":"get_weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]}"#
    static let toolDelta =
        #"{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"city\":\"Córdoba\""}}]},"logprobs":null,"finish_reason":null}]}"#
    static let whole = #"""
        {
          "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
          "object": "chat.completion",
          "created": 1741569952,
          "model": "gpt-4.1-2025-04-14",
          "choices": [
            {
              "index": 0,
              "message": {
                "role": "assistant",
                "content": "Hello! \u00bfHow can I assist you today?",
                "refusal": null,
                "annotations": []
              },
              "logprobs": {"content": [{"token": "Hello", "logprob": -0.31725305, "bytes": [72, 101], "top_logprobs": []}], "refusal": null},
              "finish_reason": "stop"
            }
          ],
          "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
          },
          "service_tier": "default"
        }
        """#
    static let wholeTools =
        #"{"id":"chatcmpl-abc123","object":"chat.completion","created":1699896916,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_abc123","type":"function","function":{"name":"get_current_weather","arguments":"{\n\"location\": \"Boston, MA\"\n}"}},{"id":"call_def456","type":"function","function":{"name":"now","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":82,"completion_tokens":17,"total_tokens":99,"completion_tokens_details":{"reasoning_tokens":0}}}"#
    static let reasoner =
        #"{"id":"930c60df","object":"chat.completion","created":1705651092,"model":"deepseek-reasoner","choices":[{"finish_reason":"stop","index":0,"message":{"content":"9.8 is greater.","reasoning_content":"Compare 9.11 and 9.8…","role":"assistant"}}],"usage":{"completion_tokens":10,"prompt_tokens":16,"prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":10,"total_tokens":26,"completion_tokens_details":{"reasoning_tokens":3}}}"#
    static let refusal =
        #"{"id":"chatcmpl-9","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I'm sorry, I cannot assist with that request."},"finish_reason":"stop"}]}"#

    static let chunks = [role, content, finish, usage, toolStart, toolDelta]
    static let wholes = [whole, wholeTools, reasoner, refusal]
}

@Suite("Answers of OpenAI's dialect")
struct OpenAIAnswerTests {
    private func chunk(_ json: String) throws -> AnswerChunk {
        var index = JSONIndex()
        return try OpenAIAnswer.chunk(ByteBuffer(string: json), index: &index)
    }

    private func whole(_ json: String) throws -> AnswerChunk {
        var index = JSONIndex()
        return try OpenAIAnswer.whole(ByteBuffer(string: json), index: &index)
    }

    /// A chunk whose first choice has this delta.
    private func delta(_ json: String) throws -> AnswerChunk { try chunk(#"{"id":"c","choices":[{"index":0,"delta":\#(json)}]}"#) }

    private func texts(_ chunk: AnswerChunk) -> [String] { chunk.fragments.map { String(buffer: $0.text) } }

    private func atRange(_ fragment: AnswerFragment, of chunk: AnswerChunk) throws -> String {
        let range = try #require(fragment.rawRange)
        return String(buffer: try #require(chunk.raw.getSlice(at: chunk.raw.readerIndex + range.lowerBound, length: range.count)))
    }

    @Test("a stream from its role to its usage")
    func stream() throws {
        let role = try chunk(OpenAIGolden.role)
        #expect(
            role.fragments == [
                AnswerFragment(key: AnswerItemKey(choice: 0, kind: .text), text: ByteBuffer(), rawRange: role.fragments.first?.rawRange)
            ])
        #expect(role.finishes.isEmpty && role.usage == nil && !role.isUsageOnly)
        #expect(role.raw == ByteBuffer(string: OpenAIGolden.role))

        let content = try chunk(OpenAIGolden.content)
        #expect(texts(content) == ["Hello"])
        #expect(try atRange(content.fragments[0], of: content) == #""Hello""#)

        let finish = try chunk(OpenAIGolden.finish)
        #expect(finish.fragments.isEmpty)
        #expect(finish.finishes == [AnswerFinish(choice: 0, reason: .stop, providerReason: "stop")])

        let usage = try chunk(OpenAIGolden.usage)
        #expect(usage.isUsageOnly && usage.fragments.isEmpty && usage.finishes.isEmpty)
        #expect(usage.usage == TokenUsage(input: 11, cacheRead: 8, cacheWrite: 0, output: 6, reasoning: 4))
    }

    @Test("a whole answer, its text decoded and its place told with the quotes")
    func wholeAnswer() throws {
        let answer = try whole(OpenAIGolden.whole)
        #expect(texts(answer) == ["Hello! ¿How can I assist you today?"])
        #expect(try atRange(answer.fragments[0], of: answer) == #""Hello! \u00bfHow can I assist you today?""#)
        #expect(answer.finishes == [AnswerFinish(choice: 0, reason: .stop, providerReason: "stop")])
        #expect(answer.usage == TokenUsage(input: 19, output: 10))
        #expect(!answer.isUsageOnly)
    }

    @Test("tool calls: id and name with the first fragment, arguments by index")
    func toolCalls() throws {
        let start = try chunk(OpenAIGolden.toolStart)
        #expect(start.fragments.count == 1)
        #expect(start.fragments[0].key == AnswerItemKey(choice: 0, kind: .toolCall, index: 0))
        #expect(start.fragments[0].callID == "call_DdmO9pD3xa9XTPNJ32zg2hcA" && start.fragments[0].name == "get_weather")
        #expect(start.fragments[0].text.readableBytes == 0 && start.fragments[0].rawRange != nil)

        let more = try chunk(OpenAIGolden.toolDelta)
        #expect(more.fragments[0].key == AnswerItemKey(choice: 0, kind: .toolCall, index: 1))
        #expect(more.fragments[0].callID == nil && more.fragments[0].name == nil)
        #expect(texts(more) == [#"{"city":"Córdoba""#])

        let answer = try whole(OpenAIGolden.wholeTools)
        #expect(answer.fragments.map(\.key.index) == [0, 1])
        #expect(answer.fragments.map(\.callID) == ["call_abc123", "call_def456"])
        #expect(answer.fragments.map(\.name) == ["get_current_weather", "now"])
        #expect(texts(answer) == ["{\n\"location\": \"Boston, MA\"\n}", "{}"])
        #expect(answer.finishes == [AnswerFinish(choice: 0, reason: .toolCalls, providerReason: "tool_calls")])

        let bare = try delta(#"{"tool_calls":[{"index":2,"id":"","function":{"name":"f"}},{"index":3,"id":"x"}]}"#)
        #expect(bare.fragments.map(\.rawRange) == [nil, nil])
        #expect(bare.fragments.map(\.callID) == [nil, "x"])
        #expect(bare.fragments.map(\.name) == ["f", nil])
    }

    @Test("the older function call is a tool call without an id")
    func functionCall() throws {
        let answer = try delta(#"{"function_call":{"name":"f","arguments":"{\"a\""}}"#)
        #expect(answer.fragments.map(\.key) == [AnswerItemKey(choice: 0, kind: .toolCall, index: 0)])
        #expect(answer.fragments.map(\.name) == ["f"] && texts(answer) == [#"{"a""#])
    }

    @Test("reasoning under each of its names, and once when a server uses both")
    func reasoning() throws {
        let answer = try whole(OpenAIGolden.reasoner)
        #expect(answer.fragments.map(\.key.kind) == [.text, .reasoning])
        #expect(texts(answer) == ["9.8 is greater.", "Compare 9.11 and 9.8…"])
        #expect(answer.usage == TokenUsage(input: 10, cacheRead: 6, output: 7, reasoning: 3))
        #expect(try delta(#"{"reasoning":"a"}"#).fragments.map(\.key.kind) == [.reasoning])
        for both in [#"{"reasoning":"a","reasoning_content":"a"}"#, #"{"reasoning_content":"a","reasoning":"a"}"#] {
            // The second is scrubbed and restored where the answer passes, and told by nobody else.
            let fragments = try delta(both).fragments
            #expect(fragments.map { String(buffer: $0.text) } == ["a", "a"])
            #expect(fragments.count { $0.key.kind == .reasoning } == 1 && fragments.count { $0.key.kind == .aside } == 1)
        }
        let details =
            #""reasoning_details":[{"type":"reasoning.text","text":"a","index":0},{"type":"reasoning.encrypted","data":"x"},{"type":"reasoning.summary","summary":"b"}]"#
        #expect(try delta("{\(details)}").fragments.map(\.key) == [0, 2].map { AnswerItemKey(choice: 0, kind: .reasoning, index: $0) })
        let beside = try delta(#"{"reasoning":"ab",\#(details)}"#).fragments
        #expect(beside.map(\.key.kind) == [.reasoning, .aside, .aside] && Set(beside.map(\.key)).count == 3)
        #expect(try texts(delta(#"{"reasoning":"a","reasoning_content":null}"#)) == ["a"])
        #expect(try delta(#"{"reasoning":{"effort":"low"}}"#).fragments.isEmpty)
    }

    @Test("a refusal is text of its own kind")
    func refusal() throws {
        let answer = try whole(OpenAIGolden.refusal)
        #expect(answer.fragments.map(\.key.kind) == [.refusal])
        #expect(texts(answer) == ["I'm sorry, I cannot assist with that request."])
    }

    @Test("content in parts: texts are read, the rest is left alone")
    func parts() throws {
        let answer = try delta(
            #"{"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[]},{"type":"text","text":"b"},{"type":"text"}]}"#)
        #expect(texts(answer) == ["a", "b"])
    }

    @Test("several choices keep their numbers")
    func choices() throws {
        let answer = try chunk(
            #"{"id":"c","choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"length"},{"index":0,"delta":{"content":"a"},"finish_reason":"content_filter"}]}"#
        )
        #expect(answer.fragments.map(\.key.choice) == [1, 0])
        #expect(answer.finishes.map(\.choice) == [1, 0] && answer.finishes.map(\.reason) == [.length, .contentFilter])
    }

    @Test("finish reasons, the unknown and the empty ones too")
    func finishReasons() throws {
        let cases: [(String, FinishReason?)] = [
            ("stop", .stop), ("length", .length), ("tool_calls", .toolCalls), ("function_call", .toolCalls),
            ("content_filter", .contentFilter),
            ("model_length", .length), ("refusal", .refusal), ("insufficient_system_resource", .other), ("", nil),
        ]
        for (word, reason) in cases {
            let answer = try chunk(#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"\#(word)"}]}"#)
            #expect(answer.finishes == (reason.map { [AnswerFinish(choice: 0, reason: $0, providerReason: word)] } ?? []))
        }
    }

    @Test("an event without choices is usage only when it tells usage")
    func noChoices() throws {
        let azure =
            #"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}"#
        #expect(try !chunk(azure).isUsageOnly)
        #expect(try chunk(#"{"usage":{"prompt_tokens":1,"completion_tokens":2}}"#).isUsageOnly)
        #expect(try chunk(#"{"choices":null,"usage":{"prompt_tokens":1,"completion_tokens":2}}"#).isUsageOnly)
        #expect(try !chunk(#"{"id":"c"}"#).isUsageOnly)
    }

    @Test("usage in disjoint classes, whose sum is what was processed")
    func usage() throws {
        let cases: [(String, TokenUsage?)] = [
            ("null", nil), ("{}", nil), ("[]", nil), ("7", nil), (#"{"total_tokens":7}"#, nil), (#"{"prompt_tokens":"7"}"#, nil),
            (#"{"prompt_tokens":-7}"#, nil),
            (#"{"prompt_tokens":7}"#, TokenUsage(input: 7)),
            (
                #"{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":null,"completion_tokens_details":null}"#,
                TokenUsage(input: 7, output: 3)
            ),
            // More cached or reasoned than there is: capped, never below zero.
            (
                #"{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":9},"completion_tokens_details":{"reasoning_tokens":5}}"#,
                TokenUsage(cacheRead: 7, reasoning: 3)
            ),
            (
                #"{"prompt_tokens":10,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":5}}"#,
                TokenUsage(input: 3, cacheRead: 2, cacheWrite: 5)
            ),
            // xAI: reasoning is beside the completion, and the total says so.
            (
                #"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":94}}"#,
                TokenUsage(input: 32, output: 9, reasoning: 94)
            ),
            // Gemini: only the total knows of the reasoning.
            (#"{"prompt_tokens":8,"completion_tokens":10,"total_tokens":60}"#, TokenUsage(input: 8, output: 10, reasoning: 42)),
            (
                #"{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,"total_tokens":9223372036854775807}"#,
                TokenUsage(input: UInt64(Int64.max), output: UInt64(Int64.max))
            ),
        ]
        for (json, usage) in cases {
            #expect(try chunk(#"{"id":"c","choices":[],"usage":\#(json)}"#).usage == usage, "\(json)")
        }
    }

    static let unusable = [
        "", "{", "[]", "null", "\"Hello\"", "<html>", "{}", #"{"object":"chat.completion"}"#, #"{"id":"c","choices":{}}"#,
        #"{"id":"c","choices":[7]}"#,
        #"{"id":"c","choices":[{"index":-1}]}"#, #"{"id":"c","choices":[{"index":1024}]}"#, #"{"id":"c","choices":[{"index":"0"}]}"#,
        #"{"id":"c","choices":[{"index":0,"delta":{"content":7}}]}"#, #"{"id":"c","choices":[{"index":0,"delta":{"refusal":{}}}]}"#,
        #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":{}}}]}"#,
        #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":["f"]}}]}"#,
        #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":{}}}]}}]}"#,
        #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0.5}]}}]}"#,
        // What stands twice could be read in two ways.
        #"{"id":"c","choices":[],"choices":[]}"#, #"{"id":"c","choices":[{"index":0,"index":1}]}"#,
        #"{"id":"c","choices":[{"delta":{"content":"a","\u0063ontent":"b"}}]}"#, #"{"id":"c","choices":[{"delta":{},"delta":{}}]}"#,
        #"{"id":"c","choices":[{"delta":{"tool_calls":[{"function":{"name":"a","name":"b"}}]}}]}"#,
        #"{"id":"c","usage":{"prompt_tokens":1,"prompt_tokens":2}}"#,
        // What could reach a header or a log.
        #"{"id":"c","choices":[{"delta":{},"finish_reason":"stop\n"}]}"#,
        #"{"id":"c","choices":[{"delta":{"tool_calls":[{"id":"\u001b"}]}}]}"#,
        #"{"id":"c","choices":[{"delta":{"tool_calls":[{"function":{"name":"a\tb"}}]}}]}"#,
        "{\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"\(String(repeating: "x", count: 65))\"}]}",
    ]

    @Test("what is no answer is refused as the provider's fault", arguments: unusable)
    func refused(json: String) {
        let fault = #expect(throws: Fault.self) { try chunk(json) }
        #expect(fault?.kind == .upstreamBadAnswer && fault?.origin == .upstream)
        // The answer's own bytes are nobody's business.
        #expect(fault.map { json.count > 8 && $0.message.contains(json) } != true)
    }

    @Test(
        "an answer with nothing in it is none",
        arguments: [#"{"id":"c"}"#, #"{"id":"c","choices":[]}"#, #"{"id":"c","choices":[{"index":0}]}"#])
    func emptyWhole(json: String) {
        #expect(throws: Fault.self) { try whole(json) }
    }

    @Test("pieces of one event are limited")
    func tooManyPieces() throws {
        func calls(_ count: Int) -> String {
            let choice = #"{"delta":{"tool_calls":[\#(Array(repeating: "{}", count: 512).joined(separator: ","))]}}"#
            return #"{"id":"c","choices":[\#(Array(repeating: choice, count: count).joined(separator: ","))]}"#
        }
        #expect(try chunk(calls(8)).fragments.count == 4096)
        #expect(throws: Fault.self) { try chunk(calls(9)) }
        let finishes = Array(repeating: #"{"finish_reason":"stop"}"#, count: 1025).joined(separator: ",")
        #expect(throws: Fault.self) { try chunk(#"{"id":"c","choices":[\#(finishes)]}"#) }
    }
}
