import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("Anthropic's messages as chat completions")
struct MessagesToChatTests {
    private static func translate(_ messages: String, model: String = "gpt-4o", drops: Bool = false) throws -> (
        body: String, dropped: [String]
    ) {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let body = try MessagesToChat.body(of: ByteBuffer(string: messages), model: model, gaps: &gaps, index: &index)
        return (String(buffer: body), gaps.dropped)
    }

    private static func request(_ messages: String, _ rest: String = "") -> String {
        #"{"model":"m","messages":[\#(messages)],"max_tokens":64\#(rest)}"#
    }

    private static func expected(_ messages: String, _ rest: String = #","max_tokens":64"#) -> String {
        #"{"model":"gpt-4o","messages":[\#(messages)]\#(rest)}"#
    }

    private static let hello = #"{"role":"user","content":"Hi"}"#

    @Test(
        "conversations",
        arguments: [
            (hello, expected(hello)),
            (#"{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}"#, expected(hello)),
            (
                #"{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGVsbG8="}},{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="}},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}}]}"#,
                expected(
                    #"{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8="}},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}},{"type":"text","text":"plain"}]}"#
                )
            ),
            (
                hello
                    + #",{"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"c2ln"},{"type":"text","text":"I look."},{"type":"tool_use","id":"t1","name":"f","input":{"a": "\"x\""}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"},{"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"gone"}]},{"type":"text","text":"And?"}]}"#,
                expected(
                    hello
                        + #",{"role":"assistant","content":"I look.","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\": \"\\\"x\\\"\"}"}},{"id":"t2","type":"function","function":{"name":"g","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t1","content":"one"},{"role":"tool","tool_call_id":"t2","content":[{"type":"text","text":"Error:"},{"type":"text","text":"gone"}]},{"role":"user","content":"And?"}"#
                )
            ),
            (
                #"{"role":"user","content":"Hi"},{"role":"system","content":"Be brief"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{},"caller":{"type":"direct"},"toolset_name":null}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"}]},{"role":"system","content":[{"type":"text","text":"Be kind"},{"type":"text","text":"Be quick"}]}"#,
                expected(
                    #"{"role":"user","content":"Hi"},{"role":"system","content":"Be brief"},{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t1","content":"one"},{"role":"system","content":[{"type":"text","text":"Be kind"},{"type":"text","text":"Be quick"}]}"#
                )
            ),
        ])
    func conversations(messages: String, expected: String) throws {
        #expect(try Self.translate(Self.request(messages)).body == expected)
    }

    @Test("what another provider refuses of a message is called as the caller wrote it")
    func callersNames() throws {
        let image = #"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#
        let blocks = #"{"role":"user","content":[{"type":"text","text":"a"},\#(image)]}"#
        let result =
            #"{"role":"user","content":[{"type":"text","text":"And?"},{"type":"tool_result","tool_use_id":"t","content":"one"},\#(image)]}"#
        let call = #"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}"#
        var gaps = TranslationGaps(drops: false)
        var index = JSONIndex()
        let body = Self.request(
            [blocks, call, result].joined(separator: ","), #","system":[{"type":"text","text":"s"},{"type":"text","text":"t"}]"#)
        _ = try MessagesToChat.body(of: ByteBuffer(string: body), model: "m", for: .ollama, gaps: &gaps, index: &index)
        for (path, name) in [
            ("messages[0].content[1].text", "system[1]"), ("messages[1].content[1].image_url.url", "messages[0].content[1]"),
            ("messages[1].content", "messages[0].content"), ("messages[2].tool_calls[0].id", "messages[1]"),
            ("messages[3].content", "messages[2].content[1]"), ("messages[4].content[1].image_url.url", "messages[2].content"),
            ("stop", "stop_sequences"), ("messages[9].content", "messages[9].content"),
        ] {
            #expect(gaps.names.callersName(of: path) == name, "\(path)")
        }
    }

    @Test("what says nothing says nothing in the words that are taken there")
    func blanks() throws {
        let call = #"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}"#
        let result = #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}"#
        let thought = #"{"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"c2ln"}]}"#
        let body = try Self.translate(Self.request([Self.hello, call, result, thought].joined(separator: ","))).body
        #expect(body.contains(#"{"role":"assistant","content":null,"tool_calls":["#))
        #expect(body.contains(#"{"role":"tool","tool_call_id":"t","content":""},{"role":"assistant","content":""}"#))
    }

    @Test("where no tool is left that could be called, nothing is said of tools")
    func noTools() throws {
        let choice = #""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#
        let rest = #","tools":[{"type":"web_search_20250305","name":"web_search"}],"# + choice
        let (body, dropped) = try Self.translate(Self.request(Self.hello, rest), drops: true)
        #expect(!body.contains("tool") && !dropped.isEmpty)
    }

    @Test(
        "parameters",
        arguments: [
            (#","system":"Be kind""#, expected(#"{"role":"system","content":"Be kind"},"# + hello)),
            (
                #","system":[{"type":"text","text":"Be kind"},{"type":"text","text":"Be brief","cache_control":{"type":"ephemeral"}}]"#,
                expected(
                    #"{"role":"system","content":[{"type":"text","text":"Be kind"},{"type":"text","text":"Be brief"}]},"# + hello)
            ),
            (
                #","temperature":0.5,"top_p":0.9,"stop_sequences":["a"],"stream":true,"metadata":{"user_id":"u1"},"service_tier":"standard_only""#,
                expected(
                    hello,
                    #","max_tokens":64,"temperature":0.5,"top_p":0.9,"stop":["a"],"stream":true,"stream_options":{"include_usage":true},"user":"u1","service_tier":"default""#
                )
            ),
            (
                #","tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}},{"type":"custom","name":"g","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}"#,
                expected(
                    hello,
                    #","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}],"tool_choice":"required","parallel_tool_calls":false,"max_tokens":64"#
                )
            ),
            // How Anthropic's API tells arguments, keeps prompts and forgets thinking changes nothing here.
            (
                #","tools":[{"name":"f","input_schema":{"type":"object"},"eager_input_streaming":true,"allowed_callers":["direct"],"defer_loading":false}],"cache_control":{"type":"ephemeral"},"speed":"standard","thinking":{"type":"adaptive"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}"#,
                expected(hello, #","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"max_tokens":64"#)
            ),
            (
                #","tool_choice":{"type":"tool","name":"f"}"#,
                expected(hello, #","tool_choice":{"type":"function","function":{"name":"f"}},"max_tokens":64"#)
            ),
            (
                #","thinking":{"type":"enabled","budget_tokens":10000}"#,
                expected(hello, #","max_tokens":64,"reasoning_effort":"medium""#)
            ), (#","thinking":{"type":"disabled"}"#, expected(hello)),
            (
                #","output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}}"#,
                expected(
                    hello,
                    #","max_tokens":64,"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}},"reasoning_effort":"low""#
                )
            ),
        ])
    func parameters(rest: String, expected: String) throws {
        #expect(try Self.translate(Self.request(Self.hello, rest)).body == expected)
    }

    @Test(
        "a schema is strict where it keeps OpenAI's rules, or where the caller says so",
        arguments: [
            (#"{"type":"object","properties":{},"additionalProperties":false}"#, true),
            (#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#, true),
            (#"{"type":"object","properties":{"a":{"type":"string"}},"required":[],"additionalProperties":false}"#, false),
            (#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#, false),
            (#"{"type":"array","items":{"type":"string"}}"#, false), (#"{}"#, false),
            (
                #"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{}}}},"required":["a"],"additionalProperties":false}"#,
                false
            ),
            (
                ##"{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"$ref":"#/$defs/b"}]}},"required":["a"],"additionalProperties":false,"$defs":{"b":{"type":"object","properties":{"c":{"type":["integer","null"]}},"required":["c"],"additionalProperties":false}}}"##,
                true
            ),
            (#"{"type":"object","allOf":[],"properties":{},"additionalProperties":false}"#, false),
        ])
    func strictness(schema: String, isStrict: Bool) throws {
        let body = try Self.translate(
            Self.request(Self.hello, #","output_config":{"format":{"type":"json_schema","schema":\#(schema)}}"#)
        ).body
        #expect(body.contains(#"\#(schema),"strict":true}"#) == isStrict && body.contains(schema))
        let said = try Self.translate(
            Self.request(Self.hello, #","output_config":{"format":{"type":"json_schema","schema":\#(schema),"strict":true}}"#)
        ).body
        #expect(said.contains(#""strict":true"#))
    }

    @Test("what OpenAI's servers do not know is said for those of others: the way to them leads through here")
    func otherTargets() throws {
        func translate(_ request: String, _ target: Dialect) throws -> String {
            var gaps = TranslationGaps(drops: false)
            var index = JSONIndex()
            return String(
                buffer: try MessagesToChat.body(of: ByteBuffer(string: request), model: "m", for: target, gaps: &gaps, index: &index))
        }
        let topK = Self.request(Self.hello, #","top_k":5"#)
        for target in [Dialect.ollama, .gemini] { #expect(try translate(topK, target).contains(#""top_k":5"#)) }
        let turn =
            #"{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"gemini/QQ=="},{"type":"tool_use","id":"t","name":"f","input":{}},{"type":"thinking","thinking":"","signature":"gemini/Qg=="},{"type":"thinking","thinking":"","signature":"c2ln"}]}"#
        let signatures =
            #""thinking_blocks":[{"type":"thought_signature","signature":"QQ==","tool_call_id":"t"},{"type":"thought_signature","signature":"Qg=="}]"#
        let conversation = Self.request("\(Self.hello),\(turn)")
        #expect(try translate(conversation, .gemini).contains(signatures))
        #expect(try !translate(conversation, .openAI).contains("thinking_blocks"))
    }

    @Test("reasoning models have another name for the cap")
    func newName() throws {
        #expect(try Self.translate(Self.request(Self.hello), model: "gpt-5").body.contains(#""max_completion_tokens":64"#))
    }

    private static let refused: [(request: String, field: String)] = [
        (request(hello, #","top_k":5"#), "top_k"), (request(hello, #","container":"c""#), "container"),
        (request(hello, #","mcp_servers":[{"name":"s"}]"#), "mcp_servers"), (request(hello, #","speed":"fast""#), "speed"),
        (request(hello, #","tools":[{"name":"f","allowed_callers":["direct","code_execution_20260120"]}]"#), "tools[0].allowed_callers[1]"),
        (
            request(hello, #","context_management":{"edits":[{"type":"clear_thinking_20251015"},{"type":"clear_tool_uses_20250919"}]}"#),
            "context_management.edits[1].type"
        ),
        (request(hello, #","tools":[{"type":"web_search_20250305","name":"web_search"}]"#), "tools[0].type"),
        (
            request(#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"search_result","source":"s"}]}"#),
            "messages[0].content[1].type"
        ),
        (
            request(#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"file","file_id":"f"}}]}"#),
            "messages[0].content[1].source"
        ),
        (
            request(
                #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a"},{"type":"image","source":{}}]}]}"#
            ), "messages[0].content[0].content[1].type"
        ), (request(hello, #","output_config":{"task_budget":{"type":"tokens","total":9}}"#), "output_config.task_budget"),
        (request(hello, #","metadata":{"user_id":"u","team":"x"}"#), "metadata.team"),
        (request(hello, #","tool_choice":{"type":"auto","mode":"x"}"#), "tool_choice.mode"),
        (
            request(
                #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"document","context":"c","source":{"type":"text","media_type":"text/plain","data":"d"}}]}"#
            ), "messages[0].content[1].context"
        ),
        (
            request(
                #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"document","title":"t","source":{"type":"text","media_type":"text/plain","data":"d"}}]}"#
            ), "messages[0].content[1].title"
        ),
        (
            request(
                #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"document","citations":{"enabled":true},"source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="}}]}"#
            ), "messages[0].content[1].citations"
        ),
    ]

    @Test("what has no place there is refused by its name, or dropped where that is allowed", arguments: refused)
    func gaps(request: String, field: String) throws {
        let fault = #expect(throws: Fault.self) { try Self.translate(request) }
        #expect(fault?.kind == .invalidRequest && fault?.parameter == field)
        let (body, dropped) = try Self.translate(request, drops: true)
        #expect(dropped == [field])
        var index = JSONIndex()
        #expect(throws: Never.self) { try index.scan(ByteBuffer(string: body)) }
    }
}
