import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("chat completions as Anthropic's messages")
struct ChatToMessagesTests {
    private static func translate(_ chat: String, drops: Bool = false) throws -> (body: String, dropped: [String]) {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let body = try ChatToMessages.body(of: ByteBuffer(string: chat), model: "claude", maxTokens: 4096, gaps: &gaps, index: &index)
        return (String(buffer: body), gaps.dropped)
    }

    /// What stands around a conversation.
    private static func chat(_ messages: String, _ rest: String = "") -> String { #"{"model":"m","messages":[\#(messages)]\#(rest)}"# }

    private static func expected(_ messages: String, before: String = "", after: String = "", cap: Int = 4096) -> String {
        #"{"model":"claude","max_tokens":\#(cap)\#(before),"messages":[\#(messages)]\#(after)}"#
    }

    private static let hello = #"{"role":"user","content":"Hi"}"#
    private static let helloBlock = #"{"role":"user","content":[{"type":"text","text":"Hi"}]}"#

    @Test(
        "conversations",
        arguments: [
            (hello, expected(helloBlock)),
            (
                #"{"role":"system","content":"Be kind"},"# + hello
                    + #",{"role":"developer","content":[{"type":"text","text":"Be brief","cache_control":{"type":"ephemeral"}}]}"#,
                expected(
                    helloBlock,
                    before:
                        #","system":[{"type":"text","text":"Be kind"},{"type":"text","text":"Be brief","cache_control":{"type":"ephemeral"}}]"#
                )
            ),
            (
                #"{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8=","detail":"auto"}},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}}]}"#,
                expected(
                    #"{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGVsbG8="}},{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="},"title":"a.pdf"}]}"#
                )
            ),
            // Parallel calls, their results, and the user's next word.
            (
                hello
                    + #",{"role":"assistant","content":null,"refusal":null,"annotations":[],"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"c1","content":"one"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"two"}]},{"role":"user","content":"And?"}"#,
                expected(
                    helloBlock
                        + #",{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{"a": 1}},{"type":"tool_use","id":"c2","name":"g","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"one"}]},{"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"two"}]},{"type":"text","text":"And?"}]}"#
                )
            ),
            // Signed thinking as it was; texts that say nothing, and unsigned reasoning, are no part of it.
            (
                hello
                    + #",{"role":"assistant","content":"","reasoning_content":"Hm","thinking_blocks":[{"type":"thinking","thinking":"Hm","signature":"c2ln"}]}"#,
                expected(
                    helloBlock
                        + #",{"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"c2ln"}]}"#)
            ),
        ])
    func conversations(messages: String, expected: String) throws {
        #expect(try Self.translate(Self.chat(messages)).body == expected)
    }

    @Test(
        "parameters",
        arguments: [
            (#","max_tokens":7"#, expected(helloBlock, cap: 7)),
            (#","max_completion_tokens":9,"max_tokens":null"#, expected(helloBlock, cap: 9)),
            (
                #","temperature":0.5,"top_p":0.9,"stop":["a","b"],"stream":true,"stream_options":{"include_usage":true},"user":"u1","n":1,"store":true"#,
                expected(
                    helloBlock,
                    after: #","temperature":0.5,"top_p":0.9,"stop_sequences":["a","b"],"stream":true,"metadata":{"user_id":"u1"}"#)
            ), (#","stop":"x""#, expected(helloBlock, after: #","stop_sequences":["x"]"#)),
            // What OpenAI keeps beside answers and prompts changes none.
            (
                #","metadata":{"team":"x"},"prompt_cache_key":"k","prompt_cache_retention":"24h","prompt_cache_options":{"ttl":"30m"},"verbosity":"medium","service_tier":"default""#,
                expected(helloBlock)
            ), (#","metadata":{"team":"x","user_id":"u2"}"#, expected(helloBlock, after: #","metadata":{"user_id":"u2"}"#)),
            // What says nothing is nothing.
            (
                #","seed":null,"logprobs":false,"logit_bias":{},"presence_penalty":0,"frequency_penalty":0.0,"stop":null,"modalities":["text"]"#,
                expected(helloBlock)
            ),
            (
                #","reasoning_effort":"medium","max_tokens":8000"#,
                expected(helloBlock, before: #","thinking":{"type":"enabled","budget_tokens":4096}"#, cap: 8000)
            ),
            (
                #","reasoning_effort":"high""#,
                expected(helloBlock, before: #","thinking":{"type":"enabled","budget_tokens":16384}"#, cap: 4096 + 16384)
            ),
            (
                #","thinking":{"type":"enabled","budget_tokens":2000}"#,
                expected(helloBlock, before: #","thinking":{"type":"enabled","budget_tokens":2000}"#, cap: 4096 + 2000)
            ), (#","top_k":5"#, expected(helloBlock, after: #","top_k":5"#)),
            (
                #","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}"#,
                expected(helloBlock, after: #","output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}"#)
            ), (#","response_format":{"type":"text"}"#, expected(helloBlock)),
            (
                #","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"g"}}],"tool_choice":"required","parallel_tool_calls":false"#,
                expected(
                    helloBlock,
                    after:
                        #","tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true},{"name":"g","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}"#
                )
            ),
            (
                #","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}"#,
                expected(
                    helloBlock,
                    after:
                        #","tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"f"}"#
                )
            ),
        ])
    func parameters(rest: String, expected: String) throws {
        #expect(try Self.translate(Self.chat(Self.hello, rest)).body == expected)
    }

    private static let refused: [(chat: String, field: String)] = [
        (chat(hello, #","seed":7"#), "seed"), (chat(hello, #","logprobs":true"#), "logprobs"),
        (chat(hello, #","temperature":1.5"#), "temperature"), (chat(hello, #","n":2"#), "n"),
        (chat(hello, #","web_search_options":{}"#), "web_search_options"),
        (chat(hello, #","presence_penalty":0.5"#), "presence_penalty"), (chat(hello, #","logit_bias":{"5":1}"#), "logit_bias"),
        (chat(hello, #","response_format":{"type":"json_object"}"#), "response_format.type"),
        (chat(hello, #","unheard_of":{"a":1}"#), "unheard_of"), (chat(hello, #","verbosity":"low""#), "verbosity"),
        (chat(hello, #","modalities":["text","audio"]"#), "modalities"),
        (chat(hello, #","reasoning_effort":"low","max_tokens":100"#), "reasoning_effort"),
        (chat(hello, #","tools":[{"type":"web_search"}]"#), "tools[0].type"),
        (chat(#"{"role":"user","name":"ana","content":"Hi"}"#), "messages[0].name"),
        (
            chat(
                #"{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}"#
            ),
            "messages[0].content[1].type"
        ),
        (
            chat(#"{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"file","file":{"file_id":"f"}}]}"#),
            "messages[0].content[1].file.file_id"
        ),
        (chat(hello + #",{"role":"assistant","content":"x","audio":{"id":"a"}}"#), "messages[1].audio"),
        (chat(#"{"role":"user","content":"Hi","weight":1}"#), "messages[0].weight"),
        (
            chat(#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b.png","detail":"high"}}]}"#),
            "messages[0].content[0].image_url.detail"
        ),
        (
            chat(#"{"role":"user","content":[{"type":"text","text":"Hi","tone":"kind"}]}"#), "messages[0].content[0].tone"
        ),
        (
            chat(hello, #","tools":[{"type":"function","function":{"name":"f"},"defer_loading":true}]"#), "tools[0].defer_loading"
        ),
        (
            chat(hello, #","response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{}}}"#),
            "response_format.json_schema.description"
        ),
    ]

    @Test("a message without a word is none, and a picture's type has the name that is known there")
    func blanks() throws {
        let silent = #"{"role":"user","content":""}"#
        let nothing = #"{"role":"assistant","content":null},{"role":"assistant","content":" \n"}"#
        let blank = #"{"role":"user","content":[{"type":"text","text":"\t"}]}"#
        let silence = [silent, Self.hello, nothing, blank].joined(separator: ",")
        #expect(try Self.translate(Self.chat(silence)).body == Self.expected(Self.helloBlock))
        let call = #"{"role":"assistant","content":" ","tool_calls":[{"id":"c","function":{"name":"f"}}]}"#
        let result = #"{"role":"tool","tool_call_id":"c","content":""}"#
        let called = #"{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]}"#
        let answered = #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[]}]}"#
        #expect(
            try Self.translate(Self.chat([Self.hello, call, result].joined(separator: ","))).body
                == Self.expected([Self.helloBlock, called, answered].joined(separator: ",")))
        let picture = #"{"role":"user","content":[{"type":"image_url","image_url":"data:image/jpg;base64,aGVsbG8="}]}"#
        #expect(try Self.translate(Self.chat(picture)).body.contains(#""media_type":"image/jpeg""#))
    }

    @Test("what has nothing to answer in it is refused here", arguments: ["system", "user", "assistant"])
    func nothingToAnswer(role: String) throws {
        let chat = ByteBuffer(string: Self.chat(#"{"role":"\#(role)","content":"\#(role == "system" ? "Be kind" : "")"}"#))
        var gaps = TranslationGaps(drops: true)
        var index = JSONIndex()
        let faults = [
            #expect(throws: Fault.self) {
                _ = try ChatToMessages.body(of: chat, model: "claude", maxTokens: 4096, gaps: &gaps, index: &index)
            },
            #expect(throws: Fault.self) { _ = try ChatToGemini.body(of: chat, model: "gemini-3", gaps: &gaps, index: &index) },
        ]
        #expect(faults.allSatisfy { $0?.kind == .invalidRequest && $0?.parameter == "messages" })
    }

    @Test("what has no place there is refused by its name, or dropped where that is allowed", arguments: refused)
    func gaps(chat: String, field: String) throws {
        let fault = #expect(throws: Fault.self) { try Self.translate(chat) }
        #expect(fault?.kind == .invalidRequest && fault?.parameter == field)
        let (body, dropped) = try Self.translate(chat, drops: true)
        #expect(dropped == [field])
        #expect(body.hasPrefix(#"{"model":"claude","max_tokens":"#))
        var index = JSONIndex()
        #expect(throws: Never.self) { try index.scan(ByteBuffer(string: body)) }
    }

    @Test(
        "what is wrong in itself is refused, dropped or not",
        arguments: [
            (chat(#"{"role":"function","name":"f","content":"x"}"#), "messages[0].role"),
            (chat(#"{"role":"tool","content":"x"}"#), "messages[0].tool_call_id"),
            (
                chat(#"{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"[1]"}}]}"#),
                "messages[0].tool_calls[0].function.arguments"
            ),
            (
                chat(#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,xx"}}]}"#),
                "messages[0].content[0].image_url.url"
            ), (chat(hello, #","tool_choice":"sometimes""#), "tool_choice"), (chat(hello, #","stop":7"#), "stop"),
            (chat(hello, #","metadata":"x""#), "metadata"), (chat(hello, #","reasoning_effort":"a lot""#), "reasoning_effort"),
        ])
    func wrong(chat: String, field: String) {
        for drops in [false, true] {
            let fault = #expect(throws: Fault.self) { try Self.translate(chat, drops: drops) }
            #expect(fault?.parameter == field)
        }
    }
}
