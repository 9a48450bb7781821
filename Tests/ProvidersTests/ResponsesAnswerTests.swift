import Foundation
import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

/// Answers told as OpenAI's Responses API does.
@Suite("answers as responses")
struct ResponsesAnswerTests {
    private static let suffix = "00000000000000000000000000000001"
    private static let usage = TokenUsage(input: 10, cacheRead: 4, cacheWrite: 2, output: 5, reasoning: 3)

    private static func writer(
        _ request: String = "{}", framing: ResponsesAnswerWriter.Framing = .events
    ) throws -> ResponsesAnswerWriter {
        let head = AnswerHead(
            requestID: try #require(RequestID("req_\(suffix)")), model: "smart", provider: "p", cache: .miss, routeReason: "exact",
            createdUnixSeconds: 1_700_000_000, scrubbed: [], rateLimit: nil)
        var index = JSONIndex()
        return ResponsesAnswerWriter(head, ResponsesEcho(of: ByteBuffer(string: request), index: &index), framing: framing)
    }

    private static func read(openAI event: String) throws -> AnswerChunk {
        var index = JSONIndex()
        return try OpenAIAnswer.chunk(ByteBuffer(string: event), index: &index)
    }

    /// A chunk of a chat completion.
    private static func delta(_ delta: String, finish: String = "null") throws -> AnswerChunk {
        try read(openAI: #"{"id":"c","choices":[{"index":0,"delta":{\#(delta)},"finish_reason":\#(finish)}]}"#)
    }

    /// Each event's type, with what it says besides, the response aside.
    private static func events(_ output: ByteBuffer) throws -> [(type: String, data: JSONObject)] {
        try String(buffer: output).components(separatedBy: "\n\n").filter { !$0.isEmpty }.enumerated().map { number, event in
            let lines = event.components(separatedBy: "\n")
            try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "), "\(event)")
            let data = try JSONObject(String(lines[1].dropFirst(6)))
            let type = try #require(data.string("type"))
            #expect(lines[0] == "event: \(type)" && data.int("sequence_number") == number)
            return (type, data)
        }
    }

    @Test("a text: every event in its order, and the whole response at the end")
    func text() throws {
        var writer = try Self.writer(
            #"{"instructions":"Be\nkind","max_output_tokens":9,"tools":[ ],"metadata":{"a":"b"},"store":true,"temperature":0.5}"#)
        var output = ByteBuffer()
        for chunk in [
            try Self.delta(#""role":"assistant","content":"""#), try Self.delta(#""content":"Hi ""#), try Self.delta(#""content":"you""#),
            try Self.delta("", finish: #""stop""#),
        ] {
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let id = "msg_\(Self.suffix)0000"
        func response(_ status: String, _ output: String, _ usage: String) -> String {
            #"{"id":"resp_\#(Self.suffix)","object":"response","created_at":1700000000,"status":"\#(status)","background":false,"error":null,"incomplete_details":null,"model":"smart","output":[\#(output)],"previous_response_id":null,"store":false,"instructions":"Be\nkind","max_output_tokens":9,"max_tool_calls":null,"metadata":{"a":"b"},"parallel_tool_calls":true,"prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"auto","temperature":0.5,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[ ],"top_logprobs":0,"top_p":null,"truncation":"disabled","user":null,"usage":\#(usage)}"#
        }
        var number = 0
        func event(_ type: String, _ rest: String) -> String {
            defer { number += 1 }
            return "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":\(number),\(rest)}\n\n"
        }
        let place = #""item_id":"\#(id)","output_index":0,"content_index":0"#
        let part = #"{"type":"output_text","text":"Hi you","annotations":[],"logprobs":[]}"#
        let item = #"{"id":"\#(id)","type":"message","status":"completed","role":"assistant","content":[\#(part)]}"#
        let expected = [
            event("response.created", #""response":\#(response("in_progress", "", "null"))"#),
            event("response.in_progress", #""response":\#(response("in_progress", "", "null"))"#),
            event(
                "response.output_item.added",
                #""output_index":0,"item":{"id":"\#(id)","type":"message","status":"in_progress","role":"assistant","content":[]}"#),
            event("response.content_part.added", #"\#(place),"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#),
            event("response.output_text.delta", #"\#(place),"delta":"Hi ","logprobs":[]"#),
            event("response.output_text.delta", #"\#(place),"delta":"you","logprobs":[]"#),
            event("response.output_text.done", #"\#(place),"text":"Hi you","logprobs":[]"#),
            event("response.content_part.done", #"\#(place),"part":\#(part)"#),
            event("response.output_item.done", #""output_index":0,"item":\#(item)"#),
            event(
                "response.completed",
                #""response":"#
                    + response(
                        "completed", item,
                        #"{"input_tokens":16,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":8,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":24}"#
                    )),
        ]
        #expect(String(buffer: output) == expected.joined())
    }

    @Test("reasoning, text and calls are items of their own, one behind the other")
    func items() throws {
        var writer = try Self.writer()
        var output = ByteBuffer()
        for chunk in [
            try Self.delta(#""reasoning_content":"Hm""#), try Self.delta(#""content":"I look.""#),
            try Self.delta(#""tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":""}}]"#),
            try Self.delta(#""tool_calls":[{"index":0,"function":{"arguments":"{\"a\":\"}\""}}]"#),
            try Self.delta(#""tool_calls":[{"index":0,"function":{"arguments":"}"}}]"#),
            try Self.delta(#""tool_calls":[{"index":1,"id":"c2","function":{"name":"g","arguments":"{}"}}]"#),
            try Self.delta("", finish: #""tool_calls""#),
        ] {
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let events = try Self.events(output)
        let types = [
            "created", "in_progress", "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
            "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done", "output_item.added", "content_part.added",
            "output_text.delta", "output_text.done", "content_part.done", "output_item.done", "output_item.added",
            "function_call_arguments.delta", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
            "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done", "completed",
        ]
        #expect(events.map(\.type) == types.map { "response.\($0)" })
        let whole = try #require(events.last).data
        #expect((0..<4).map { whole.string("response.output.\($0).type") } == ["reasoning", "message", "function_call", "function_call"])
        #expect(whole.string("response.output.0.summary.0.text") == "Hm" && whole.string("response.output.0.encrypted_content") == nil)
        #expect(whole.string("response.output.2.arguments") == #"{"a":"}"}"# && whole.string("response.output.2.call_id") == "c1")
        #expect(whole.string("response.output.3.name") == "g" && whole.string("response.output.3.status") == "completed")
    }

    @Test("a custom tool is called with its text, told when it is whole, in whatever pieces the arguments come")
    func customTool() throws {
        let request = #"{"tools":[{"type":"custom","name":"patch"},{"type":"function","name":"f"}]}"#
        var writer = try Self.writer(request)
        var output = ByteBuffer()
        for chunk in [
            try Self.delta(#""tool_calls":[{"index":0,"id":"c1","function":{"name":"patch","arguments":""}}]"#),
            try Self.delta(#""tool_calls":[{"index":0,"function":{"arguments":"{\"input\":\"a\\"}}]"#),
            try Self.delta(#""tool_calls":[{"index":0,"function":{"arguments":"nb\"}"}}]"#),
            try Self.delta(#""tool_calls":[{"index":1,"id":"c2","function":{"name":"f","arguments":"{\"input\":\"a\"}"}}]"#),
            try Self.delta(#""tool_calls":[{"index":2,"id":"c3","function":{"name":"patch","arguments":"just this"}}]"#),
            try Self.delta("", finish: #""tool_calls""#),
        ] {
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let events = try Self.events(output)
        let custom = ["output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"]
        let function = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
        #expect(events.map(\.type) == (["created", "in_progress"] + custom + function + custom + ["completed"]).map { "response.\($0)" })
        #expect(events[2].data.string("item.type") == "custom_tool_call" && events[2].data.string("item.input") == "")
        #expect(events[3].data.string("delta") == "a\nb" && events[4].data.string("input") == "a\nb")
        let whole = try #require(events.last).data
        #expect((0..<3).map { whole.string("response.output.\($0).type") } == ["custom_tool_call", "function_call", "custom_tool_call"])
        #expect(
            whole.string("response.output.0.id") == "ctc_\(Self.suffix)0000" && events[3].data.string("item_id") == "ctc_\(Self.suffix)0000"
        )
        #expect(whole.string("response.output.0.input") == "a\nb" && whole.string("response.output.0.call_id") == "c1")
        #expect(whole.string("response.output.1.arguments") == #"{"input":"a"}"# && whole.string("response.output.2.input") == "just this")
    }

    @Test("a custom tool's text that was cut is not told: what is left of the arguments is no text of the model's")
    func cutCustomTool() throws {
        var writer = try Self.writer(#"{"tools":[{"type":"custom","name":"patch"}]}"#)
        var output = ByteBuffer()
        for chunk in [
            try Self.delta(#""tool_calls":[{"index":0,"id":"c1","function":{"name":"patch","arguments":"{\"input\": \"*** Begin\\nPa"}}]"#),
            try Self.delta("", finish: #""length""#),
        ] {
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let whole = try #require(try Self.events(output).last).data
        #expect(whole.string("response.output.0.type") == "custom_tool_call" && whole.string("response.output.0.status") == "incomplete")
        #expect(whole.string("response.output.0.input") == "")
    }

    @Test("log probabilities, where they were asked for, stand beside their text, and all of them at its end")
    func logprobs() throws {
        let first = #"{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[]}"#
        let chunks = try [("Hi", first), (" you", #"{"token":" you","logprob":-1,"bytes":null,"top_logprobs":[]}"#)].map { text, told in
            try Self.read(
                openAI:
                    #"{"id":"c","choices":[{"index":0,"delta":{"content":"\#(text)"},"logprobs":{"content":[\#(told)]},"finish_reason":null}]}"#
            )
        }
        for (request, count) in [(#"{"include":["message.output_text.logprobs"]}"#, 1), (#"{"top_logprobs":2}"#, 1), ("{}", 0)] {
            var writer = try Self.writer(request)
            var output = ByteBuffer()
            for chunk in chunks { try writer.write(chunk, into: &output) }
            writer.end(Self.usage, into: &output)
            let events = try Self.events(output)
            let deltas = events.filter { $0.type == "response.output_text.delta" }
            #expect(deltas.map { $0.data.count("logprobs") } == [count, count])
            #expect(deltas[0].data.string("logprobs.0.token") == (count == 1 ? "Hi" : nil))
            #expect(events.first { $0.type == "response.output_text.done" }?.data.count("logprobs") == 2 * count)
            #expect(events.last?.data.count("response.output.0.content.0.logprobs") == 2 * count)
        }
    }

    @Test("calls that a server sends beside each other are told beside each other; a name may come late, an id never")
    func callsBeside() throws {
        var writer = try Self.writer()
        var output = ByteBuffer()
        for chunk in [
            try Self.delta(#""tool_calls":[{"index":0,"id":"c1","function":{"name":"f"}},{"index":1,"function":{"arguments":"{\"b\""}}]"#),
            try Self.delta(
                #""tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"name":"g","arguments":":1}"}}]"#),
            try Self.delta("", finish: #""stop""#),
        ] {
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let events = try Self.events(output)
        #expect(
            events.filter { $0.type.contains("arguments") || $0.type.contains("item") }.map {
                "\($0.type.dropFirst(9)) \($0.data.int("output_index") ?? -1)"
            }
                == [
                    "output_item.added 0", "function_call_arguments.delta 0", "output_item.added 1", "function_call_arguments.delta 1",
                    "function_call_arguments.done 0", "output_item.done 0", "function_call_arguments.done 1", "output_item.done 1",
                ])
        let whole = try #require(events.last).data
        #expect(whole.string("response.output.1.arguments") == #"{"b":1}"# && whole.string("response.output.1.name") == "g")
        #expect(whole.string("response.output.1.call_id") == "call_\(Self.suffix)0001")
    }

    @Test("calls behind one without a name wait for it: the name says what kind of item it is")
    func lateName() throws {
        var writer = try Self.writer(#"{"tools":[{"type":"custom","name":"patch"},{"type":"function","name":"f"}]}"#)
        var output = ByteBuffer()
        for chunk in [
            try Self.delta(#""tool_calls":[{"index":0,"id":"c1","function":{"arguments":"{\"input\":"}}]"#),
            try Self.delta(#""tool_calls":[{"index":1,"id":"c2","function":{"name":"f","arguments":"{}"}}]"#),
            try Self.delta(#""tool_calls":[{"index":2,"id":"c3","function":{"name":"f","arguments":"{"}}]"#),
            try Self.delta(#""tool_calls":[{"index":0,"function":{"name":"patch","arguments":"\"a\"}"}}]"#),
            try Self.delta(#""tool_calls":[{"index":2,"function":{"arguments":"}"}}]"#),
            try Self.delta("", finish: #""tool_calls""#),
        ] {
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let events = try Self.events(output)
        #expect(
            events.filter { $0.data.int("output_index") != nil }.map { "\($0.type.dropFirst(9)) \($0.data.int("output_index") ?? -1)" }
                == [
                    "output_item.added 0", "output_item.added 1", "function_call_arguments.delta 1", "output_item.added 2",
                    "function_call_arguments.delta 2", "function_call_arguments.delta 2", "custom_tool_call_input.delta 0",
                    "custom_tool_call_input.done 0", "output_item.done 0", "function_call_arguments.done 1", "output_item.done 1",
                    "function_call_arguments.done 2", "output_item.done 2",
                ])
        let whole = try #require(events.last).data
        #expect((0..<3).map { whole.string("response.output.\($0).type") } == ["custom_tool_call", "function_call", "function_call"])
        #expect(whole.string("response.output.0.input") == "a" && whole.string("response.output.2.arguments") == "{}")
    }

    @Test("an answer of Messages: signed thinking keeps its seal, sealed thinking is an item without text")
    func messages() throws {
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        var writer = try Self.writer()
        var output = ByteBuffer()
        for event in [
            #"{"type":"message_start","message":{"usage":{"input_tokens":1}}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
            #"{"type":"content_block_stop","index":0}"#,
            #"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"ZGF0YQ=="}}"#,
            #"{"type":"content_block_stop","index":1}"#,
            #"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
            #"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hi"}}"#,
            #"{"type":"content_block_stop","index":2}"#,
            #"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":5}}"#,
        ] {
            guard case .chunk(let chunk) = try reader.event(ByteBuffer(string: event), index: &index) else { continue }
            try writer.write(chunk, into: &output)
        }
        writer.end(Self.usage, into: &output)
        let last = try #require(try Self.events(output).last)
        #expect(last.type == "response.incomplete" && last.data.string("response.status") == "incomplete")
        #expect(last.data.string("response.incomplete_details.reason") == "max_output_tokens")
        #expect(last.data.string("response.output.0.summary.0.text") == "Hm")
        #expect(last.data.string("response.output.0.encrypted_content") == "thinking/c2ln")
        #expect(last.data.count("response.output.1.summary") == 0)
        #expect(last.data.string("response.output.1.encrypted_content") == "redacted/ZGF0YQ==")
        #expect(last.data.string("response.output.2.status") == "incomplete" && last.data.count("response.output") == 3)
    }

    @Test("a whole answer, with a refusal in place of a text")
    func whole() throws {
        var index = JSONIndex()
        let chunk = try OpenAIAnswer.whole(
            ByteBuffer(string: #"{"id":"c","choices":[{"index":0,"message":{"content":null,"refusal":"No"},"finish_reason":"stop"}]}"#),
            index: &index)
        var writer = try Self.writer()
        var output = ByteBuffer()
        try writer.write(whole: chunk, Self.usage, into: &output)
        let response = try JSONObject(String(buffer: output))
        #expect(response.string("status") == "completed" && response.string("output.0.content.0.refusal") == "No")
        #expect(response.string("output.0.content.0.type") == "refusal" && response.int("usage.total_tokens") == 24)
    }

    @Test("a failure is told twice: as an error, and as a failed response with what had come")
    func failure() throws {
        var writer = try Self.writer()
        var output = ByteBuffer()
        try writer.write(try Self.delta(#""content":"Hi""#), into: &output)
        writer.fail(Fault(.streamBroken, origin: .upstream, message: "It broke."), into: &output)
        let events = try Self.events(output)
        let (error, failed) = (events[events.count - 2].data, events[events.count - 1].data)
        #expect(error.string("type") == "error" && error.string("message") == "It broke." && error.string("code") == "stream_broken")
        #expect(error.string("error.type") == "server_error" && error.string("error.message") == "It broke.")
        #expect(failed.string("type") == "response.failed" && failed.string("response.error.code") == "server_error")
        #expect(failed.string("response.output.0.status") == "in_progress" && failed.has("response.incomplete_details"))
    }

    @Test("in lines, each event is one JSON text, whatever white space the request had")
    func lines() throws {
        var writer = try Self.writer("{\"tools\":[\r\n{}\n]}", framing: .lines)
        var output = ByteBuffer()
        try writer.write(try Self.delta(#""content":"a\nb""#), into: &output)
        writer.end(Self.usage, into: &output)
        let lines = String(buffer: output).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 10 && lines.last == "")
        for line in lines.dropLast() { _ = try JSONObject(String(line)) }
    }

    @Test("a call that goes on behind its end, and an answer of too many items, are no answers")
    func bounds() throws {
        var writer = try Self.writer()
        var output = ByteBuffer()
        let call = try Self.delta(#""tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]"#)
        try writer.write(call, into: &output)
        try writer.write(try Self.delta(#""content":"Hi""#), into: &output)
        let fault = try #require(throws: Fault.self) {
            try writer.write(try Self.delta(#""tool_calls":[{"index":0,"function":{"arguments":"{}"}}]"#), into: &output)
        }
        #expect(fault.kind == .upstreamBadAnswer)
        var other = try Self.writer()
        let many = try #require(throws: Fault.self) {
            for _ in 0..<600 {
                try other.write(try Self.delta(#""reasoning_content":"a""#), into: &output)
                try other.write(try Self.delta(#""content":"a""#), into: &output)
            }
        }
        #expect(many.kind == .upstreamBadAnswer)
    }
}
