import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import SeededRandomness
import Testing

/// The same for responses and completions: they are refused with a fault, or what becomes of them is sound.
@Suite("damaged responses and completions")
struct ResponsesMutationTests {
    private static let response =
        #"{"model":"m","stream":true,"instructions":"i","max_output_tokens":2000,"temperature":0.5,"user":"u","safety_identifier":"s","metadata":{"t":"x"},"reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"type":"json_schema","name":"n","schema":{},"strict":true},"verbosity":"low"},"include":["reasoning.encrypted_content"],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},"parallel_tool_calls":false,"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],"input":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"input_text","text":"Hi"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"},{"type":"input_file","file_data":"data:application/pdf;base64,AAAA"}]},{"type":"reasoning","summary":[{"type":"summary_text","text":"h"}],"encrypted_content":"thinking/c2ln"},{"role":"assistant","content":[{"type":"output_text","text":"t"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"r"}]}]}"#
    private static let completion =
        #"{"model":"m","stream":true,"prompt":["Hi"],"max_tokens":9,"n":1,"best_of":1,"stop":["a"],"echo":false,"suffix":null,"logprobs":null,"temperature":0.5}"#

    @Test("translations of damaged requests are refused, or sound, on to Messages too", arguments: [1, 2, 3] as [UInt64])
    func requests(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        var (sound, refused) = (0, 0)
        for _ in 0..<1_500 {
            let drops = Bool.random(using: &random)
            let isResponse = Bool.random(using: &random)
            let target = Bool.random(using: &random) ? Dialect.anthropic : .openAI
            let text = DialectMutationTests.damage(isResponse ? Self.response : Self.completion, &random)
            let body = ByteBuffer(string: text)
            var gaps = TranslationGaps(drops: drops)
            do {
                // What the pipeline checks before it translates anything.
                try index.scan(body)
                _ = try index.read(body) { root in
                    try isResponse ? ChatEnvelope(readingResponses: root) : ChatEnvelope(readingCompletions: root)
                }
                var translated =
                    try isResponse
                    ? ResponsesToChat.body(of: body, model: "m", target: target, gaps: &gaps, index: &index).body
                    : CompletionsToChat.body(of: body, model: "m", gaps: &gaps, index: &index).body
                if !DialectMutationTests.isSound(translated) { Issue.record("\(text)\nbecame\n\(String(buffer: translated))") }
                if target == .anthropic {
                    translated = try ChatToMessages.body(of: translated, model: "m", maxTokens: 4096, gaps: &gaps, index: &index)
                    if !DialectMutationTests.isSound(translated) { Issue.record("\(text)\nbecame\n\(String(buffer: translated))") }
                }
                sound += 1
            } catch {
                refused += 1
            }
        }
        #expect(sound > 50 && refused > 50)
    }

    @Test("damaged streams are refused, or told as responses and completions", arguments: [4, 5, 6] as [UInt64])
    func streams(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        let head = AnswerHead(
            requestID: try #require(RequestID("req_00000000000000000000000000000001")), model: "m", provider: "p", cache: .miss,
            routeReason: "exact", createdUnixSeconds: 0, scrubbed: [], rateLimit: nil)
        let echo = ResponsesEcho(of: ByteBuffer(string: Self.response), index: &index)
        for _ in 0..<500 {
            var reader = AnthropicAnswerReader()
            var writer = ResponsesAnswerWriter(head, echo, framing: .lines)
            let completions = CompletionsAnswerWriter(head)
            var (lines, events) = (ByteBuffer(), ByteBuffer())
            let damaged = Int.random(in: 0..<DialectMutationTests.events.count, using: &random)
            do throws(Fault) {
                for (number, event) in DialectMutationTests.events.enumerated() {
                    let text = number == damaged ? DialectMutationTests.damage(event, &random) : event
                    guard case .chunk(let chunk) = try reader.event(ByteBuffer(string: text), index: &index) else { break }
                    try writer.write(chunk, into: &lines)
                    completions.write(chunk, into: &events)
                }
                writer.end(TokenUsage(), into: &lines)
            } catch {
                #expect(error.origin == .upstream)
                writer.fail(error, into: &lines)
            }
            let texts =
                String(buffer: lines).split(separator: "\n").map(String.init)
                + String(buffer: events).split(separator: "\n\n").map { String($0.dropFirst(6)) }
            for text in texts where !DialectMutationTests.isSound(ByteBuffer(string: text)) { Issue.record("\(text)") }
        }
    }

    @Test("damaged completions of a provider are refused, or read within their bounds", arguments: [7, 8] as [UInt64])
    func completions(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        let answer =
            #"{"id":"c","choices":[{"text":"Hi","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#
        var read = 0
        for _ in 0..<2_000 {
            let raw = ByteBuffer(string: DialectMutationTests.damage(answer, &random))
            do throws(Fault) {
                let chunk = try CompletionsAnswer.chunk(raw, index: &index)
                for fragment in chunk.fragments { #expect((fragment.rawRange?.upperBound ?? 0) <= raw.readableBytes) }
                read += 1
            } catch {
                #expect(error.origin == .upstream)
            }
        }
        #expect(read > 50)
    }
}
