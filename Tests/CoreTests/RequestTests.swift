import Foundation
import GatewayCore
import NIOCore
import Scrubbing
import Testing

@Suite("reading and scrubbing requests")
struct RequestTests {
    private func scrubbed(_ body: String, _ policy: ScrubPolicy = ScrubPolicy()) throws -> (String, PlaceholderMap) {
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: policy)
        let buffer = ByteBuffer(string: body)
        let envelope = try workspace.read(buffer)
        try workspace.scrub(buffer, with: &scrubber)
        let rendered = workspace.render(buffer, as: .openAI, upstreamModel: "upstream", asksForUsage: envelope.isStreamed)
        return (String(buffer: rendered), scrubber.placeholders)
    }

    @Test("only texts, the model and the wish for usage change; all else is byte for byte")
    func rendering() throws {
        let (body, _) = try scrubbed(
            #"{ "model":"m" , "stream":true,"x":[1,  null],"messages":[{"role":"user","content":"to ana\u0040example.com"}]}"#)
        #expect(
            body == #"{ "model":"upstream" , "stream":true,"x":[1,  null],"messages":[{"role":"user","content":"to <EMAIL_1>"}]"#
                + #","stream_options":{"include_usage":true}}"#)
    }

    @Test(
        "a cap that the caller did not give goes under the name that the model knows",
        arguments: [
            ("gpt-4o", "max_tokens"), ("olmo-2", "max_tokens"), ("llama3", "max_tokens"), ("o3-mini", "max_completion_tokens"),
            ("gpt-5-nano", "max_completion_tokens"),
        ])
    func cap(model: String, name: String) throws {
        var workspace = RequestWorkspace()
        let body = ByteBuffer(string: #"{"model":"m","messages":[{"role":"user","content":"x"}]}"#)
        _ = try workspace.read(body)
        let rendered = String(buffer: workspace.render(body, as: .openAI, upstreamModel: model, asksForUsage: false, maxTokens: 7))
        #expect(rendered == #"{"model":"\#(model)","messages":[{"role":"user","content":"x"}],"\#(name)":7}"#)
    }

    @Test("a cap that was added for one model goes under the next one's name on a fallback")
    func capOfFallback() throws {
        var workspace = RequestWorkspace()
        for rest in ["", #","max_tokens":null"#, #","max_completion_tokens":null"#, #","max_tokens":null,"max_completion_tokens":null"#] {
            let body = ByteBuffer(string: #"{"model":"m","messages":[{"role":"user","content":"x"}]\#(rest)}"#)
            _ = try workspace.read(body)
            var rendered = workspace.render(body, as: .openAI, upstreamModel: "gpt-4o", asksForUsage: false, maxTokens: 7)
            for (model, name, other) in [("o3", "max_completion_tokens", "max_tokens"), ("llama3", "max_tokens", "max_completion_tokens")] {
                rendered = workspace.rerender(rendered, as: .openAI, upstreamModel: model, maxTokens: 7)
                let text = String(buffer: rendered)
                #expect(text.contains(#""\#(name)":7"#) && text.contains(#""model":"\#(model)""#), "\(text)")
                #expect(!text.contains(#""\#(other)":7"#), "\(text)")
            }
        }
    }

    @Test(
        "thinking that no model of Anthropic's has signed is taken out of a conversation of its dialect",
        arguments: [
            (#"[A, T]"#, "[T]"), ("[T,A]", "[T]"), ("[T , A,A , U]", "[T , U]"), ("[A,G , T,A,U,G]", "[T,U]"), ("[S,T]", "[S,T]"),
            // Without any other the message goes: it must have a content.
            ("[A]", nil), ("[A,G]", nil), (#""x""#, #""x""#),
        ])
    func foreignThinking(content: String, expected: String?) {
        let blocks: [Character: String] = [
            "A": #"{"type":"thinking","thinking":"h","signature":""}"#,
            "G": #"{"type":"thinking","thinking":"","signature":"gemini\/QQ=="}"#,
            "S": #"{"type":"thinking","thinking":"h","signature":"c2ln"}"#, "T": #"{"type":"text","text":"t"}"#,
            "U": #"{"type":"tool_use","id":"c","name":"f","input":{"signature":""}}"#,
        ]
        func body(_ content: String?) -> String {
            let written = content.map { content in content.map { blocks[$0] ?? String($0) }.joined() }
            let message = written.map { #",{"role":"assistant","content":\#($0)}"# } ?? ""
            return #"{"messages":[{"role":"user","content":"x"}\#(message)],"model":"m"}"#
        }
        var workspace = RequestWorkspace()
        #expect(String(buffer: workspace.removingForeignThinking(from: ByteBuffer(string: body(content)))) == body(expected))
    }

    @Test("a cap that was added for one target is the next one's under the name that the surface has")
    func capOfResponses() {
        var workspace = RequestWorkspace()
        let body = ByteBuffer(string: #"{"model":"a","input":"x","max_output_tokens":9}"#)
        let next = workspace.rerender(body, as: .responses, upstreamModel: "b", maxTokens: 5)
        #expect(String(buffer: next) == #"{"model":"b","input":"x","max_output_tokens":5}"#)
    }

    @Test("tools are numbered before messages, so that a conversation that grows keeps its numbers")
    func numbering() throws {
        let (body, _) = try scrubbed(
            #"{"model":"m","messages":[{"role":"user","content":"b@example.com"}],"tools":[{"d":"a@example.com"}]}"#)
        #expect(body.contains(#""content":"<EMAIL_2>""#) && body.contains(#""d":"<EMAIL_1>""#))
    }

    @Test(
        "text that only stands where media may stand is scanned",
        arguments: [
            #"{"type":"image_url","image_url":{"url":"data:ana@example.com"}}"#,
            #"{"type":"image_url","image_url":{"url":"data:text/plain;base64,ana@example.com"}}"#,
            #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA ana@example.com"}}"#,
            #"{"type":"file","file":{"file_data":"ana\u0040example.com"}}"#,
            #"{"type":"input_audio","input_audio":{"data":"4111111111111111"}}"#,
        ])
    func disguisedMedia(part: String) throws {
        let (body, _) = try scrubbed(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#)
        #expect(body.contains("<EMAIL_1>") || body.contains("<CARD_1>"), "\(body)")
    }

    @Test("real media passes unchanged")
    func realMedia() throws {
        let image = String(repeating: "4111111111111111+/9A", count: 8)
        let part = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(image)"}}"#
        let (body, _) = try scrubbed(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#)
        #expect(body.contains(part))
        let bare = #"{"type":"image_url","image_url":"data:image/png;base64,\#(image)"}"#
        #expect(try scrubbed(#"{"model":"m","messages":[{"role":"user","content":[\#(bare)]}]}"#).0.contains(bare))
    }

    /// The one message's content, scrubbed.
    private func content(_ json: String, _ policy: ScrubPolicy = ScrubPolicy()) throws -> String {
        let (body, _) = try scrubbed(#"{"model":"m","messages":[{"role":"user","content":\#(json)}]}"#, policy)
        return String(body.dropFirst(#"{"model":"upstream","messages":[{"role":"user","content":"#.count).dropLast(3))
    }

    @Test(
        "a string that is JSON is scanned one level deeper, where escapes could hide something",
        arguments: [
            (#""{\"to\":\"ana\\u0040example.com\"}""#, #""{\"to\":\"<EMAIL_1>\"}""#),
            (#""[\"\\nana@example.com\", \"bob@example.com\"]""#, #""[\"\\n<EMAIL_1>\", \"<EMAIL_2>\"]""#),
            (#""\"ana\\u0040example.com\"""#, #""\"<EMAIL_1>\"""#), (#""{\"a\":\"no \\\" harm\"}""#, #""{\"a\":\"no \\\" harm\"}""#),
            (#""{\"phone\":\"612345678\",\"x\":\"\\n\"}""#, #""{\"phone\":\"<PHONE_1>\",\"x\":\"\\n\"}""#),
            (#""{no JSON \\u0040""#, #""{no JSON \\u0040""#),
            // What is replaced in a number is a string then, or the text would be no JSON any more.
            (#""{\"card\":4111111111111111,\"n\":1}""#, #""{\"card\":\"<CARD_1>\",\"n\":1}""#),
            (#""{\"phone\": 612345678, \"x\": \"\\n\"}""#, #""{\"phone\": \"<PHONE_1>\", \"x\": \"\\n\"}""#),
            (
                #""[4111111111111111,\"\\u0061na@example.com\",[5555555555554444],20250101]""#,
                #""[\"<CARD_1>\",\"<EMAIL_1>\",[\"<CARD_2>\"],20250101]""#
            ),
        ])
    func nestedJSON(text: String, expected: String) throws {
        #expect(try content(text) == expected)
    }

    @Test("nested JSON keeps what its user typed apart from what was put there")
    func nestedLiterals() throws {
        let (body, map) = try scrubbed(
            #"{"model":"m","messages":[{"role":"user","content":"{\"a\":\"<EMAIL_1>\\n\",\"b\":\"<EMAIL_1> ana@example.com\"}"}]}"#)
        #expect(body.contains(#"{\"a\":\"<<TEXT_1>>\\n\",\"b\":\"<<TEXT_1>> <EMAIL_1>\"}"#), "\(body)")
        #expect(map.count == 2)
    }

    @Test(
        "long numbers are scanned, also those with an exponent or a fraction",
        arguments: [
            ("4111111111111111", #""<CARD_1>""#), ("4.111111111111111e15", #""<CARD_1>""#), ("4111111111111111.0", #""<CARD_1>""#),
            ("1234567", "1234567"), ("0.41111111", "0.41111111"), ("1e400", "1e400"), ("-12345678.5", "-12345678.5"),
        ])
    func numbers(number: String, expected: String) throws {
        let body = #"{"model":"m","messages":[{"role":"user"}],"metadata":{"n":\#(number)}}"#
        guard let (scrubbed, _) = try? scrubbed(body) else {
            #expect(number == "1e400")
            return
        }
        #expect(scrubbed.contains(#""n":\#(expected)}"#), "\(scrubbed)")
    }

    @Test("keys are never changed: they block, or are counted")
    func keys() throws {
        let body = #"{"model":"m","messages":[{"role":"user"}],"metadata":{"ana\u0040example.com":1}}"#
        let fault = #expect(throws: Fault.self) { try scrubbed(body) }
        #expect(fault?.kind == .blockedByPolicy && fault?.parameter == "metadata.*")
        #expect(fault?.message.contains("EMAIL") == true && fault?.message.contains("ana") == false)
        var policy = ScrubPolicy()
        policy.keys = .logOnly
        #expect(try scrubbed(body, policy).0.contains(#""ana\u0040example.com":1"#))
        try policy.setAction(.block, for: .email)
        #expect(throws: Fault.self) { try scrubbed(body, policy) }
        policy.keys = .block
        try policy.setAction(.logOnly, for: .email)
        #expect(try scrubbed(body, policy).0.contains(#""ana\u0040example.com":1"#))
    }

    @Test(
        "text in base64 or behind percent signs is scanned and encoded again",
        arguments: [
            (#"{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,%@"}}"#, true),
            (#"{"type":"file","file":{"file_data":"data:application/octet-stream;base64,%@"}}"#, true),
            (#"{"type":"file","file":{"file_data":"%@"}}"#, true), (#"{"type":"text","text":"data:text/csv;base64,%@"}"#, true),
            (#"{"type":"image_url","image_url":{"url":"data:image/svg+xml;base64,%@"}}"#, true),
            (#"{"type":"image_url","image_url":{"url":"data:text/plain,write%20to%20ana%40example.com"}}"#, false),
        ])
    func encodedText(part: String, isBase64: Bool) throws {
        let text = "Write to ana@example.com, as soon as you can, and tell ana@example.com again. ñ"
        let json = part.replacing("%@", with: Data(text.utf8).base64EncodedString())
        let scrubbed = try content("[\(json)]")
        let expected = text.replacing("ana@example.com", with: "<EMAIL_1>")
        if isBase64 {
            #expect(scrubbed == "[" + part.replacing("%@", with: Data(expected.utf8).base64EncodedString()) + "]")
        } else {
            #expect(scrubbed.contains("data:text/plain,write%20to%20%3CEMAIL_1%3E"), "\(scrubbed)")
        }
    }

    @Test(
        "nothing hides before a comma that only looks like the end of a data URL's header, or in a true header",
        arguments: [
            ("data: I am ana@example.com, and 50% sure", "data: I am <EMAIL_1>, and 50% sure"),
            ("data:ana@example.com,a%20b", "data:<EMAIL_1>,a%20b"),
            ("data:ana@example.com;base64,SGVsbG8gd29ybGQ=", "data:<EMAIL_1>;base64,SGVsbG8gd29ybGQ="),
            ("data:text/plain;id=4111111111111111,a%20b", "data:text/plain;id=<CARD_1>,a%20b"),
            ("data:4111111111111111;base64,SGVsbG8gd29ybGQ=", "data:<CARD_1>;base64,SGVsbG8gd29ybGQ="),
        ])
    func headers(text: String, expected: String) throws {
        #expect(try content("\"\(text)\"") == "\"\(expected)\"")
    }

    @Test("media that is no text passes unread and is counted")
    func skippedMedia() throws {
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        let image = Data((0..<90).map { UInt8(truncatingIfNeeded: $0 * 37) }).base64EncodedString()
        let part = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(image)"}}"#
        let body = ByteBuffer(string: #"{"model":"m","messages":[{"role":"user","content":[\#(part),\#(part)]}]}"#)
        _ = try workspace.read(body)
        try workspace.scrub(body, with: &scrubber)
        #expect(workspace.skippedMedia == 2)
        #expect(workspace.render(body, as: .openAI, upstreamModel: "m", asksForUsage: false) == body)
    }

    @Test(
        "a request that breaks a rule names its field",
        arguments: [
            (#"{"model":"m"}"#, "messages"), (#"{"model":1,"messages":[]}"#, "model"), (#"{"model":"m","messages":[]}"#, "messages"),
            (#"{"model":"m","messages":[{"role":"user"}],"stream":"banana"}"#, "stream"),
            (#"{"model":"m","messages":[{"content":"x"}]}"#, "messages[0].role"),
            (#"{"model":"m","\u006dodel":"n","messages":[{"role":"user"}]}"#, "model"),
        ])
    func refusals(body: String, field: String) {
        let fault = #expect(throws: Fault.self) { try scrubbed(body) }
        #expect(fault?.parameter == field)
    }

    @Test("a response's request: tools and instructions are numbered first, and what its dialect marks as media passes unread")
    func responses() throws {
        let image = Data((0..<90).map { UInt8(truncatingIfNeeded: $0 * 37) }).base64EncodedString()
        let parts =
            #"{"type":"input_image","image_url":"data:image/png;base64,\#(image)"},{"type":"input_file","file_data":"\#(image)"}"#
        func request(_ b: String, _ c: String, _ a: String, _ kept: String) -> String {
            #"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"\#(b)"},\#(parts)]},{"type":"function_call_output","call_id":"x","output":[\#(parts)]},{"type":"reasoning","encrypted_content":"thinking/\#(image)","summary":[{"type":"summary_text","text":"\#(kept)"}]},{"type":"function_call","arguments":"{\"to\":\"\#(c)\"}"}],"instructions":"\#(a)"}"#
        }
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        let body = ByteBuffer(string: request("b@example.com", "c@example.com", "a@example.com", "<EMAIL_9>"))
        let envelope = try workspace.read(body, as: .responses)
        #expect(envelope.model == "m" && !envelope.wantsUsageChunk)
        try workspace.scrub(body, with: &scrubber)
        #expect(workspace.skippedMedia == 5)
        let rendered = workspace.render(body, as: .responses, upstreamModel: "m", asksForUsage: false, maxTokens: 7)
        let expected = request("<EMAIL_2>", "<EMAIL_3>", "<EMAIL_1>", "<EMAIL_9>").dropLast() + #","max_output_tokens":7}"#
        #expect(String(buffer: rendered) == expected)
    }

    @Test("a completion's prompts are counted as answers and scrubbed")
    func completions() throws {
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        let body = ByteBuffer(string: #"{"model":"m","n":2,"prompt":["a@example.com","b"],"suffix":"c@example.com"}"#)
        #expect(try workspace.read(body, as: .completions).choices == 4)
        try workspace.scrub(body, with: &scrubber)
        let rendered = workspace.render(body, as: .completions, upstreamModel: "o3", asksForUsage: true, maxTokens: 7)
        #expect(
            String(buffer: rendered)
                == #"{"model":"o3","n":2,"prompt":["<EMAIL_1>","b"],"suffix":"<EMAIL_2>","stream_options":{"include_usage":true},"max_tokens":7}"#
        )
    }
}
