import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("Ollama's own API")
struct OllamaTests {
    private static func translate(_ chat: String, model: String = "llama3", drops: Bool = false) throws -> (body: String, dropped: [String])
    {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let body = try ChatToOllama.body(of: ByteBuffer(string: chat), model: model, gaps: &gaps, index: &index)
        return (String(buffer: body), gaps.dropped)
    }

    private static func chat(_ messages: String, _ rest: String = "") -> String { #"{"model":"m","messages":[\#(messages)]\#(rest)}"# }

    private static func expected(_ messages: String, _ rest: String = "", streamed: Bool = false) -> String {
        #"{"model":"llama3","messages":[\#(messages)]\#(rest),"stream":\#(streamed)}"#
    }

    private static let hello = #"{"role":"user","content":"Hi"}"#

    @Test(
        "conversations",
        arguments: [
            (hello, expected(hello)),
            (
                #"{"role":"developer","content":[{"type":"text","text":"Be kind"},{"type":"text","text":"Be brief"}]},"# + hello,
                expected(#"{"role":"system","content":"Be kind\nBe brief"},"# + hello)
            ),
            (
                #"{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8="}},{"type":"image_url","image_url":"data:image/jpeg;base64,d29ybGQ="}]}"#,
                expected(#"{"role":"user","content":"What is it?","images":["aGVsbG8=","d29ybGQ="]}"#)
            ),
            (
                hello
                    + #",{"role":"assistant","content":null,"reasoning_content":"Hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"c2","content":"two"},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"one"}]}"#,
                expected(
                    hello
                        + #",{"role":"assistant","content":"","thinking":"Hm","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"a": 1}}},{"id":"c2","function":{"name":"g","arguments":{}}}]},{"role":"tool","content":"two","tool_name":"g","tool_call_id":"c2"},{"role":"tool","content":"one","tool_name":"f","tool_call_id":"c1"}"#
                )
            ),
        ])
    func conversations(messages: String, expected: String) throws {
        #expect(try Self.translate(Self.chat(messages)).body == expected)
    }

    @Test(
        "parameters",
        arguments: [
            (
                #","max_tokens":7,"temperature":0.5,"top_p":0.9,"top_k":5,"seed":3,"stop":"x","stream":true,"stream_options":{"include_usage":true},"user":"u","n":1"#,
                #","options":{"num_predict":7,"temperature":0.5,"top_p":0.9,"top_k":5,"seed":3,"stop":["x"]}"#
            ),
            (
                #","max_completion_tokens":9,"presence_penalty":0.5,"frequency_penalty":0.25,"min_p":0.1,"stop":["a","b"],"options":{"num_ctx":8192,"temperature":1},"keep_alive":"5m""#,
                #","keep_alive":"5m","options":{"num_predict":9,"presence_penalty":0.5,"frequency_penalty":0.25,"min_p":0.1,"stop":["a","b"],"num_ctx":8192,"temperature":1}"#
            ),
            // What the request says in OpenAI's words goes before its options.
            (#","temperature":0,"options":{"temperature":1}"#, #","options":{"temperature":0}"#),
            (#","response_format":{"type":"json_object"}"#, #","format":"json""#),
            (
                #","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}"#,
                #","format":{"type":"object"}"#
            ), (#","reasoning_effort":"none""#, #","think":false"#), (#","reasoning_effort":"low""#, #","think":true"#),
            (#","think":"high","reasoning_effort":"low""#, #","think":"high""#),
            (
                #","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g"}}],"tool_choice":"auto""#,
                #","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}]"#
            ), (#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none""#, ""),
        ])
    func parameters(rest: String, expected: String) throws {
        #expect(
            try Self.translate(Self.chat(Self.hello, rest)).body
                == Self.expected(Self.hello, expected, streamed: rest.contains(#""stream":true"#)))
    }

    @Test("only gpt-oss knows levels of thinking")
    func levels() throws {
        for (effort, level) in [("minimal", "low"), ("medium", "medium"), ("xhigh", "high")] {
            let body = try Self.translate(Self.chat(Self.hello, #","reasoning_effort":"\#(effort)""#), model: "gpt-oss:20b").body
            #expect(body.contains(#""think":"\#(level)""#))
        }
    }

    @Test(
        "what has no place there is refused by its name, or dropped where that is allowed",
        arguments: [
            (chat(hello, #","tool_choice":"required""#), "tool_choice"),
            (chat(hello, #","tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false"#), "parallel_tool_calls"),
            (chat(hello, #","logprobs":true"#), "logprobs"), (chat(hello, #","n":2"#), "n"),
            (chat(hello, #","tools":[{"type":"function","function":{"name":"f","strict":true}}]"#), "tools[0].function.strict"),
            (
                chat(#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}]}"#),
                "messages[0].content[0].image_url.url"
            ),
            (
                chat(#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}"#),
                "messages[0].content[0].type"
            ), (chat(#"{"role":"user","content":"Hi","name":"ana"}"#), "messages[0].name"),
        ])
    func gaps(chat: String, field: String) throws {
        let fault = #expect(throws: Fault.self) { try Self.translate(chat) }
        #expect(fault?.kind == .invalidRequest && fault?.parameter == field)
        let (body, dropped) = try Self.translate(chat, drops: true)
        #expect(dropped == [field])
        var index = JSONIndex()
        #expect(throws: Never.self) { try index.scan(ByteBuffer(string: body)) }
    }

    @Test("a result of a call that nobody made is refused")
    func strayResult() {
        let fault = #expect(throws: Fault.self) {
            try Self.translate(Self.chat(#"{"role":"tool","tool_call_id":"c","content":"x"}"#), drops: true)
        }
        #expect(fault?.parameter == "messages[0].tool_call_id")
    }

    // MARK: answers

    private static func read(_ lines: [String]) throws -> [AnswerChunk] {
        var reader = OllamaAnswerReader()
        var index = JSONIndex()
        return try lines.map { try reader.read(ByteBuffer(string: $0), index: &index) }
    }

    @Test("a stream: thinking, text, calls that are given ids, why it ended, and what it took")
    func stream() throws {
        let head = #"{"model":"m","created_at":"2025-10-26T17:15:24.097767Z","message":{"role":"assistant","#
        let lines = [
            head + #""content":"","thinking":"Hm"},"done":false}"#, head + #""content":"I look."},"done":false}"#,
            head
                + #""content":"","tool_calls":[{"function":{"name":"f","arguments":{"a": 1}}},{"id":"call_x","function":{"index":1,"name":"g","arguments":{}}}]},"done":false}"#,
            head
                + #""content":""},"done":true,"done_reason":"stop","total_duration":1,"prompt_eval_count":26,"eval_count":259,"eval_duration":2}"#,
        ]
        let chunks = try Self.read(lines)
        #expect(chunks.flatMap(\.fragments).map(\.key.kind) == [.reasoning, .text, .toolCall, .toolCall])
        #expect(chunks.flatMap(\.fragments).map { String(buffer: $0.text) } == ["Hm", "I look.", #"{"a": 1}"#, "{}"])
        let calls = chunks[2].fragments
        #expect(calls.map(\.name) == ["f", "g"] && calls[1].callID == "call_x" && calls.map(\.key.index) == [0, 1])
        #expect(calls[0].callID?.hasPrefix("call_") == true && calls[0].callID?.utf8.count == 27)
        #expect(chunks[3].usage == TokenUsage(input: 26, output: 259))
        #expect(chunks[3].finishes == [AnswerFinish(choice: 0, reason: .toolCalls, providerReason: "stop")])
        // The same answer has the same ids, another one others.
        #expect(try Self.read(lines)[2].fragments[0].callID == calls[0].callID)
        let later = lines.map { $0.replacing("097767", with: "097768") }
        #expect(try Self.read(later)[2].fragments[0].callID != calls[0].callID)
    }

    @Test(
        "why an answer ended",
        arguments: [("stop", FinishReason.stop), ("length", .length), ("load", .other)])
    func reasons(word: String, reason: FinishReason) throws {
        let chunk = try Self.read([#"{"message":{"role":"assistant","content":"x"},"done":true,"done_reason":"\#(word)"}"#])[0]
        #expect(chunk.finishes == [AnswerFinish(choice: 0, reason: reason, providerReason: word)])
        #expect(chunk.usage == nil)
    }

    @Test("an error in a line is the provider's, and what is no line of a chat is refused")
    func faults() {
        let failed = #expect(throws: Fault.self) { try Self.read([#"{"error":"an error was encountered while running the model"}"#]) }
        #expect(failed?.kind == .upstreamError)
        let hostile = [
            "", "[]", "{}", "7", #"{"done":false}"#, #"{"message":7,"done":false}"#, #"{"message":{"content":7},"done":false}"#,
            #"{"message":{"content":"a","content":"b"},"done":false}"#, #"{"message":{"tool_calls":[{}]},"done":false}"#,
            #"{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"done":false}"#,
        ]
        for line in hostile {
            let fault = #expect(throws: Fault.self, "\(line)") { try Self.read([line]) }
            #expect(fault?.kind == .upstreamBadAnswer)
        }
    }

    // MARK: lines

    @Test("lines come whole, however they are cut", arguments: [1, 2, 3, 7, 1000])
    func lines(length: Int) throws {
        let text = "{\"a\":1}\n\r\n  \n{\"b\":\"é\"}\r\n{\"c\":3}"
        var parser = LineParser(maxLineBytes: 16)
        var lines: [String] = []
        var rest = ByteBuffer(string: text)
        while let piece = rest.readSlice(length: min(length, rest.readableBytes)), piece.readableBytes > 0 {
            parser.append(piece)
            while let line = try parser.nextLine() { lines.append(String(buffer: line)) }
        }
        #expect(lines == ["{\"a\":1}", "{\"b\":\"é\"}"])
        parser.finish()
        while let line = try parser.nextLine() { lines.append(String(buffer: line)) }
        #expect(lines.last == "{\"c\":3}")
    }

    @Test("a line without end is refused before it takes the memory")
    func longLine() throws {
        var parser = LineParser(maxLineBytes: 16)
        parser.append(ByteBuffer(string: String(repeating: "x", count: 16)))
        #expect(try parser.nextLine() == nil)
        parser.append(ByteBuffer(string: "x"))
        #expect(throws: LineFault.lineTooLong) { try parser.nextLine() }
        parser.append(ByteBuffer(string: "\n{}\n"))
        #expect(throws: LineFault.lineTooLong) { try parser.nextLine() }
    }
}
