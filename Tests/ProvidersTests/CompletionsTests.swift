import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("OpenAI's older completions")
struct CompletionsTests {
    private static func translate(_ request: String, drops: Bool = false) throws -> (body: String, dropped: [String]) {
        var gaps = TranslationGaps(drops: drops)
        var index = JSONIndex()
        let chat = try CompletionsToChat.body(of: ByteBuffer(string: request), model: "gpt-4o", gaps: &gaps, index: &index)
        return (String(buffer: chat.body), gaps.dropped)
    }

    @Test("a prompt as a chat completion")
    func translation() throws {
        for prompt in [#""Hi""#, #"["Hi"]"#] {
            #expect(
                try Self.translate(
                    #"{"model":"m","prompt":\#(prompt),"max_tokens":5,"stop":"x","echo":false,"suffix":null,"logprobs":null,"best_of":1,"n":1}"#
                ).body == #"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"stop":"x","n":1}"#)
        }
    }

    @Test("what has no place is refused by name", arguments: ["logprobs", "echo", "suffix"])
    func gaps(field: String) throws {
        let value = field == "logprobs" ? "0" : field == "echo" ? "true" : #""x""#
        let request = #"{"model":"m","prompt":"Hi","\#(field)":\#(value)}"#
        #expect(try #require(throws: Fault.self) { try Self.translate(request) }.parameter == field)
        #expect(try Self.translate(request, drops: true).dropped == [field])
        let two = #"{"model":"m","prompt":["a","b"]}"#
        #expect(try #require(throws: Fault.self) { try Self.translate(two, drops: true) }.parameter == "prompt")
    }

    @Test("as many texts are asked for as one answer may have, and no more")
    func count() throws {
        let prompts = Array(repeating: #""a""#, count: 128).joined(separator: ",")
        for (n, isTaken) in [(1, true), (4, true), (5, false), (128, false)] {
            var index = JSONIndex()
            let body = ByteBuffer(string: #"{"n":\#(n),"model":"m","prompt":[\#(prompts)]}"#)
            try index.scan(body)
            let read = Result { try index.read(body) { try ChatEnvelope(readingCompletions: $0) } }
            switch read {
            case .success(let envelope): #expect(isTaken && envelope.choices == UInt64(n) * 128)
            case .failure(let fault): #expect(!isTaken && (fault as? Fault)?.parameter == "n")
            }
        }
    }

    @Test("an answer is read for its texts, ends and usage")
    func reading() throws {
        var index = JSONIndex()
        let chunk = try CompletionsAnswer.chunk(
            ByteBuffer(
                string:
                    #"{"id":"c","choices":[{"text":"Hi\n","index":1,"logprobs":{"tokens":["Hi"]},"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#
            ), index: &index)
        #expect(chunk.dialect == .completions && chunk.usage == TokenUsage(input: 2, output: 1) && !chunk.isUsageOnly)
        #expect(chunk.fragments.map { String(buffer: $0.text) } == ["Hi\n"] && chunk.fragments[0].key.choice == 1)
        #expect(chunk.finishes == [AnswerFinish(choice: 1, reason: .length, providerReason: "length")])
        for bad in [
            "[]", "{}", #"{"choices":[1]}"#, #"{"choices":[{"text":1}]}"#, #"{"choices":[{"index":-1}]}"#, #"{"error":{"message":"x"}}"#,
        ] {
            #expect(throws: Fault.self) { try CompletionsAnswer.chunk(ByteBuffer(string: bad), index: &index) }
        }
    }

    @Test("an answer of another dialect as a completion, whole and streamed")
    func writing() throws {
        let head = AnswerHead(
            requestID: try #require(RequestID("req_00000000000000000000000000000001")), model: "smart", provider: "p", cache: .miss,
            routeReason: "exact", createdUnixSeconds: 1_700_000_000, scrubbed: [], rateLimit: nil)
        let writer = CompletionsAnswerWriter(head)
        var reader = AnthropicAnswerReader()
        var index = JSONIndex()
        let chunk = try reader.whole(
            ByteBuffer(
                string:
                    #"{"type":"message","content":[{"type":"thinking","thinking":"Hm","signature":"c"},{"type":"text","text":"Hi"}],"stop_reason":"max_tokens"}"#
            ), index: &index)
        let start =
            #"{"id":"cmpl-00000000000000000000000000000001","object":"text_completion","created":1700000000,"model":"smart","choices":["#
        let usage =
            #","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#
        var whole = ByteBuffer()
        writer.write(whole: chunk, TokenUsage(input: 1, output: 2), into: &whole)
        #expect(
            String(buffer: whole) == start + #"{"text":"Hi","index":0,"logprobs":null,"finish_reason":"length"}]"# + usage)
        var stream = ByteBuffer()
        writer.write(chunk, into: &stream)
        writer.write(TokenUsage(input: 1, output: 2), into: &stream)
        #expect(
            String(buffer: stream) == "data: " + start + #"{"text":"Hi","index":0,"logprobs":null,"finish_reason":null}]}"# + "\n\ndata: "
                + start
                + #"{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}"# + "\n\ndata: " + start + "]" + usage + "\n\n")
    }
}
