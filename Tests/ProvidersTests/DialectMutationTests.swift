import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import SeededRandomness
import Testing

/// Requests and answers that somebody has damaged: they are refused with a fault, or what becomes of them is sound.
@Suite("damaged requests and answers")
struct DialectMutationTests {
    private static let chat =
        #"{"model":"m","stream":true,"seed":1,"max_tokens":2000,"temperature":0.5,"stop":["a"],"n":1,"user":"u","metadata":{"user_id":"u","t":"x"},"reasoning_effort":"low","tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true}}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}]},{"role":"assistant","content":null,"thinking_blocks":[{"type":"thinking","thinking":"h","signature":"s"}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}]}"#
    private static let messages =
        #"{"model":"m","max_tokens":100,"stream":true,"system":[{"type":"text","text":"s"}],"top_k":1,"metadata":{"user_id":"u"},"thinking":{"type":"enabled","budget_tokens":2000},"output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}},"output_format":{"type":"json_schema","schema":{}},"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"document","source":{"type":"text","data":"d"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"text","text":"t"},{"type":"tool_use","id":"c","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","is_error":true,"content":[{"type":"text","text":"r"}]},{"type":"text","text":"x"}]}]}"#
    static let events = [
        #"{"type":"message_start","message":{"usage":{"input_tokens":1}}}"#,
        #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
        #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        #"{"type":"content_block_stop","index":0}"#,
        #"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}"#,
    ]

    /// Replaces, removes, repeats or swaps pieces of JSON: tokens rather than bytes, so that much of it stays JSON.
    static func damage(_ text: String, _ random: inout SeededRandom) -> String {
        var bytes = Array(text.utf8)
        let pieces: [[UInt8]] = ["null", "{}", "[]", "\"\"", "7", "-1", "true", "\"text\"", "[null]", "{\"type\":\"text\"}"].map {
            Array($0.utf8)
        }
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let marks = bytes.indices.filter { ",:{}[]".utf8.contains(bytes[$0]) }
            guard marks.count > 2 else { break }
            let from = Int.random(in: 0..<(marks.count - 1), using: &random)
            let (start, end) = (marks[from] + 1, marks[min(from + Int.random(in: 1...3, using: &random), marks.count - 1)])
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.replaceSubrange(start..<max(start, end), with: pieces[Int.random(in: 0..<pieces.count, using: &random)])
            case 1: bytes.removeSubrange(start..<max(start, end))
            case 2: bytes.insert(contentsOf: bytes[start..<max(start, end)], at: start)
            default: bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A translation is one object, none of whose keys stands twice.
    static func isSound(_ body: ByteBuffer) -> Bool {
        var index = JSONIndex()
        guard (try? index.scan(body)) != nil else { return false }
        return index.read(body) { $0.isObject && $0.firstDuplicateKey() == nil }
    }

    @Test("translations of damaged requests are refused, or sound", arguments: [1, 2, 3, 4] as [UInt64])
    func requests(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        var (sound, refused) = (0, 0)
        for _ in 0..<2_000 {
            let drops = Bool.random(using: &random)
            for (text, isChat) in [(Self.damage(Self.chat, &random), true), (Self.damage(Self.messages, &random), false)] {
                let body = ByteBuffer(string: text)
                var gaps = TranslationGaps(drops: drops)
                do {
                    // What the pipeline checks before it translates anything.
                    try index.scan(body)
                    _ = try index.read(body) { root in
                        try isChat ? ChatEnvelope(reading: root) : ChatEnvelope(readingMessages: root)
                    }
                    let chat =
                        try isChat ? body : MessagesToChat.body(of: body, model: "m", for: .gemini, gaps: &gaps, index: &index)
                    let translated =
                        switch Int.random(in: 0..<(isChat ? 3 : 4), using: &random) {
                        case 0: try ChatToMessages.body(of: chat, model: "m", maxTokens: 4096, gaps: &gaps, index: &index)
                        case 1: try ChatToOllama.body(of: chat, model: "m", gaps: &gaps, index: &index)
                        case 2: try ChatToGemini.body(of: chat, model: "gemini-3", gaps: &gaps, index: &index)
                        default: chat
                        }
                    sound += 1
                    if !Self.isSound(translated) { Issue.record("\(text)\nbecame\n\(String(buffer: translated))") }
                } catch {
                    refused += 1
                }
            }
        }
        #expect(sound > 50 && refused > 50)
    }

    private static let lines = [
        #"{"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"Hm"},"done":false}"#,
        #"{"model":"m","message":{"role":"assistant","content":"x","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}"#,
        #"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":2}"#,
    ]
    private static let googleEvents = [
        #"{"candidates":[{"content":{"parts":[{"text":"Hm","thought":true},{"text":"x","thoughtSignature":"s"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":5,"cachedContentTokenCount":2}}"#,
        #"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"s"}]},"index":0}],"promptFeedback":{"blockReason":"SAFETY"}}"#,
        #"{"candidates":[{"content":{"parts":[]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":3,"thoughtsTokenCount":1,"toolUsePromptTokenCount":1}}"#,
    ]

    @Test("damaged streams of Ollama's and Google's are refused, or told in both other dialects", arguments: [9, 10] as [UInt64])
    func nativeStreams(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        let head = AnswerHead(
            requestID: try #require(RequestID("req_00000000000000000000000000000001")), model: "m", provider: "p", cache: .miss,
            routeReason: "exact", createdUnixSeconds: 0, scrubbed: [], rateLimit: nil)
        var told = 0
        for round in 0..<2_000 {
            let events = round % 2 == 0 ? Self.lines : Self.googleEvents
            var (ollama, gemini) = (OllamaAnswerReader(), GeminiAnswerReader())
            var (chat, messages) = (OpenAIAnswerWriter(head), AnthropicAnswerWriter(head))
            var (chatOutput, messagesOutput) = (ByteBuffer(), ByteBuffer())
            let damaged = Int.random(in: 0..<events.count, using: &random)
            do {
                for (number, event) in events.enumerated() {
                    let raw = ByteBuffer(string: number == damaged ? Self.damage(event, &random) : event)
                    let chunk = try round % 2 == 0 ? ollama.read(raw, index: &index) : gemini.read(raw, index: &index)
                    chat.write(chunk, into: &chatOutput)
                    try messages.write(chunk, into: &messagesOutput)
                }
                messages.end(TokenUsage(), into: &messagesOutput)
                told += 1
            } catch {
                #expect(error.origin == .upstream)
            }
            for line in (String(buffer: chatOutput) + String(buffer: messagesOutput)).split(separator: "\n") where line.hasPrefix("data: ")
            {
                if !Self.isSound(ByteBuffer(string: String(line.dropFirst(6)))) { Issue.record("\(line)") }
            }
        }
        #expect(told > 50)
    }

    @Test("damaged streams are refused, or told in the other dialect", arguments: [5, 6, 7, 8] as [UInt64])
    func streams(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        let head = AnswerHead(
            requestID: try #require(RequestID("req_00000000000000000000000000000001")), model: "m", provider: "p", cache: .miss,
            routeReason: "exact", createdUnixSeconds: 0, scrubbed: [], rateLimit: nil)
        var told = 0
        for _ in 0..<1_000 {
            var reader = AnthropicAnswerReader()
            var writer = OpenAIAnswerWriter(head)
            var output = ByteBuffer()
            let damaged = Int.random(in: 0..<Self.events.count, using: &random)
            do {
                for (number, event) in Self.events.enumerated() {
                    let text = number == damaged ? Self.damage(event, &random) : event
                    guard case .chunk(let chunk) = try reader.event(ByteBuffer(string: text), index: &index) else { break }
                    for fragment in chunk.fragments {
                        if let range = fragment.rawRange { #expect(range.upperBound <= chunk.raw.readableBytes) }
                    }
                    writer.write(chunk, into: &output)
                }
                told += 1
            } catch {
                #expect(error.origin == .upstream)
            }
            for event in String(buffer: output).split(separator: "\n\n") {
                if !Self.isSound(ByteBuffer(string: String(event.dropFirst(6)))) { Issue.record("\(event)") }
            }
        }
        #expect(told > 50)
    }
}
