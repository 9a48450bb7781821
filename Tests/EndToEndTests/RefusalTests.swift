import Foundation
import NIOCore
import NIOHTTP1
import Testing
import Wire

extension EndToEndTests {
    @Suite("refusals", .sharedStack, .timeLimit(.minutes(4)))
    struct RefusalTests {
        @Test("an unknown model and a wrong key cost a request, not its connection", arguments: Door.allCases, [false, true])
        func keepsConnection(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics().requests
            try await door.withCaller(stack) { caller in
                let unknown = try await caller.chat(Chat("no-such-model", streamed: streamed))
                #expect(unknown.fault?.told == Documented.modelNotFound.told(by: door))
                #expect(unknown.requestID?.isEmpty == false)
                for key in ["ask_nobody", String(stack.keys.main.dropLast()) + "?", String(repeating: "k", count: 4000)] {
                    let refused = try await caller.chat(Chat("echo", streamed: streamed, key: key))
                    #expect(refused.fault?.told == Documented.unauthenticated.told(by: door))
                    #expect(refused.fault?.message.contains(key) == false)
                }
                #expect(try await caller.chat(Chat("echo", streamed: streamed)).isWhole)
            }
            #expect(try await stack.provider.statistics().requests == before + 1)
        }

        @Test("a connection without a key, or with a wrong one, is told so", arguments: Door.allCases, [nil, "ask_wrong"])
        func connectionsKey(door: Door, key: String?) async throws {
            let stack = try Stack.shared
            let caller = try await door.connect(stack, key: key)
            defer { caller.close() }
            #expect(try await caller.chat(Chat("echo")).fault?.told == Documented.unauthenticated.told(by: door))
            if door == .http {
                #expect(try await caller.chat(Chat("echo")).fault?.told == Documented.unauthenticated.told(by: door))
            } else {
                try await caller.closed.within("the end of a connection without a credential")
            }
        }

        @Test("a used-up limit says when to come back, through whichever door it was used up")
        func rateLimit() async throws {
            let stack = try Stack.shared
            for door in Door.allCases {
                let caller = try await door.connect(stack, key: stack.keys.limited)
                defer { caller.close() }
                #expect(try await caller.chat(Chat("echo")).isWhole)
            }
            for (door, streamed) in [(Door.wire, false), (.wire, true), (.http, false), (.http, true)] {
                let caller = try await door.connect(stack, key: stack.keys.limited)
                defer { caller.close() }
                let reply = try await caller.chat(Chat("echo", streamed: streamed))
                #expect(reply.fault?.told == Documented.rateLimited.told(by: door))
                #expect((1...60_000).contains(reply.fault?.retryAfterMilliseconds ?? 0))
            }
            // Others go on.
            #expect(try await Door.wire.withCaller(stack) { try await $0.chat(Chat("echo")) }.isWhole)
        }

        @Test("a request that is too large is refused before it has taken the memory")
        func tooLarge() async throws {
            let stack = try Stack.shared
            let text = String(repeating: "too large ", count: 300_000)
            let (caller, call) = try await WireCaller.connect(stack, key: stack.keys.main, early: Chat("echo", text))
            defer { caller.close() }
            #expect(try await call.reply().fault?.told == Documented.requestTooLarge.wire)
            #expect(try await caller.chat(Chat("echo")).isWhole)

            for streamed in [false, true] {
                let reply = try await Door.http.withCaller(stack) { try await $0.chat(Chat("echo", text, streamed: streamed)) }
                #expect(reply.fault?.told == Documented.requestTooLarge.http)
            }
        }

        struct BadRequest: Sendable, CustomTestStringConvertible {
            var name: String
            var method = "POST"
            var path = "/v1/chat/completions"
            var type = "application/json"
            var body: String
            var told: String
            var parameter: String?

            var testDescription: String { name }

            static let all = [
                BadRequest(name: "no JSON", body: "{\"model\":", told: "400 malformed_body"),
                BadRequest(name: "nothing", body: "", told: "400 malformed_body"),
                BadRequest(name: "NaN", body: chat(#""temperature":NaN"#), told: "400 malformed_body"),
                BadRequest(name: "half a character", body: chat(#""user":"\ud800""#), told: "400 malformed_body"),
                BadRequest(name: "a bomb", body: chat("\"x\":" + String(repeating: "[", count: 100_000)), told: "400 invalid_request"),
                BadRequest(
                    name: "a stream of bananas", body: chat(#""stream":"banana""#), told: "400 invalid_request", parameter: "stream"),
                BadRequest(
                    name: "messages that are none", body: #"{"model":"echo","messages":5}"#, told: "400 invalid_request",
                    parameter: "messages"),
                BadRequest(
                    name: "no model", body: #"{"messages":[{"role":"user","content":"hi"}]}"#, told: "400 invalid_request",
                    parameter: "model"),
                BadRequest(name: "two models", body: chat(#""model":"say:1""#), told: "400 malformed_body", parameter: "model"),
                BadRequest(
                    name: "another type", type: "text/plain", body: chat(#""n":1"#), told: "400 invalid_request", parameter: "content-type"),
                BadRequest(name: "another method", method: "PUT", body: "{}", told: "405 method_not_allowed"),
                BadRequest(
                    name: "an answer that would be stored", method: "GET", path: "/v1/responses/resp_1", body: "", told: "404 not_found"),
                BadRequest(name: "an operation of stored ones", path: "/v1/responses/resp_1/cancel", body: "{}", told: "404 not_found"),
                BadRequest(
                    name: "a stored chat", method: "DELETE", path: "/v1/chat/completions/chatcmpl-1", body: "", told: "404 not_found"),
                BadRequest(name: "a path of others", path: "/v1/assistants", body: "{}", told: "501 unsupported"),
                BadRequest(name: "no path of ours", path: "/nothing", body: "{}", told: "404 not_found"),
            ]

            private static func chat(_ member: String) -> String {
                #"{"model":"echo","messages":[{"role":"user","content":"hi"}],\#(member)}"#
            }
        }

        @Test("bad HTTP requests are told what is wrong, and the connection is kept", arguments: BadRequest.all)
        func badHTTP(request: BadRequest) async throws {
            let stack = try Stack.shared
            let caller = try await HTTPCaller.connect(stack, key: stack.keys.main)
            defer { caller.close() }
            let response = try await caller.send(
                request.method, request.path, headers: [("authorization", "Bearer \(stack.keys.main)"), ("content-type", request.type)],
                body: Data(request.body.utf8))
            let error = try JSON(response.body).object("error")
            #expect("\(response.status) \(error.string("code") ?? "?")" == request.told)
            #expect(error.string("param") == request.parameter)
            #expect(error.keys == ["message", "type", "param", "code"])
            #expect(response.headers.first(name: "x-request-id")?.isEmpty == false)
            #expect(try await caller.chat(Chat("echo")).isWhole)
        }

        @Test("bad requests on the wire are told what is wrong, and the connection is kept")
        func badWire() async throws {
            let stack = try Stack.shared
            let caller = try await WireCaller.connect(stack, key: stack.keys.main)
            defer { caller.close() }
            let user = ChatMessage(role: .user, parts: [Part(.text("hi"))])
            let requests: [(Request, told: String, parameter: String?)] = [
                (Request(), Documented.unsupported.wire, nil),
                (Request(operation: .feedback(FeedbackRequest(receiptID: "x"))), Documented.unsupported.wire, nil),
                (Request(operation: .embeddings(EmbeddingsRequest(model: "echo"))), Documented.invalidRequest.wire, "embeddings.input"),
                (Request(operation: .resume(ResumeRequest(responseID: "x"))), "210 resume_unavailable", nil),
                (Request(operation: .chat(ChatRequest(messages: [user]))), Documented.invalidRequest.wire, "chat.model"),
                (
                    Request(operation: .chat(ChatRequest(model: "echo", messages: [user], tools: [ToolDefinition()]))),
                    Documented.invalidRequest.wire, "chat.tools[0].name"
                ),
                (
                    Request(operation: .chat(ChatRequest(model: "echo", messages: [user], extraJSON: ByteBuffer(string: "{\"user\":")))),
                    Documented.invalidRequest.wire, "chat.extra_json"
                ),
                (
                    Request(
                        operation: .chat(ChatRequest(model: "echo", messages: [user], extraJSON: ByteBuffer(string: "{\"stream\":true}")))),
                    Documented.invalidRequest.wire, "chat.extra_json"
                ),
            ]
            for (request, told, parameter) in requests {
                let reply = try await caller.send(request)
                #expect(reply.fault?.told == told)
                #expect(reply.fault?.parameter == parameter)
                #expect(reply.requestID?.isEmpty == false)
            }
            #expect(try await caller.chat(Chat("echo")).isWhole)
        }
    }
}
