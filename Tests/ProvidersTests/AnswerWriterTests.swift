import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

/// Answers of one dialect, told in the other.
@Suite("answers between dialects")
struct AnswerWriterTests {
    private static func head() throws -> AnswerHead {
        AnswerHead(
            requestID: try #require(RequestID("req_00000000000000000000000000000001")), model: "smart", provider: "p", cache: .miss,
            routeReason: "exact", createdUnixSeconds: 1_700_000_000, scrubbed: [], rateLimit: nil)
    }

    private static func read(openAI event: String) throws -> AnswerChunk {
        var index = JSONIndex()
        return try OpenAIAnswer.chunk(ByteBuffer(string: event), index: &index)
    }

    private static let usage = TokenUsage(input: 10, cacheRead: 4, cacheWrite: 2, output: 5, reasoning: 3)

    @Test("a signature of Google's is that of the thinking before it, or a block by itself")
    func sealedBlocks() throws {
        var index = JSONIndex()
        let parts = [
            #"{"text":"Hm","thought":true}"#, #"{"functionCall":{"id":"c","name":"f","args":{}},"thoughtSignature":"QQ=="}"#,
            #"{"text":"Hi","thoughtSignature":"Qg=="}"#,
        ]
        let events = parts.map { #"{"candidates":[{"content":{"parts":[\#($0)]},"index":0}]}"# }
        var reader = GeminiAnswerReader()
        var writer = AnthropicAnswerWriter(try Self.head())
        var output = ByteBuffer()
        for event in events { try writer.write(reader.read(ByteBuffer(string: event), index: &index), into: &output) }
        let told = String(buffer: output)
        #expect(told.ranges(of: #""content_block":{"type":"thinking""#).count == 2)
        #expect(told.contains(#""index":0,"delta":{"type":"signature_delta","signature":"gemini/QQ=="}"#))
        #expect(told.contains(#""index":3,"delta":{"type":"signature_delta","signature":"gemini/Qg=="}"#))

        let whole = #"{"candidates":[{"content":{"parts":[\#(parts.joined(separator: ","))]},"finishReason":"STOP","index":0}]}"#
        var wholeReader = GeminiAnswerReader()
        let chunk = try wholeReader.read(ByteBuffer(string: whole), index: &index)
        var message = ByteBuffer()
        var wholeWriter = AnthropicAnswerWriter(try Self.head())
        try wholeWriter.write(whole: chunk, Self.usage, index: &index, into: &message)
        #expect(
            String(buffer: message).contains(
                #""content":[{"type":"thinking","thinking":"Hm","signature":"gemini/QQ=="},{"type":"tool_use","id":"c","name":"f","input":{}},{"type":"text","text":"Hi"},{"type":"thinking","thinking":"","signature":"gemini/Qg=="}]"#
            ))
        var chat = ByteBuffer()
        OpenAIAnswerWriter(try Self.head()).write(whole: chunk, Self.usage, into: &chat)
        #expect(
            String(buffer: chat).contains(
                #""thinking_blocks":[{"type":"thought_signature","signature":"QQ==","tool_call_id":"c"},{"type":"thought_signature","signature":"Qg=="}]"#
            ))
    }

    @Test("a stream of messages as chunks: a role first, calls numbered, thinking with its block, usage at the end")
    func openAIStream() throws {
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        var writer = OpenAIAnswerWriter(try Self.head())
        var output = ByteBuffer()
        for event in [
            #"{"type":"message_start","message":{"usage":{"input_tokens":1}}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
            #"{"type":"content_block_stop","index":0}"#, #"{"type":"ping"}"#,
            #"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            #"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi\n"}}"#,
            #"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}"#,
            #"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            #"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}}}"#,
            #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}"#,
        ] {
            guard case .chunk(let chunk) = try reader.event(ByteBuffer(string: event), index: &index) else { continue }
            writer.write(chunk, into: &output)
        }
        writer.write(Self.usage, into: &output)
        func event(_ rest: String) -> String {
            #"data: {"id":"chatcmpl-00000000000000000000000000000001","object":"chat.completion.chunk","created":1700000000,"model":"smart","choices":["#
                + rest + "}\n\n"
        }
        func choice(_ delta: String, finish: String = "null") -> String {
            event(#"{"index":0,"delta":{\#(delta)},"logprobs":null,"finish_reason":\#(finish)}]"#)
        }
        let expected = [
            choice(#""role":"assistant","reasoning_content":"Hm""#),
            choice(#""thinking_blocks":[{"type":"thinking","thinking":"Hm","signature":"c2ln"}]"#), choice(#""content":"Hi\n""#),
            choice(#""tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]"#),
            choice(#""tool_calls":[{"index":0,"function":{"arguments":"{}"}}]"#),
            choice(#""tool_calls":[{"index":1,"id":"t2","type":"function","function":{"name":"g","arguments":""}}]"#),
            choice("", finish: #""tool_calls""#),
            event(
                #"],"usage":{"prompt_tokens":16,"completion_tokens":8,"total_tokens":24,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}}"#
            ),
        ]
        #expect(String(buffer: output) == expected.joined())
    }

    @Test("a whole message as a completion")
    func openAIWhole() throws {
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        let chunk = try reader.whole(
            ByteBuffer(
                string:
                    #"{"type":"message","content":[{"type":"text","text":"I "},{"type":"text","text":"look."},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}],"stop_reason":"tool_use"}"#
            ), index: &index)
        var output = ByteBuffer()
        OpenAIAnswerWriter(try Self.head()).write(whole: chunk, TokenUsage(input: 1, output: 2), into: &output)
        #expect(
            String(buffer: output)
                == #"{"id":"chatcmpl-00000000000000000000000000000001","object":"chat.completion","created":1700000000,"model":"smart","choices":[{"index":0,"message":{"role":"assistant","content":"I look.","refusal":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#
        )
    }

    @Test("a stream of chunks as a message: blocks begin and end, and its own end tells reason and usage")
    func messagesStream() throws {
        var writer = AnthropicAnswerWriter(try Self.head())
        var output = ByteBuffer()
        for event in [
            #"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            #"{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]}"#,
            #"{"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
            #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","function":{"name":"f","arguments":""}}]}}]}"#,
            #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#,
            #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"t2","function":{"name":"g","arguments":"{}"}}]}}]}"#,
            #"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        ] { try writer.write(Self.read(openAI: event), into: &output) }
        writer.end(Self.usage, into: &output)
        func event(_ type: String, _ rest: String = "") -> String { "event: \(type)\ndata: {\"type\":\"\(type)\"\(rest)}\n\n" }
        func start(_ index: Int, _ block: String) -> String {
            event("content_block_start", #","index":\#(index),"content_block":{\#(block)}"#)
        }
        func delta(_ index: Int, _ delta: String) -> String { event("content_block_delta", #","index":\#(index),"delta":{\#(delta)}"#) }
        func stop(_ index: Int) -> String { event("content_block_stop", #","index":\#(index)"#) }
        let expected = [
            event(
                "message_start",
                #","message":{"id":"msg_00000000000000000000000000000001","type":"message","role":"assistant","model":"smart","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}"#
            ), start(0, #""type":"thinking","thinking":"","signature":"""#), delta(0, #""type":"thinking_delta","thinking":"Hm""#), stop(0),
            start(1, #""type":"text","text":"""#), delta(1, #""type":"text_delta","text":"Hi""#), stop(1),
            start(2, #""type":"tool_use","id":"t1","name":"f","input":{}"#), delta(2, #""type":"input_json_delta","partial_json":"{}""#),
            stop(2), start(3, #""type":"tool_use","id":"t2","name":"g","input":{}"#),
            delta(3, #""type":"input_json_delta","partial_json":"{}""#), stop(3),
            event(
                "message_delta",
                #","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"output_tokens":8}"#
            ), event("message_stop"),
        ]
        #expect(String(buffer: output) == expected.joined())
    }

    @Test("a tool call that goes on behind another one cannot be told in blocks")
    func interleaved() throws {
        var writer = AnthropicAnswerWriter(try Self.head())
        var output = ByteBuffer()
        func call(_ index: Int) throws -> AnswerChunk {
            try Self.read(
                openAI: #"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":\#(index),"function":{"arguments":"1"}}]}}]}"#)
        }
        try writer.write(call(0), into: &output)
        try writer.write(call(1), into: &output)
        let fault = #expect(throws: Fault.self) { try writer.write(call(0), into: &output) }
        #expect(fault?.kind == .upstreamBadAnswer)
    }

    @Test(
        "a whole completion as a message, with the reason that it ended for",
        arguments: [
            ("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), ("tool_calls", "tool_use"), ("odd", "end_turn"),
        ])
    func messagesWhole(reason: String, expected: String) throws {
        var index = JSONIndex()
        let chunk = try OpenAIAnswer.whole(
            ByteBuffer(
                string: #"{"id":"c","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"\#(reason)"}]}"#), index: &index)
        var output = ByteBuffer()
        var writer = AnthropicAnswerWriter(try Self.head())
        try writer.write(whole: chunk, TokenUsage(input: 1, output: 2), index: &index, into: &output)
        #expect(
            String(buffer: output)
                == #"{"id":"msg_00000000000000000000000000000001","type":"message","role":"assistant","model":"smart","content":[{"type":"text","text":"Hi"}],"stop_reason":"\#(expected)","stop_sequence":null,"usage":{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}"#
        )
    }

    @Test(
        "a call's arguments must be an object in a message",
        arguments: [("{\\\"a\\\": 1}", true), ("", true), ("[1]", false), ("{", false)])
    func arguments(text: String, isSound: Bool) throws {
        var index = JSONIndex()
        let chunk = try OpenAIAnswer.whole(
            ByteBuffer(
                string:
                    #"{"id":"c","choices":[{"index":0,"message":{"tool_calls":[{"id":"t","function":{"name":"f","arguments":"\#(text)"}}]},"finish_reason":"stop"}]}"#
            ), index: &index)
        var output = ByteBuffer()
        var writer = AnthropicAnswerWriter(try Self.head())
        do {
            try writer.write(whole: chunk, TokenUsage(), index: &index, into: &output)
            #expect(isSound)
            #expect(String(buffer: output).contains(#""stop_reason":"tool_use""#))
        } catch {
            #expect(!isSound)
        }
    }
}
