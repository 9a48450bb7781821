import Foundation
import NIOCore
import ProcessSupport
import Providers
import Testing

@Suite("Scripted provider: answers", .timeLimit(.minutes(4)))
struct ScriptedProviderTests {
    @Test("echo, plain")
    func echoPlain() async throws {
        try await ProviderRig.run { rig in
            let answer = try await rig.chat("echo", #"Call \"me\" at\n1 < 2 é😀"#)
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.headers["x-request-id"]?.hasPrefix("req_") == true)
            #expect(answer.headers["x-ratelimit-remaining-requests"] == "9999")
            let json = try JSONObject(answer.body)
            #expect(json.string("object") == "chat.completion")
            #expect(json.string("model") == "echo")
            #expect(json.string("choices.0.message.content") == "Call \"me\" at\n1 < 2 é😀")
            #expect(json.string("choices.0.finish_reason") == "stop")
            #expect(json.int("usage.prompt_tokens") == 7)
            #expect(json.int("usage.completion_tokens") == 7)
            #expect(json.int("usage.total_tokens") == 14)
            #expect(json.int("usage.prompt_tokens_details.cached_tokens") == 0)
        }
    }

    @Test("echo, streamed: role first, a word per chunk, one finish, the usage if asked for, then the end")
    func echoStreamed() async throws {
        try await ProviderRig.run { rig in
            let (answer, events) = try await rig.stream("echo", "Hello out  there", fields: #","stream_options":{"include_usage":true}"#)
            #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(events.last == "[DONE]")
            let chunks = try events.dropLast().map { try JSONObject($0) }
            #expect(Set(chunks.map { $0.string("id") }).count == 1)
            #expect(chunks.first?.string("choices.0.delta.role") == "assistant")
            #expect(chunks.dropFirst().dropLast(2).map { $0.string("choices.0.delta.content") } == ["Hello", " out", "  there"])
            #expect(chunks.compactMap { $0.string("choices.0.finish_reason") } == ["stop"])
            #expect(chunks.last?.count("choices") == 0)
            #expect(chunks.last?.int("usage.completion_tokens") == 3)

            let withoutUsage = try await rig.stream("echo").events
            #expect(!withoutUsage.contains { $0.contains("usage") })
        }
    }

    @Test("the text may come in pieces of any size and escaped, and is the same")
    func piecesAndEscapes() async throws {
        try await ProviderRig.run { rig in
            let events = try await rig.stream("echo+pieces:2+escaped", "<EMAIL_1> é😀").events
            #expect(!events.joined().contains("EMAIL"))
            let pieces = try events.dropLast().map { try JSONObject($0).string("choices.0.delta.content") ?? "" }
            #expect(pieces.joined() == "<EMAIL_1> é😀")
            #expect(pieces.filter { !$0.isEmpty }.dropLast().allSatisfy { $0.count == 2 })
        }
    }

    @Test("say:n says n words, max_tokens cuts it, n asks for several choices")
    func say() async throws {
        try await ProviderRig.run { rig in
            let whole = try JSONObject(try await rig.chat("say:25").body)
            #expect(whole.int("usage.completion_tokens") == 25)
            #expect(whole.string("choices.0.finish_reason") == "stop")
            let cut = try JSONObject(try await rig.chat("say:25", fields: #","max_completion_tokens":7,"n":2"#).body)
            #expect(cut.string("choices.1.message.content")?.split(separator: " ").count == 7)
            #expect(cut.string("choices.0.finish_reason") == "length")
            #expect(cut.int("usage.completion_tokens") == 14)
        }
    }

    @Test("tools are called with the text, plain and streamed, and their result is told")
    func tools() async throws {
        try await ProviderRig.run { rig in
            let call = try JSONObject(try await rig.chat("tool:lookup,mail", #"find \"x\""#).body)
            #expect(call.string("choices.0.finish_reason") == "tool_calls")
            #expect(call.string("choices.0.message.tool_calls.1.function.name") == "mail")
            let arguments = try JSONObject(call.string("choices.0.message.tool_calls.0.function.arguments") ?? "")
            #expect(arguments.string("text") == "find \"x\"")

            let events = try await rig.stream("tool:lookup", "find it now").events
            let deltas = try events.dropLast().map { try JSONObject($0) }
            #expect(deltas.compactMap { $0.string("choices.0.delta.tool_calls.0.function.name") } == ["lookup"])
            #expect(deltas.compactMap { $0.string("choices.0.delta.tool_calls.0.id") }.count == 1)
            let streamed = deltas.compactMap { $0.string("choices.0.delta.tool_calls.0.function.arguments") }.joined()
            #expect(try JSONObject(streamed).string("text") == "find it now")

            var afterwards = try rig.chatRequest("tool:lookup")
            afterwards.body.clear()
            afterwards.body.writeString(
                #"{"model":"tool:lookup","messages":[{"role":"user","content":"q"},{"role":"tool","tool_call_id":"1","content":"42 degrees"}]}"#
            )
            let told = try JSONObject(try await rig.pool.call(afterwards).body)
            #expect(told.string("choices.0.message.content")?.contains("42 degrees") == true)
        }
    }

    @Test("the bench model answers the same bytes each time, plain and streamed")
    func bench() async throws {
        try await ProviderRig.run { rig in
            let plain = try await rig.chat("bench", fields: #", "stream" : false"#)
            #expect(try JSONObject(plain.body).int("usage.completion_tokens") == 16)
            #expect(try await rig.chat("bench", "another") == plain)
            let (answer, events) = try await rig.stream("bench:5", fields: #","stream_options":{"include_usage":true}"#)
            #expect(events.count == 9)
            #expect(try JSONObject(events[7]).int("usage.completion_tokens") == 5)
            #expect(try await rig.stream("bench:5", fields: #","stream_options":{"include_usage":true}"#).answer == answer)
            #expect(try await rig.object("/_record").count("requests") == 0)
            #expect(try await rig.object("/_stats").int("completed") == 4)
            // In combination it is an answer like the others.
            #expect(try await rig.stream("bench:5+slow-1ms").events.count == 8)
            #expect(try await rig.object("/_bill").int("models.bench.completion_tokens") == 42)
        }
    }

    @Test("each request's own bill is in the record, and adds up to the models' bills")
    func recordedBills() async throws {
        try await ProviderRig.run { rig in
            for model in ["say:25", "echo", "fail-500", "say:7"] { _ = try await rig.chat(model, "three small words") }
            let record = try await rig.object("/_record")
            #expect(record.int("requests.0.billed.completion_tokens") == 25 && record.int("requests.1.billed.prompt_tokens") == 3)
            #expect(record.int("requests.2.billed.requests") == nil && record.int("requests.3.billed.requests") == 1)
            #expect(try await rig.object("/_bill").int("models.say:7.completion_tokens") == 7)
            let later = try await rig.object("/_record?after=3")
            #expect(later.count("requests") == 1 && later.int("requests.0.number") == 4)
        }
    }

    @Test("a model may take no notice of max_tokens")
    func noLimit() async throws {
        try await ProviderRig.run { rig in
            let answer = try JSONObject(try await rig.chat("say:25+no-limit", fields: #","max_tokens":7"#).body)
            #expect(answer.int("usage.completion_tokens") == 25 && answer.string("choices.0.finish_reason") == "stop")
        }
    }

    @Test("models are listed")
    func models() async throws {
        try await ProviderRig.run { rig in
            let list = try await rig.object("/v1/models")
            #expect(list.string("data.0.id") == "echo")
            #expect(try await rig.object("/v1/models/some%2Fname").string("id") == "some/name")
            #expect(try await rig.get("/v1/nothing").status == 404)
        }
    }

    @Test(
        "bad requests are refused as OpenAI refuses them",
        arguments: [
            "{", "[]", "{}", #"{"model":"echo"}"#, #"{"model":"hagn+cut","messages":[{"role":"user","content":"x"}]}"#,
        ])
    func badRequests(body: String) async throws {
        try await ProviderRig.run { rig in
            var request = try rig.chatRequest("echo")
            request.body.clear()
            request.body.writeString(body)
            let answer = try await rig.pool.call(request)
            #expect(answer.status == 400)
            #expect(try JSONObject(answer.body).string("error.type") == "invalid_request_error")
        }
    }

    @Test("--require-key refuses other keys")
    func requiredKey() async throws {
        try await ProviderRig.run(["--require-key", "sk-right"]) { rig in
            #expect(try await rig.chat("echo", key: "sk-right").status == 200)
            for key in ["sk-wrong", nil] {
                let refused = try await rig.chat("bench", key: key)
                #expect(refused.status == 401)
                #expect(try JSONObject(refused.body).string("error.code") == "invalid_api_key")
            }
        }
    }

    @Test("it speaks TLS with a certificate, and --help and the README name every term")
    func tlsAndHelp() async throws {
        try await withTemporaryDirectory { directory in
            let (certificate, key) = (directory.appendingPathComponent("cert.pem"), directory.appendingPathComponent("key.pem"))
            try TestCertificates.localhost.write(to: certificate, atomically: true, encoding: .utf8)
            try TestCertificates.key.write(to: key, atomically: true, encoding: .utf8)
            try await ProviderRig.run(["--tls-cert", certificate.path, "--tls-key", key.path], tls: try trustingTLS()) { rig in
                let answer = try await rig.chat("echo")
                #expect(answer.status == 200)
            }
        }
        let help = try await ProductProcess.runToEnd("scripted-provider", arguments: ["--help"])
        #expect(help.status == .exited(0))
        let readme = try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
                "../Support/ScriptedProvider/README.md"), encoding: .utf8)
        let terms = readme.split(separator: "\n").filter { $0.hasPrefix("| `") && !$0.contains("GET /") && !$0.contains("DELETE /") }
            .compactMap { $0.split(separator: "`").dropFirst().first }
        let lines = help.output.split(separator: "\n").drop { !$0.contains("MODEL NAMES") }.prefix { !$0.contains("Tokens are") }
        let helpTerms = lines.filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }.map { $0.dropFirst(2) }
        #expect(helpTerms == terms)
        #expect(terms.contains("bad-sse"))
    }
}
