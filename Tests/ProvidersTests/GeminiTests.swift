import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("Google's Gemini API")
struct GeminiTests {
    private static func translate(
        _ chat: String, model: String = "gemini-2.5-flash", isCounting: Bool = false, drops: Bool = false
    ) throws -> (body: String, dropped: [String]) {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let body = try ChatToGemini.body(
            of: ByteBuffer(string: chat), model: model, isCounting: isCounting, gaps: &gaps, index: &index)
        return (String(buffer: body), gaps.dropped)
    }

    private static func chat(_ messages: String, _ rest: String = "") -> String { #"{"model":"m","messages":[\#(messages)]\#(rest)}"# }

    private static let hello = #"{"role":"user","content":"Hi"}"#
    private static let helloContent = #"{"role":"user","parts":[{"text":"Hi"}]}"#
    private static let signature = "c2lnbmF0dXJl"

    private static let call =
        #"{"role":"assistant","content":"I look.","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":""}}]"#
    private static let results =
        #"{"role":"tool","tool_call_id":"c1","content":"{\"degrees\": 20}"},{"role":"tool","tool_call_id":"c2","content":"two"}"#
    private static let resultsContent =
        #"{"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":{"degrees": 20}}},{"functionResponse":{"id":"c2","name":"g","response":{"output":"two"}}}]}"#

    @Test(
        "conversations",
        arguments: [
            (hello, #"{"contents":[\#(helloContent)]}"#),
            (
                #"{"role":"system","content":"Be kind"},\#(hello),{"role":"developer","content":[{"type":"text","text":"Be brief"}]}"#,
                #"{"systemInstruction":{"parts":[{"text":"Be kind"},{"text":"Be brief"}]},"contents":[\#(helloContent)]}"#
            ),
            (
                #"{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8="}},{"type":"image_url","image_url":{"url":"https://example.com/a.JPG?x=1"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}},{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}"#,
                #"{"contents":[{"role":"user","parts":[{"text":"What is it?"},{"inlineData":{"mimeType":"image/png","data":"aGVsbG8="}},{"fileData":{"mimeType":"image/jpeg","fileUri":"https://example.com/a.JPG?x=1"}},{"inlineData":{"mimeType":"application/pdf","data":"JVBERg=="}},{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}}]}]}"#
            ),
            (
                "\(hello),\(call)},\(results),\(hello)",
                #"{"contents":[\#(helloContent),{"role":"model","parts":[{"text":"I look."},{"functionCall":{"id":"c1","name":"f","args":{"a": 1}}},{"functionCall":{"id":"c2","name":"g","args":{}}}]},\#(resultsContent),\#(helloContent)]}"#
            ),
            // Texts that say nothing are none; reasoning is not taken back.
            (
                #"\#(hello),{"role":"assistant","content":" ","reasoning_content":"Hm"},{"role":"assistant","content":"Yes.","reasoning_content":"Hm"}"#,
                #"{"contents":[\#(helloContent),{"role":"model","parts":[{"text":"Yes."}]}]}"#
            ),
        ])
    func conversations(messages: String, expected: String) throws {
        #expect(try Self.translate(Self.chat(messages)).body == expected)
    }

    @Test("signatures go back with the call and the text that they are of, as blocks or where Google's own interface has them")
    func signatures() throws {
        let signed = #"{"functionCall":{"id":"c1","name":"f","args":{"a": 1}},"thoughtSignature":"\#(Self.signature)"}"#
        let blocks =
            #","thinking_blocks":[{"type":"thought_signature","signature":"\#(Self.signature)","tool_call_id":"c1"},{"type":"thinking","thinking":"h","signature":"c2ln"}]}"#
        let extra = Self.call.replacing(
            #"{"id":"c1","#, with: #"{"id":"c1","extra_content":{"google":{"thought_signature":"\#(Self.signature)"}},"#)
        for (message, model) in [(Self.call + blocks, "gemini-2.5-pro"), (extra + "}", "gemini-3-pro-preview")] {
            let body = try Self.translate(Self.chat("\(Self.hello),\(message),\(Self.results)"), model: model).body
            #expect(body.contains(signed + #",{"functionCall":{"id":"c2","name":"g","args":{}}}"#), "\(body)")
        }
        let text =
            #"{"role":"assistant","content":"Yes.","thinking_blocks":[{"type":"thought_signature","signature":"\#(Self.signature)"}]}"#
        #expect(
            try Self.translate(Self.chat("\(Self.hello),\(text)")).body
                .contains(#"{"text":"Yes.","thoughtSignature":"\#(Self.signature)"}"#))
    }

    @Test("a call that nobody signed says so where the model asks for it, the first one of each step")
    func unsigned() throws {
        let conversation = Self.chat("\(Self.hello),\(Self.call)},\(Self.results)")
        let body = try Self.translate(conversation, model: "gemini-3-flash").body
        #expect(body.contains(#""args":{"a": 1}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall""#))
        #expect(body.ranges(of: "thoughtSignature").count == 1)
        #expect(try !Self.translate(conversation).body.contains("thoughtSignature"))
    }

    @Test(
        "parameters",
        arguments: [
            (
                #","max_tokens":7,"temperature":0.5,"top_p":0.9,"top_k":5,"seed":3,"stop":"x","stream":true,"stream_options":{"include_usage":true},"user":"u","n":2,"presence_penalty":0.5,"frequency_penalty":0.25"#,
                #","generationConfig":{"maxOutputTokens":7,"temperature":0.5,"topP":0.9,"topK":5,"seed":3,"stopSequences":["x"],"candidateCount":2,"presencePenalty":0.5,"frequencyPenalty":0.25}"#
            ), (#","response_format":{"type":"json_object"}"#, #","generationConfig":{"responseMimeType":"application/json"}"#),
            (
                #","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}"#,
                #","generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}"#
            ), (#","reasoning_effort":"none""#, #","generationConfig":{"thinkingConfig":{"thinkingBudget":0}}"#),
            (
                #","reasoning_effort":"medium""#,
                #","generationConfig":{"thinkingConfig":{"thinkingBudget":8192,"includeThoughts":true}}"#
            ),
            (
                #","thinking":{"type":"enabled","budget_tokens":2000}"#,
                #","generationConfig":{"thinkingConfig":{"thinkingBudget":2000,"includeThoughts":true}}"#
            ),
            (
                #","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g"}}]"#,
                #","tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object"}},{"name":"g"}]}]"#
            ),
            (
                #","tools":[{"type":"function","function":{"name":"f","strict":true}}]"#,
                #","tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"}}"#
            ),
            (
                #","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#,
                #","tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#
            ),
            (
                #","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}"#,
                #","tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}"#
            ),
            (
                #","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none""#,
                #","tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}"#
            ),
            (
                #","safety_settings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"cached_content":"cachedContents/x""#,
                #","safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"cachedContent":"cachedContents/x""#
            ),
        ])
    func parameters(rest: String, expected: String) throws {
        #expect(try Self.translate(Self.chat(Self.hello, rest)).body == #"{"contents":[\#(Self.helloContent)]\#(expected)}"#)
    }

    @Test("from the third generation on thinking has levels; counting asks for the whole request")
    func generations() throws {
        for (effort, level) in [("none", "minimal"), ("low", "low"), ("xhigh", "high")] {
            let body = try Self.translate(Self.chat(Self.hello, #","reasoning_effort":"\#(effort)""#), model: "gemini-3-pro").body
            #expect(body.contains(#""thinkingLevel":"\#(level)""#))
        }
        #expect(
            try Self.translate(Self.chat(Self.hello), isCounting: true).body
                == #"{"generateContentRequest":{"model":"models/gemini-2.5-flash","contents":[\#(Self.helloContent)]}}"#)
    }

    @Test(
        "what has no place there is refused by its name, or dropped where that is allowed",
        arguments: [
            (chat(hello, #","tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false"#), "parallel_tool_calls"),
            (chat(hello, #","web_search_options":{}"#), "web_search_options"), (chat(hello, #","logprobs":true"#), "logprobs"),
            (chat(hello, #","logit_bias":{"5":1}"#), "logit_bias"), (chat(hello, #","tools":[{"type":"web_search"}]"#), "tools[0].type"),
            (
                chat(#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"file","file":{"file_id":"f"}}]}"#),
                "messages[0].content[1].file.file_id"
            ),
            (
                chat(#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b","detail":"low"}}]}"#),
                "messages[0].content[0].image_url.detail"
            ),
        ])
    func gaps(chat: String, field: String) throws {
        let fault = #expect(throws: Fault.self) { try Self.translate(chat) }
        #expect(fault?.kind == .invalidRequest && fault?.parameter == field)
        let (body, dropped) = try Self.translate(chat, drops: true)
        #expect(dropped == [field])
        var index = JSONIndex()
        #expect(throws: Never.self) { try index.scan(ByteBuffer(string: body)) }
    }

    // MARK: answers

    private static func read(_ events: [String]) throws -> [AnswerChunk] {
        var reader = GeminiAnswerReader()
        var index = JSONIndex()
        return try events.map { try reader.read(ByteBuffer(string: $0), index: &index) }
    }

    @Test("a stream: thoughts, text, signed calls that are given ids, why it ended, and what it took in disjoint classes")
    func stream() throws {
        let usage =
            #""usageMetadata":{"promptTokenCount":30,"candidatesTokenCount":7,"totalTokenCount":49,"cachedContentTokenCount":10,"thoughtsTokenCount":12,"toolUsePromptTokenCount":3},"modelVersion":"gemini","responseId":"r1"}"#
        let events = [
            #"{"candidates":[{"content":{"parts":[{"text":"Hm","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":30,"thoughtsTokenCount":2},"responseId":"r1"}"#,
            #"{"candidates":[{"content":{"parts":[{"text":"I look."}],"role":"model"}}],"responseId":"r1"}"#,
            #"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a": 1}},"thoughtSignature":"\#(Self.signature)"},{"functionCall":{"id":"x","name":"g"}}],"role":"model"},"index":0}],"responseId":"r1"}"#,
            #"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"dGV4dA=="}],"role":"model"},"finishReason":"STOP","index":0}],"#
                + usage,
        ]
        let chunks = try Self.read(events)
        #expect(chunks.flatMap(\.fragments).map(\.key.kind) == [.reasoning, .text, .block, .toolCall, .toolCall, .block])
        let calls = chunks[2].fragments
        let id = try #require(calls[1].callID)
        #expect(id.hasPrefix("call_") && calls[2].callID == "x" && calls.map(\.name) == ["thought_signature", "f", "g"])
        #expect(
            String(buffer: calls[0].text) == #"{"type":"thought_signature","signature":"\#(Self.signature)","tool_call_id":"\#(id)"}"#)
        #expect(String(buffer: calls[1].text) == #"{"a": 1}"# && String(buffer: calls[2].text) == "{}")
        #expect(String(buffer: chunks[3].fragments[0].text) == #"{"type":"thought_signature","signature":"dGV4dA=="}"#)
        #expect(chunks[0].usageSoFar == TokenUsage(input: 30, reasoning: 2) && chunks[0].usage == nil)
        #expect(chunks[3].usage == TokenUsage(input: 23, cacheRead: 10, output: 7, reasoning: 12))
        #expect(chunks[3].finishes == [AnswerFinish(choice: 0, reason: .toolCalls, providerReason: "STOP")])
    }

    @Test("a made id is none for Google's API")
    func madeIDs() throws {
        let chunk = try Self.read([
            #"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}]}"#
        ])[0]
        let id = try #require(chunk.fragments[0].callID)
        let call = #"{"role":"assistant","tool_calls":[{"id":"\#(id)","type":"function","function":{"name":"f","arguments":"{}"}}]}"#
        let body = try Self.translate(Self.chat(#"\#(Self.hello),\#(call),{"role":"tool","tool_call_id":"\#(id)","content":""}"#)).body
        #expect(body.contains(#"{"functionCall":{"name":"f","args":{}}}"#))
        #expect(body.contains(#"{"functionResponse":{"name":"f","response":{"output":""}}}"#))
    }

    @Test(
        "why an answer ended",
        arguments: [
            ("STOP", FinishReason.stop), ("MAX_TOKENS", .length), ("SAFETY", .contentFilter), ("RECITATION", .contentFilter),
            ("BLOCKLIST", .contentFilter), ("PROHIBITED_CONTENT", .contentFilter), ("SPII", .contentFilter),
            ("IMAGE_SAFETY", .contentFilter), ("OTHER", .other), ("NEW_REASON", .other),
        ])
    func reasons(word: String, reason: FinishReason) throws {
        let chunk = try Self.read([#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"\#(word)","index":0}]}"#])[0]
        #expect(chunk.finishes == [AnswerFinish(choice: 0, reason: reason, providerReason: word)])
    }

    @Test("a server that says with every event why the answer ends says it once")
    func repeatedReasons() throws {
        let event = #"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP","index":0}]}"#
        #expect(try Self.read([event, event]).map(\.finishes.count) == [1, 0])
    }

    @Test("a prompt that is refused is an answer without a word, ended by the filter")
    func blocked() throws {
        let chunk = try Self.read([
            #"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":8,"totalTokenCount":8}}"#
        ])[0]
        #expect(chunk.finishes == [AnswerFinish(choice: 0, reason: .contentFilter, providerReason: "PROHIBITED_CONTENT")])
        #expect(chunk.usage == TokenUsage(input: 8) && chunk.fragments.isEmpty)
    }

    @Test(
        "calls that came to nothing, errors, and what is no answer",
        arguments: [
            (#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0}]}"#, FaultKind.upstreamBadAnswer),
            (#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#, .upstreamOverloaded),
            (#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#, .upstreamRateLimited),
            (#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#, .upstreamRejected),
            ("", .upstreamBadAnswer), ("[]", .upstreamBadAnswer), ("{}", .upstreamBadAnswer), (#"{"candidates":7}"#, .upstreamBadAnswer),
            (#"{"candidates":[7]}"#, .upstreamBadAnswer), (#"{"candidates":[{"index":-1}]}"#, .upstreamBadAnswer),
            (#"{"candidates":[{"content":{"parts":[{"text":7}]}}]}"#, .upstreamBadAnswer),
            (#"{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]}}]}"#, .upstreamBadAnswer),
            (#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[]}}]}}]}"#, .upstreamBadAnswer),
            (#"{"candidates":[{"content":{"parts":[{"text":"a","text":"b"}]}}]}"#, .upstreamBadAnswer),
        ])
    func faults(event: String, kind: FaultKind) {
        let fault = #expect(throws: Fault.self) { try Self.read([event]) }
        #expect(fault?.kind == kind)
    }

    @Test("counts of tokens are told as Anthropic's API does")
    func counts() throws {
        var index = JSONIndex()
        let chunk = try GeminiAnswerReader.count(ByteBuffer(string: #"{"totalTokens":31,"promptTokensDetails":[]}"#), index: &index)
        #expect(String(buffer: chunk.raw) == #"{"input_tokens":31}"#)
        #expect(throws: Fault.self) { try GeminiAnswerReader.count(ByteBuffer(string: "{}"), index: &index) }
    }
}

@Suite("embeddings of other dialects")
struct EmbeddingsTranslationTests {
    private static func translate(_ request: String, _ dialect: Dialect) throws -> String {
        var gaps = TranslationGaps(drops: false)
        var index = JSONIndex()
        return String(
            buffer: try EmbeddingsTranslation.body(
                of: ByteBuffer(string: request), model: "e", for: dialect, gaps: &gaps, index: &index))
    }

    private static func read(_ answer: String, _ dialect: Dialect, inBase64: Bool) throws -> AnswerChunk {
        var index = JSONIndex()
        return try EmbeddingsTranslation.answer(
            ByteBuffer(string: answer), from: dialect, model: "m", inBase64: inBase64, index: &index)
    }

    @Test("requests")
    func requests() throws {
        let one = #"{"model":"m","input":"a","encoding_format":"base64","user":"u"}"#
        let two = #"{"model":"m","input":["a","b"],"dimensions":3}"#
        #expect(try Self.translate(one, .ollama) == #"{"model":"e","input":"a"}"#)
        #expect(try Self.translate(two, .ollama) == #"{"model":"e","input":["a","b"],"dimensions":3}"#)
        func request(_ text: String, _ rest: String = "") -> String {
            #"{"model":"models/e","content":{"parts":[{"text":"\#(text)"}]}\#(rest)}"#
        }
        #expect(try Self.translate(one, .gemini) == #"{"requests":[\#(request("a"))]}"#)
        let dimensions = #","outputDimensionality":3"#
        #expect(try Self.translate(two, .gemini) == #"{"requests":[\#(request("a", dimensions)),\#(request("b", dimensions))]}"#)
        let fault = #expect(throws: Fault.self) { try Self.translate(#"{"model":"m","input":"a","unheard_of":1}"#, .gemini) }
        #expect(fault?.parameter == "unheard_of")
    }

    @Test("answers, as numbers and in base64")
    func answers() throws {
        let ollama = #"{"model":"e","embeddings":[[0.5,-1],[2,0.25]],"prompt_eval_count":4}"#
        let chunk = try Self.read(ollama, .ollama, inBase64: false)
        #expect(
            String(buffer: chunk.raw)
                == #"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding","index":1,"embedding":[2,0.25]}],"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#
        )
        #expect(chunk.usage == TokenUsage(input: 4) && chunk.dialect == .openAI)
        let gemini = #"{"embeddings":[{"values":[0.5,-1]}]}"#
        let encoded = try Self.read(gemini, .gemini, inBase64: true)
        #expect(String(buffer: encoded.raw).contains(#""embedding":"AAAAPwAAgL8=""#) && encoded.usage == nil)
    }

    @Test(
        "what is none is refused",
        arguments: ["", "{}", #"{"embeddings":7}"#, #"{"embeddings":[7]}"#, #"{"embeddings":[["a"]]}"#, #"{"error":"no"}"#])
    func faults(answer: String) {
        for dialect in [Dialect.ollama, .gemini] {
            #expect(throws: Fault.self) { try Self.read(answer, dialect, inBase64: true) }
        }
    }
}
