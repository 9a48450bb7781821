import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("idempotency keys", .sharedStack, .timeLimit(.minutes(4)))
    struct IdempotencyTests {
        @Test(
            "a repeated request is carried out once and told the same answer, its own data in it; a key is its caller's own",
            arguments: Door.allCases, [false, true])
        func once(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let key = "once-\(door.rawValue)-\(streamed)"
            let chat = Chat("echo", "Mail ana@example.com once", streamed: streamed, idempotencyKey: key)
            try await door.withCaller(stack) { caller in
                let before = try await stack.provider.statistics().requests
                let first = try await caller.chat(chat)
                #expect(first.cache == "bypass" && first.text == chat.text)
                for _ in 0..<2 {
                    let again = try await caller.chat(chat)
                    #expect(again.isWhole && again.text == chat.text && again.cache == "hit")
                    #expect(again.requestID != first.requestID)
                }
                #expect(try await stack.provider.statistics().requests == before + 1)
                var other = chat
                other.text = "another body"
                #expect(try await caller.chat(other).fault?.told == Documented.idempotencyConflict.told(by: door))
                other.idempotencyKey = nil
                #expect(try await caller.chat(other).isWhole)
                var foreign = chat
                foreign.key = stack.keys.foreign
                #expect(try await caller.chat(foreign).cache == "bypass")
                #expect(try await stack.provider.statistics().requests == before + 3)
            }
        }

        @Test("so is one of every other operation, and the same key of another operation is another key")
        func operations() async throws {
            let stack = try Stack.shared
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            let user = #"{"role":"user","content":"Hi"}"#
            let key = [("x-api-key", stack.keys.main), ("content-type", "application/json"), ("idempotency-key", "one-for-all")]
            for (path, rest) in [
                ("/v1/chat/completions", #""messages":[\#(user)]"#), ("/v1/embeddings", #""input":["Hi","Mail ana@example.com"]"#),
                ("/v1/completions", #""prompt":"Hi""#), ("/v1/responses", #""input":"Hi""#),
                ("/v1/messages", #""max_tokens":9,"messages":[\#(user)]"#),
            ] {
                let before = try await stack.provider.statistics().requests
                let body = Data(#"{"model":"echo",\#(rest)}"#.utf8)
                let first = try await caller.send("POST", path, headers: key, body: body)
                #expect(first.status == 200 && first.headers.first(name: "idempotent-replayed") == nil, "\(path): \(first.body)")
                let second = try await caller.send("POST", path, headers: key, body: body)
                #expect(second.status == 200 && second.headers.first(name: "idempotent-replayed") == "true", "\(path): \(second.body)")
                #expect(second.headers.first(name: "x-agentshield-cost-usd").flatMap { Double($0) } == 0, "\(path)")
                if path == "/v1/embeddings" { #expect(second.body == first.body) }
                let other = try await caller.send("POST", path, headers: key, body: Data(#"{"user":"u","model":"echo",\#(rest)}"#.utf8))
                #expect(other.status == 409, "\(path): \(other.body)")
                #expect(try await stack.provider.statistics().requests == before + 1, "\(path)")
            }
        }

        @Test("a repetition on a second connection waits for the first, and takes its place if that is cancelled", arguments: Door.allCases)
        func attaches(door: Door) async throws {
            let stack = try Stack.shared
            let chat = Chat("echo+delay-6000ms", "Twice", idempotencyKey: "attach-\(door.rawValue)")
            try await door.withCaller(stack) { first in
                try await door.withCaller(stack) { second in
                    let before = try await stack.provider.statistics().requests
                    let call = try await first.begin(chat)
                    try await until("it is under way") { try await stack.provider.statistics().requests == before + 1 }
                    let again = try await second.begin(chat)
                    let reply = try await again.reply()
                    #expect(reply.text == "Twice" && reply.cache == "coalesced")
                    #expect(try await call.reply().text == "Twice")
                    #expect(try await stack.provider.statistics().requests == before + 1)

                    var cancelled = chat
                    cancelled.idempotencyKey = "cancel-\(door.rawValue)"
                    let left = try await first.begin(cancelled)
                    try await until("it is under way") { try await stack.provider.statistics().requests == before + 2 }
                    let heir = try await second.begin(cancelled)
                    left.cancel()
                    #expect(try await heir.reply().text == "Twice")
                }
            }
        }

        @Test("a key that is none is refused by name", arguments: Door.allCases)
        func bad(door: Door) async throws {
            let stack = try Stack.shared
            for key in ["two words", String(repeating: "x", count: 256)] {
                try await door.withCaller(stack) { caller in
                    let reply = try await caller.chat(Chat("echo", "Hi", idempotencyKey: key))
                    #expect(reply.fault?.told == Documented.invalidRequest.told(by: door))
                    #expect(reply.fault?.parameter == (door == .http ? "idempotency-key" : "idempotency_key"))
                }
            }
        }
    }
}
