import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

/// Events and messages as Anthropic's documentation of the Messages API shows them.
@Suite("answers in Anthropic's dialect")
struct AnthropicAnswerTests {
    /// Reads events; `nil` in the place of the stream's mark of its end.
    private static func read(_ events: [String]) throws -> [AnswerChunk?] {
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        return try events.map { event in
            if case .chunk(let chunk) = try reader.event(ByteBuffer(string: event), index: &index) { chunk } else { nil }
        }
    }

    private static func whole(_ message: String) throws -> AnswerChunk {
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        return try reader.whole(ByteBuffer(string: message), index: &index)
    }

    private static let start =
        #"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude-opus-4-1","#
        + #""stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":7,"#
        + #""cache_read_input_tokens":11,"output_tokens":1}}}"#

    @Test("reads a stream of text, with the usage of its start and its end in one")
    func text() throws {
        let chunks = try Self.read([
            Self.start, #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#, #"{"type": "ping"}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel\u006co"}}"#,
            #"{"type":"content_block_stop","index":0}"#,
            #"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
            #"{"type":"message_stop"}"#,
        ])
        #expect(
            chunks.map { $0?.event } == [
                "message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop", "message_delta", nil,
            ])
        #expect(chunks.allSatisfy { $0 == nil || $0?.dialect == .anthropic })
        #expect(chunks.prefix(3).allSatisfy { $0?.fragments.isEmpty == true })
        let fragment = try #require(chunks[3]?.fragments.first)
        #expect(fragment.key == AnswerItemKey(choice: 0, kind: .text, index: 0))
        #expect(String(buffer: fragment.text) == "Hello")
        let range = try #require(fragment.rawRange)
        #expect(chunks[3]?.raw.getString(at: range.lowerBound, length: range.count) == #""Hel\u006co""#)
        #expect(chunks[4]?.endedBlock == 0)
        #expect(chunks[5]?.finishes == [AnswerFinish(choice: 0, reason: .stop, providerReason: "end_turn")])
        #expect(chunks[5]?.usage == TokenUsage(input: 25, cacheRead: 11, cacheWrite: 7, output: 15))
    }

    @Test("reads parallel tool calls by their blocks, arguments as they are cut")
    func toolCalls() throws {
        let chunks = try Self.read([
            #"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}"#,
            #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"location\":"}}"#,
            #"{"type":"content_block_stop","index":1}"#,
            #"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_2","name":"get_time","input":{"zone":"CET"}}}"#,
            #"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}"#,
        ])
        let first = try #require(chunks[0]?.fragments.first)
        #expect(first.key == AnswerItemKey(choice: 0, kind: .toolCall, index: 1))
        #expect(first.callID == "toolu_1" && first.name == "get_weather" && first.rawRange == nil)
        #expect(chunks[2]?.fragments.first.map { String(buffer: $0.text) } == #"{"location":"#)
        let second = try #require(chunks[4]?.fragments.first)
        #expect(second.isJSON && String(buffer: second.text) == #"{"zone":"CET"}"#)
        #expect(chunks[5]?.finishes.first?.reason == .toolCalls)
    }

    @Test("gathers signed thinking in a block that can be sent back")
    func thinking() throws {
        let chunks = try Self.read([
            #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me \"see\""}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" 453"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQBCgIYAhIM1gbc"}}"#,
            #"{"type":"content_block_stop","index":0}"#,
            #"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwKAhgB"}}"#,
        ])
        #expect(chunks[1]?.fragments.first?.key == AnswerItemKey(choice: 0, kind: .reasoning, index: 0))
        let block = try #require(chunks[4]?.fragments.first)
        #expect(block.key.kind == .block && block.name == "thinking")
        #expect(String(buffer: block.text) == #"{"type":"thinking","thinking":"Let me \"see\" 453","signature":"EqQBCgIYAhIM1gbc"}"#)
        #expect(chunks[5]?.fragments.first.map { String(buffer: $0.text) } == #"{"type":"redacted_thinking","data":"EmwKAhgB"}"#)
    }

    @Test("reads a whole message, tool calls with their arguments as an object")
    func wholeMessage() throws {
        let chunk = try Self.whole(
            #"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":["#
                + #"{"type":"thinking","thinking":"Hm","signature":"c2ln"},{"type":"text","text":"I will look."},"#
                + #"{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"location": "Paris"}}],"stop_reason":"tool_use","#
                + #""stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}"#)
        #expect(chunk.fragments.map(\.key.kind) == [.reasoning, .block, .text, .toolCall])
        #expect(
            chunk.fragments.map { String(buffer: $0.text) } == [
                "Hm", #"{"type":"thinking","thinking":"Hm","signature":"c2ln"}"#, "I will look.", #"{"location": "Paris"}"#,
            ])
        #expect(chunk.usage == TokenUsage(input: 10, output: 5))
        #expect(chunk.finishes.first?.reason == .toolCalls)
    }

    @Test("what citations quote is read, in document order, and the prompt's count from the first event on")
    func asides() throws {
        let citation = #"{"type":"char_location","cited_text":"by Ana","document_title":"Notes","start_char_index":0}"#
        let texts = [
            #"{"type":"text","text":"She did.","citations":[\#(citation)]}"#,
            #"{"citations":[\#(citation)],"type":"text","text":"She did."}"#,
        ]
        for (text, order) in zip(texts, [["She did.", "by Ana", "Notes"], ["by Ana", "Notes", "She did."]]) {
            let chunk = try Self.whole(#"{"type":"message","content":[\#(text)],"stop_reason":"end_turn"}"#)
            #expect(chunk.fragments.map { String(buffer: $0.text) } == order)
            #expect(chunk.fragments.allSatisfy { ($0.key.kind == .aside) == $0.endsItem })
        }
        let events = try Self.read([
            #"{"type":"message_start","message":{"usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":\#(citation)}}"#,
        ])
        #expect(events[0]?.usageSoFar == TokenUsage(input: 25, cacheRead: 5, output: 1) && events[0]?.usage == nil)
        #expect(events[1]?.fragments.map { String(buffer: $0.text) } == ["by Ana", "Notes"])
    }

    @Test(
        "knows why a message ended",
        arguments: [
            ("end_turn", FinishReason.stop), ("stop_sequence", .stop), ("max_tokens", .length), ("model_context_window_exceeded", .length),
            ("tool_use", .toolCalls), ("refusal", .refusal), ("pause_turn", .other),
        ])
    func finishReasons(word: String, reason: FinishReason) throws {
        let chunk = try Self.whole(#"{"type":"message","content":[{"type":"text","text":"x"}],"stop_reason":"\#(word)"}"#)
        #expect(chunk.finishes == [AnswerFinish(choice: 0, reason: reason, providerReason: word)])
    }

    @Test(
        "an error in a stream is what it stands for",
        arguments: [
            ("overloaded_error", FaultKind.upstreamOverloaded), ("billing_error", .upstreamCredential), ("api_error", .upstreamError),
            ("rate_limit_error", .upstreamRateLimited),
            ("authentication_error", .upstreamCredential), ("permission_error", .upstreamCredential),
            ("invalid_request_error", .upstreamRejected), ("timeout_error", .upstreamTimeout),
        ])
    func errors(type: String, kind: FaultKind) {
        let event = #"{"type":"error","error":{"type":"\#(type)","message":"Overloaded"}}"#
        let fault = #expect(throws: Fault.self) { try Self.read([event]) }
        #expect(fault?.kind == kind)
    }

    @Test(
        "what is no event is refused, whatever it is",
        arguments: [
            "", "[]", "{}", "nonsense", #"{"type":7}"#, #"{"type":"content_block_start","index":0}"#,
            #"{"type":"content_block_start","index":-1,"content_block":{"type":"text"}}"#,
            #"{"type":"content_block_start","index":99999999,"content_block":{"type":"text"}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":"{}"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","text":"b"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{}}"#, #"{"type":"content_block_stop"}"#,
        ])
    func garbage(event: String) {
        let fault = #expect(throws: Fault.self) { try Self.read([event]) }
        #expect(fault?.kind == .upstreamBadAnswer)
    }

    @Test(
        "events that nobody knows yet, and blocks of servers' tools, pass",
        arguments: [
            #"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"x"}}}"#,
            #"{"type":"new_event"}"#,
        ])
    func unknown(event: String) throws {
        let chunk = try #require(try Self.read([event])[0])
        #expect(chunk.fragments.isEmpty && String(buffer: chunk.raw) == event)
    }

    @Test("a stream that is cut at its cap ends as one that has come to it")
    func cap() throws {
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        _ = try reader.event(
            ByteBuffer(string: #"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}"#), index: &index)
        let ending = reader.endingAtCap()
        #expect(ending.map(\.event) == ["content_block_stop", "message_delta"])
        #expect(ending[0].endedBlock == 3)
        #expect(ending[1].finishes == [AnswerFinish(choice: 0, reason: .length, providerReason: "max_tokens")])
    }
}
