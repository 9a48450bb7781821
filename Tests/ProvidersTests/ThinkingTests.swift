import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("how long Anthropic's models think")
struct ThinkingTests {
    private struct Outcome: Equatable {
        var head: String
        var config: String
        var dropped: [String]
    }

    /// What stands before the messages and behind them.
    private static func translate(_ rest: String, _ model: String, _ messages: String = hello, drops: Bool = false) throws -> Outcome {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let chat = ByteBuffer(string: #"{"model":"m","messages":[\#(messages)]\#(rest)}"#)
        let body = String(buffer: try ChatToMessages.body(of: chat, model: model, maxTokens: 4096, gaps: &gaps, index: &index))
        let parts = body.split(separator: #""messages":["#, maxSplits: 1)
        // Every conversation here ends with a block.
        let tail = try #require(parts.last?.ranges(of: "}]}]").last).upperBound
        return Outcome(
            head: String(parts[0].dropFirst(#"{"model":"\#(model)","#.count).dropLast()),
            config: String(parts[1][tail...].drop { "}]".contains($0) }.dropLast()),
            dropped: gaps.dropped)
    }

    private static let hello = #"{"role":"user","content":"Hi"}"#
    private static let adaptive = #""thinking":{"type":"adaptive"}"#
    private static let tools = #","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#
    private static let written = #","tools":[{"name":"f","input_schema":{"type":"object"}}]"#
    private static let forced = tools + #","tool_choice":"required""#
    private static let any = written + #","tool_choice":{"type":"any"}"#

    @Test(
        "each model is asked in the words that it knows",
        arguments: [
            ("claude-3-7-sonnet-20250219", "low", #""max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":1024}"#, ""),
            ("claude-sonnet-4-20250514", "high", #""max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":6750}"#, ""),
            ("claude-opus-4-5@20251101", "medium", #""max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4096}"#, ""),
            ("deepseek-chat", "medium", #""max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4096}"#, ""),
            ("claude-opus-4-6", "minimal", #""max_tokens":9000,\#(adaptive)"#, #","output_config":{"effort":"low"}"#),
            ("claude-sonnet-4-6", "xhigh", #""max_tokens":9000,\#(adaptive)"#, #","output_config":{"effort":"high"}"#),
            ("claude-sonnet-4-6", "none", #""max_tokens":9000"#, ""),
            ("anthropic.claude-opus-4-7-v1", "xhigh", #""max_tokens":9000,\#(adaptive)"#, #","output_config":{"effort":"xhigh"}"#),
            ("claude-opus-5", "high", #""max_tokens":9000,\#(adaptive)"#, #","output_config":{"effort":"high"}"#),
            ("claude-opus-5", "none", #""max_tokens":9000,"thinking":{"type":"disabled"}"#, ""),
            ("claude-haiku-5-5", "none", #""max_tokens":9000,"thinking":{"type":"disabled"}"#, ""),
            ("claude-sonnet-5-5", "none", #""max_tokens":9000,"thinking":{"type":"between_tools"}"#, ""),
            ("claude-opus-5-5", "medium", #""max_tokens":9000,\#(adaptive)"#, #","output_config":{"effort":"medium"}"#),
            ("claude-mythos-preview", "low", #""max_tokens":9000,\#(adaptive)"#, #","output_config":{"effort":"low"}"#),
        ])
    func models(model: String, effort: String, head: String, config: String) throws {
        let told = try Self.translate(#","reasoning_effort":"\#(effort)","max_tokens":9000"#, model)
        #expect(told == Outcome(head: head, config: config, dropped: []))
    }

    @Test("thinking comes on top of a cap that is assumed, and leaves a quarter of one that was said")
    func caps() throws {
        func head(_ rest: String, _ model: String) throws -> String { try Self.translate(rest, model).head }
        #expect(try head(#","reasoning_effort":"high""#, "claude-opus-4-6") == #""max_tokens":20480,\#(Self.adaptive)"#)
        #expect(try head("", "claude-opus-5") == #""max_tokens":8192"#)
        #expect(try head("", "claude-opus-4-8") == #""max_tokens":4096"#)
        let small = #","reasoning_effort":"high","max_completion_tokens":1366"#
        #expect(try head(small, "claude-opus-4-1") == #""max_tokens":1366,"thinking":{"type":"enabled","budget_tokens":1025}"#)
        let tooSmall = #","reasoning_effort":"low","max_tokens":1364"#
        let fault = #expect(throws: Fault.self) { try head(tooSmall, "claude-opus-4-1") }
        #expect(fault?.parameter == "reasoning_effort")
        // There the model decides within the cap.
        #expect(try head(tooSmall, "claude-opus-4-6") == #""max_tokens":1364,\#(Self.adaptive)"#)
    }

    @Test("a forced choice of tools counts for more than thinking, as far as the model takes it")
    func forcedTools() throws {
        let effort = #","max_tokens":9000,"reasoning_effort":"xhigh""#
        let cap = #""max_tokens":9000"#
        #expect(
            try Self.translate(effort + Self.forced, "claude-opus-4-5")
                == Outcome(head: cap, config: Self.any, dropped: ["reasoning_effort"]))
        #expect(
            try Self.translate(effort + Self.forced, "claude-opus-4-7")
                == Outcome(head: cap, config: Self.any + #","output_config":{"effort":"xhigh"}"#, dropped: []))
        #expect(
            try Self.translate(effort + Self.forced, "claude-opus-5")
                == Outcome(
                    head: cap + #","thinking":{"type":"disabled"}"#, config: Self.any + #","output_config":{"effort":"high"}"#, dropped: [])
        )
        #expect(
            try Self.translate(#","max_tokens":9000"# + Self.forced, "claude-opus-5").head == cap + #","thinking":{"type":"disabled"}"#)
        for model in ["claude-opus-5-5", "claude-fable-5-1", "claude-sonnet-5-5"] {
            let fault = #expect(throws: Fault.self) { try Self.translate(effort + Self.forced, model) }
            #expect(fault?.parameter == "tool_choice")
            let told = try Self.translate(effort + Self.forced, model, drops: true)
            #expect(told.config.contains(#""tool_choice":{"type":"auto"}"#) && told.dropped == ["tool_choice"])
        }
    }

    @Test("behind calls that were made without thinking there is none by a budget, and the answer says so")
    func history() throws {
        let call = #"{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}"#
        let thought =
            #"{"role":"assistant","content":null,"thinking_blocks":[{"type":"thinking","thinking":"h","signature":"s"}],"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}"#
        let result = #"{"role":"tool","tool_call_id":"c","content":"r"}"#
        func told(_ messages: [String], _ model: String = "claude-sonnet-4-5") throws -> Outcome {
            try Self.translate(#","max_tokens":9000,"reasoning_effort":"low""#, model, messages.joined(separator: ","))
        }
        let budget = #""max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":1024}"#
        #expect(try told([Self.hello, call, result]) == Outcome(head: #""max_tokens":9000"#, config: "", dropped: ["reasoning_effort"]))
        #expect(try told([Self.hello, call, result, Self.hello]).dropped == ["reasoning_effort"])
        #expect(try told([Self.hello, thought, result]) == Outcome(head: budget, config: "", dropped: []))
        let answer = #"{"role":"assistant","content":"It is r."}"#
        #expect(try told([Self.hello, call, result, answer, Self.hello]) == Outcome(head: budget, config: "", dropped: []))
        #expect(try told([Self.hello, answer]).dropped == ["reasoning_effort"])
        #expect(try told([Self.hello, call, result], "claude-opus-4-6").head == #""max_tokens":9000,\#(Self.adaptive)"#)
    }

    @Test(
        "what cannot be chosen of the sampling is refused by its name, and a default says nothing",
        arguments: [
            ("claude-opus-4-6", #","reasoning_effort":"low","temperature":0.2"#, "temperature"),
            ("claude-opus-4-6", #","reasoning_effort":"low","top_p":0.9"#, "top_p"),
            ("claude-opus-4-5", #","reasoning_effort":"low","top_k":5"#, "top_k"),
            ("claude-opus-4-7", #","temperature":0.2"#, "temperature"), ("claude-sonnet-5", #","top_p":0.9"#, "top_p"),
            ("claude-opus-4-5", #","temperature":0.2,"top_p":0.9"#, "top_p"), ("claude-opus-4-5", #","temperature":1.5"#, "temperature"),
            ("claude-3-5-haiku-20241022", #","reasoning_effort":"low""#, "reasoning_effort"),
            ("claude-opus-5-5", #","reasoning_effort":"none""#, "reasoning_effort"),
            ("claude-opus-4-6", #","thinking":{"type":"adaptive"},"temperature":0.5"#, "temperature"),
        ])
    func sampling(model: String, rest: String, field: String) throws {
        let fault = #expect(throws: Fault.self) { try Self.translate(rest + #","max_tokens":9000"#, model) }
        #expect(fault?.kind == .invalidRequest && fault?.parameter == field)
        let told = try Self.translate(rest + #","max_tokens":9000"#, model, drops: true)
        #expect(told.dropped == [field] && !told.config.contains(field))
    }

    @Test(
        "what may be chosen passes",
        arguments: [
            ("claude-opus-4-7", #","temperature":1,"top_p":1"#, ""),
            (
                "claude-opus-4-6", #","reasoning_effort":"low","temperature":1.0,"top_p":0.97"#,
                #","output_config":{"effort":"low"},"top_p":0.97"#
            ),
            ("claude-opus-4-6", #","temperature":0.2"#, #","temperature":0.2"#),
            ("claude-3-5-haiku-20241022", #","temperature":0.2,"top_p":0.9,"top_k":5"#, #","temperature":0.2,"top_p":0.9,"top_k":5"#),
        ])
    func allowed(model: String, rest: String, config: String) throws {
        #expect(try Self.translate(rest + #","max_tokens":9000"#, model).config == config)
    }
}
