import NIOCore
import Providers
import Testing

@Suite("Scripted provider: faults and record", .timeLimit(.minutes(4)))
struct ScriptedProviderFaultTests {
    @Test("statuses come as the dialect's errors", arguments: [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529])
    func failures(status: Int) async throws {
        try await ProviderRig.run { rig in
            for fields in ["", #","stream":true"#] {
                let answer = try await rig.chat("fail-\(status)", fields: fields)
                #expect(answer.status == status)
                let message = try JSONObject(answer.body).string("error.message")
                #expect(message?.isEmpty == false)
                #expect((answer.headers["retry-after"] != nil) == [429, 503, 529].contains(status))
            }
            #expect(try await rig.object("/_bill").has("models.fail-\(status)") == false)
        }
    }

    @Test("hang never answers, and sees the client leave")
    func hang() async throws {
        try await ProviderRig.run(timeouts: UpstreamTimeouts(firstByte: .milliseconds(50))) { rig in
            #expect(try await rig.chat("hang").failure == .firstByteTimedOut)
            let statistics = try await rig.object("/_stats?at_least=closed_early:1")
            #expect(statistics.int("closed_early") == 1)
            #expect(statistics.int("active") == 0)
            #expect(try await rig.object("/_record").string("requests.0.outcome") == "closed_early")
        }
    }

    @Test("hang-mid stops inside the body", arguments: ["", #","stream":true"#])
    func hangMid(fields: String) async throws {
        try await ProviderRig.run(timeouts: UpstreamTimeouts(idle: .seconds(3))) { rig in
            let answer = try await rig.chat("hang-mid", fields: fields)
            #expect(answer.failure == .idleTimedOut)
            #expect(!answer.body.isEmpty)
        }
    }

    @Test("cut closes inside the body, and the provider bills what it sent")
    func cut() async throws {
        try await ProviderRig.run { rig in
            #expect(try await rig.chat("cut").failure == .closedMidBody)
            let (answer, events) = try await rig.stream("say:100+cut")
            #expect(answer.failure == .closedMidBody)
            #expect(!events.contains("[DONE]"))
            let bill = try await rig.object("/_bill")
            #expect(bill.int("models.say:100+cut.completion_tokens") == events.count - 1)
        }
    }

    @Test("bodies that are no answers")
    func wrongBodies() async throws {
        try await ProviderRig.run { rig in
            for fields in ["", #","stream":true"#] {
                let empty = try await rig.chat("empty", fields: fields)
                #expect(empty.status == 200)
                #expect(empty.body == "")
                let page = try await rig.chat("html", fields: fields)
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
                #expect(page.body.hasPrefix("<!DOCTYPE html>"))
            }
            let garbage = try await rig.chat("garbage").body
            #expect(throws: (any Error).self) { try JSONObject(garbage) }
            let (_, events) = try await rig.stream("garbage")
            #expect(events.contains("<<<not JSON>>>"))
        }
    }

    @Test("bad-sse is refused by the parser after one good event")
    func badSSE() async throws {
        try await ProviderRig.run { rig in
            let body = try await rig.stream("bad-sse").answer.body
            let result = SSEParserTests.parse([Array(body.utf8)])
            #expect(result.events.count == 1)
            #expect(result.fault == .controlCharacter)
            #expect(try await rig.chat("bad-sse").status == 200)
        }
    }

    @Test("huge is as large as it says, plain and streamed", arguments: ["", #","stream":true"#])
    func huge(fields: String) async throws {
        try await ProviderRig.run { rig in
            let recorder = try await rig.pool.begin(try rig.chatRequest("huge:3", fields: fields)) { $0.keepsBody = false }
            let answer = try await rig.pool.loop.flatSubmit { recorder.value.whole }.get()
            #expect(answer.failure == nil)
            #expect(try await rig.pool.state(of: recorder).bodyBytes > 3 << 20)
        }
    }

    @Test("timing terms change when, not what")
    func timing() async throws {
        try await ProviderRig.run { rig in
            let plain = try JSONObject(try await rig.chat("echo+delay-20ms").body)
            #expect(plain.string("choices.0.message.content") == "Hello out there")
            #expect(try await rig.stream("echo-slow-2ms").events.count == 6)
            #expect(try await rig.stream("say:2+slow-2ms+delay-2ms").events.count == 5)
            let dripped = try JSONObject(try await rig.chat("slow-drip").body)
            #expect(dripped.string("choices.0.message.content") == "Hello out there")
        }
    }

    @Test("a client that leaves in the middle is noticed, and billed for what it got")
    func clientLeaves() async throws {
        try await ProviderRig.run { rig in
            let request = try rig.chatRequest("say:1000+slow-5ms", fields: #","stream":true"#)
            let recorder = try await rig.pool.begin(request) { recorder in
                recorder.onBody = { [unowned recorder] in
                    if recorder.answer.body.contains("gateway") {
                        recorder.call?.cancel()
                        recorder.giveUp()
                    }
                }
            }
            _ = try await rig.pool.loop.flatSubmit { recorder.value.whole }.get()
            #expect(try await rig.object("/_stats?at_least=closed_early:1").int("active") == 0)
            let billed = try await rig.object("/_bill").int("models.say:1000+slow-5ms.completion_tokens") ?? 0
            #expect(billed >= 2)
            #expect(billed < 1000)
        }
    }

    @Test("what came is recorded as it came, in order, without credentials")
    func record() async throws {
        try await ProviderRig.run(["--record-limit", "2"]) { rig in
            _ = try await rig.chat("echo", "one", key: "sk-secret")
            _ = try await rig.chat("echo", #"tw\u006f é"#, key: "sk-secret")
            var third = try rig.chatRequest("echo", "three")
            third.body.writeBytes([0xFF])
            _ = try await rig.pool.call(third)
            let raw = try await rig.get("/_record").body
            #expect(!raw.contains("sk-secret"))
            let record = try JSONObject(raw)
            #expect(record.count("requests") == 2)
            #expect(record.int("dropped") == 1)
            #expect(record.string("requests.0.body") == #"{"model":"echo","messages":[{"role":"user","content":"tw\u006f é"}]}"#)
            #expect(record.bool("requests.0.credential") == true)
            #expect(record.bool("requests.1.credential") == false)
            #expect(record.has("requests.1.body_base64"))
            #expect(try await rig.delete("/_record") == 200)
            #expect(try await rig.object("/_record").count("requests") == 0)
        }
    }
}
