import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("OpenAI's responses as chat completions")
struct ResponsesToChatTests {
    private static func translate(
        _ request: String, model: String = "gpt-4o", target: Dialect = .openAI, drops: Bool = false
    ) throws -> (body: String, dropped: [String], names: CallerNames) {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let chat = try ResponsesToChat.body(of: ByteBuffer(string: request), model: model, target: target, gaps: &gaps, index: &index)
        return (String(buffer: chat.body), gaps.dropped, chat.names)
    }

    private static func request(_ input: String, _ rest: String = "") -> String { #"{"model":"m","input":\#(input)\#(rest)}"# }

    private static func expected(_ messages: String, _ rest: String = "") -> String {
        #"{"model":"gpt-4o","messages":[\#(messages)]\#(rest)}"#
    }

    /// The schema of a custom tool's arguments.
    private static let input =
        #"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool."}},"required":["input"],"additionalProperties":false}"#

    private static let hello = #"{"role":"user","content":"Hi"}"#

    @Test(
        "conversations",
        arguments: [
            (#""Hi""#, expected(hello)),
            (#"[{"role":"user","content":"Hi"}]"#, expected(hello)),
            (#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}]"#, expected(hello)),
            (
                #"[{"role":"developer","content":"Be kind"},{"role":"user","content":[{"type":"input_text","text":"What?"},{"type":"input_image","detail":"low","image_url":"https://example.com/a.png"},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,aGk="},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}]}]"#,
                expected(
                    #"{"role":"developer","content":"Be kind"},{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}}]}"#
                )
            ),
            (
                #"[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[]}]},{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}"},{"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"one"},{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},{"role":"user","content":"And?"}]"#,
                expected(
                    hello
                        + #",{"role":"assistant","content":"I look.","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"one"},{"role":"tool","tool_call_id":"c2","content":"two"},{"role":"user","content":"And?"}"#
                )
            ),
            (
                #"[{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":[]},{"role":"assistant","content":[{"type":"refusal","refusal":"No"}]}]"#,
                expected(
                    #"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":""},{"role":"assistant","content":[{"type":"refusal","refusal":"No"}]}"#
                )
            ),
            (
                #"[{"role":"user","content":"Hi"},{"type":"custom_tool_call","id":"ctc_1","status":"completed","call_id":"c1","name":"apply_patch","input":"*** Begin\n+\"a\"","caller":{"type":"direct"}},{"type":"custom_tool_call_output","call_id":"c1","output":"Done"}]"#,
                expected(
                    hello
                        + #",{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"apply_patch","arguments":"{\"input\":\"*** Begin\\n+\\\"a\\\"\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"Done"}"#
                )
            ),
        ])
    func conversations(input: String, expected: String) throws {
        #expect(try Self.translate(Self.request(input)).body == expected)
    }

    @Test(
        "parameters",
        arguments: [
            (#","instructions":"Be kind""#, #"{"role":"system","content":"Be kind"},"# + hello, ""),
            (
                #","max_output_tokens":9,"temperature":0.5,"top_p":1,"user":"u""#, hello,
                #","max_tokens":9,"temperature":0.5,"top_p":1,"user":"u""#
            ),
            (#","stream":true"#, hello, #","stream":true,"stream_options":{"include_usage":true}"#),
            (
                #","store":true,"metadata":{"a":"b"},"include":["reasoning.encrypted_content"],"previous_response_id":null,"truncation":"disabled","prompt_cache_key":"k","background":false,"service_tier":"auto","top_logprobs":0,"max_tool_calls":3,"stream_options":{"include_obfuscation":false}"#,
                hello, ""
            ),
            (#","text":{"format":{"type":"text"},"verbosity":"medium"},"reasoning":{"effort":null,"summary":"auto"}"#, hello, ""),
            (
                #","text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}},"verbosity":"low"},"reasoning":{"effort":"low"}"#,
                hello,
                #","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},"verbosity":"low","reasoning_effort":"low""#
            ),
            (#","text":{"format":{"type":"json_object"}}"#, hello, #","response_format":{"type":"json_object"}"#),
            (
                #","tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":false}],"tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false"#,
                hello,
                #","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false"#
            ),
            (
                #","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]}"#,
                hello,
                #","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}"#
            ),
            (
                #","tools":[{"type":"custom","name":"apply_patch","description":"Patches.","format":{"type":"grammar","syntax":"lark","definition":"start: \"x\""}},{"type":"custom","name":"say","format":{"type":"text"}}],"tool_choice":{"type":"custom","name":"say"},"client_metadata":{"a":"b"}"#,
                hello,
                #","tools":[{"type":"function","function":{"name":"apply_patch","description":"Patches.\n\nThe input must be a text of this grammar (lark):\nstart: \"x\"","parameters":\#(input)}},{"type":"function","function":{"name":"say","parameters":\#(input)}}],"tool_choice":{"type":"function","function":{"name":"say"}}"#
            ),
            (#","tools":[],"tool_choice":"auto","parallel_tool_calls":true"#, hello, ""),
            (#","include":["message.output_text.logprobs"]"#, hello, #","logprobs":true"#),
            (#","top_logprobs":3"#, hello, #","top_logprobs":3,"logprobs":true"#),
        ])
    func parameters(rest: String, messages: String, expected: String) throws {
        #expect(try Self.translate(Self.request(#""Hi""#, rest)).body == Self.expected(messages, expected))
    }

    @Test("a reasoning model has its own name for the cap")
    func cap() throws {
        #expect(
            try Self.translate(Self.request(#""Hi""#, #","max_output_tokens":9"#), model: "o3").body.contains(#""max_completion_tokens":9"#)
        )
    }

    @Test(
        "what has no place is refused by name, or left out and told",
        arguments: [
            (#","tools":[{"type":"web_search"}]"#, "tools[0].type"), (#","truncation":"auto""#, "truncation"),
            (#","tools":[{"type":"function","name":"f","defer_loading":true}]"#, "tools[0].defer_loading"), (#","seed":7"#, "seed"),
            (#","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"web_search"}"#, "tool_choice.type"),
            (#","text":{"format":{"type":"grammar"}}"#, "text.format.type"),
            (#","tools":[{"type":"custom","name":"f","defer_loading":true}]"#, "tools[0].defer_loading"),
            (#","context_management":[{"type":"compaction"}]"#, "context_management"),
        ])
    func gaps(rest: String, name: String) throws {
        let request = Self.request(#""Hi""#, rest)
        #expect(try #require(throws: Fault.self) { try Self.translate(request) }.parameter == name)
        let left = try Self.translate(request, drops: true)
        #expect(left.dropped == [name] && left.body.hasPrefix(#"{"model":"gpt-4o","messages":[\#(Self.hello)]"#), "\(left)")
    }

    @Test(
        "items without a place",
        arguments: [
            (
                #"{"type":"function_call","call_id":"c","name":"f","arguments":"{}","caller":{"type":"program","caller_id":"p"}}"#,
                "input[1].caller.type"
            ), (#"{"type":"web_search_call","id":"w"}"#, "input[1].type"),
            (#"{"role":"user","content":"x","weight":2}"#, "input[1].weight"),
            (#"{"role":"user","content":[{"type":"input_image","file_id":"f"}]}"#, "input[1].content[0].file_id"),
            (#"{"role":"user","content":[{"type":"input_file","file_url":"https://example.com"}]}"#, "input[1].content[0].file_url"),
            (
                #"{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"https://a.b"}]}"#,
                "input[1].output[0].type"
            ),
        ])
    func items(item: String, name: String) throws {
        let request = Self.request("[\(Self.hello),\(item)]")
        #expect(try #require(throws: Fault.self) { try Self.translate(request) }.parameter == name)
        #expect(try Self.translate(request, drops: true).dropped == [name])
    }

    @Test(
        "what is malformed is named, and never left out",
        arguments: [
            (#"[{"role":"robot","content":"x"}]"#, "input[0].role"), (#"[{"role":"user"}]"#, "input[0].content"),
            (#"[{"type":"function_call","name":"f","arguments":"{}"}]"#, "input[0].call_id"),
            (#"[{"type":"item_reference","id":"msg_1"}]"#, "input[0].type"), (#"[{"type":7}]"#, "input[0].type"),
            (#"[{"role":"user","content":[{"type":"input_text"}]}]"#, "input[0].content[0].text"),
        ])
    func malformed(input: String, name: String) throws {
        #expect(try #require(throws: Fault.self) { try Self.translate(Self.request(input), drops: true) }.parameter == name)
    }

    @Test("thinking goes back signed to a provider of Messages, and to no other; what others have sealed goes nowhere")
    func thinking() throws {
        let items =
            #"[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm\n"}],"encrypted_content":"thinking/c2ln"},{"type":"reasoning","summary":[],"encrypted_content":"redacted/ZGF0YQ=="},{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"},{"role":"assistant","content":"Done"}]"#
        #expect(try Self.translate(Self.request(items)).body == Self.expected(#"{"role":"assistant","content":"Done"}"#))
        #expect(
            try Self.translate(Self.request(items), target: .anthropic).body
                == Self.expected(
                    #"{"role":"assistant","thinking_blocks":[{"type":"thinking","thinking":"Hm\n","signature":"c2ln"},{"type":"redacted_thinking","data":"ZGF0YQ=="}],"content":"Done"}"#
                ))
    }

    @Test("what the second translation finds has the caller's own names")
    func names() throws {
        let request = Self.request(
            #"[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c","name":"f","arguments":"[]"}]"#,
            #","instructions":"x","text":{"format":{"type":"json_object"}}"#)
        let names = try Self.translate(request, target: .anthropic).names
        #expect(names.callersName(of: "messages[0].content") == "instructions")
        #expect(names.callersName(of: "messages[2].tool_calls[0].function.arguments") == "input[1]")
        #expect(names.callersName(of: "response_format.type") == "text.format" && names.callersName(of: "verbosity") == "text.verbosity")
        #expect(names.callersName(of: "temperature") == "temperature")
        let fault = names.inCallersWords(.invalidField("reasoning_effort", "must be low"))
        #expect(fault.parameter == "reasoning.effort" && fault.message == "`reasoning.effort` must be low.")
    }
}
