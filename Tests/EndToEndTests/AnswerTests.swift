import Foundation
import ProcessSupport
import Testing

/// Everything here is about processes: the programs as they are shipped, and clients of both doors.
@Suite("End to end", .serialized)
struct EndToEndTests {}

extension EndToEndTests {
    @Suite("answers", .sharedStack, .timeLimit(.minutes(4)))
    struct AnswerTests {
        private static let personalData = ["ana.lopez@example.com", "4111 1111 1111 1111", "ES91 2100 0418 4502 0005 1332"]
        private static let prompt =
            "Write to \(personalData[0]), charge \(personalData[1]) and refund \(personalData[2]); then tell \(personalData[0]) again."

        @Test("personal data comes back to the caller and never reaches the provider", arguments: Door.allCases, [false, true])
        func restoresPersonalData(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            // Words, single characters, and escapes: wherever the provider cuts, placeholders are found.
            for model in ["echo", "echo+pieces:1", "echo+escaped", "echo+pieces:3+escaped"] {
                try await stack.provider.forget()
                let reply = try await door.withCaller(stack) { try await $0.chat(Chat(model, Self.prompt, streamed: streamed)) }
                #expect(reply.fault == nil)
                #expect(reply.isWhole)
                #expect(reply.text == Self.prompt, "\(model)")
                #expect(reply.finishReason == "stop")
                #expect(reply.provider == "scripted")
                #expect(Set((reply.scrubbed ?? "").split(separator: ",")) == ["EMAIL=2", "CARD=1", "IBAN=1"])
                let bodies = try await stack.provider.bodies()
                #expect(bodies.count == 1)
                let seen = bodies.joined()
                #expect(seen.contains("Write to "))
                for text in Self.personalData { #expect(!seen.contains(text)) }
                for trace in ["ana.lopez", "4111", "1111 1111", "ES91", "2100"] { #expect(!seen.contains(trace), "\(trace)") }
            }
        }

        @Test("an equal request is answered from the cache, for its own tenant alone", arguments: Door.allCases, [false, true])
        func caches(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let chat = Chat("memo", "Cached for \(door.rawValue), \(streamed), and bob@example.com", streamed: streamed)
            try await door.withCaller(stack) { caller in
                let first = try await caller.chat(chat)
                #expect(first.cache == "miss")
                let requests = try await stack.provider.statistics().requests
                let second = try await caller.chat(chat)
                #expect(second.cache == "hit")
                #expect(second.isWhole)
                #expect(second.text == chat.text)
                #expect(second.text == first.text)
                #expect(try await stack.provider.statistics().requests == requests)

                var foreign = chat
                foreign.key = stack.keys.foreign
                #expect(try await caller.chat(foreign).cache == "miss")
                var refreshed = chat
                refreshed.cache = "refresh"
                #expect(try await caller.chat(refreshed).cache == "miss")
                var unused = chat
                unused.cache = "off"
                #expect(try await caller.chat(unused).cache == "bypass")
                #expect(try await stack.provider.statistics().requests == requests + 3)
            }
        }

        @Test("equal requests at once make one call", arguments: Door.allCases, [false, true])
        func coalesces(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics().requests
            let chat = Chat("slow-memo", "Once for \(door.rawValue), \(streamed)", streamed: streamed)
            let replies = try await door.withCallers(20, stack) { callers in
                var calls: [Call] = []
                for caller in callers { calls.append(try await caller.begin(chat)) }
                var replies: [Reply] = []
                for call in calls { replies.append(try await call.reply()) }
                return replies
            }
            #expect(replies.allSatisfy { $0.text == chat.text && $0.isWhole })
            #expect(replies.count { $0.cache == "miss" } == 1)
            #expect(try await stack.provider.statistics().requests == before + 1)
        }

        @Test("only-if-cached asks nobody", arguments: Door.allCases)
        func onlyFromCache(door: Door) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics().requests
            try await door.withCaller(stack) { caller in
                let reply = try await caller.chat(Chat("memo", "never asked before, \(door.rawValue)", cache: "only"))
                #expect(reply.fault?.told == Documented.cacheMiss.told(by: door))
            }
            #expect(try await stack.provider.statistics().requests == before)
        }

        @Test("a prompt of a megabyte passes both ways", arguments: Door.allCases, [false, true])
        func megabyte(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let line = "A line of a long document, with nothing in it that is anybody's business but its readers'.\n"
            let page = String(repeating: line, count: 40) + "Mailed by carla@example.com.\n"
            let text = String(repeating: page, count: (1 << 20) / page.utf8.count + 1)
            let before = try stack.residentBytes
            let reply = try await door.withCaller(stack) { try await $0.chat(Chat("echo+pieces:8000", text, streamed: streamed)) }
            #expect(reply.isWhole)
            #expect(reply.text == text)
            #expect(try await stack.provider.bodies().last?.contains("carla@example.com") == false)
            try await until("memory is back") { try stack.residentBytes < before + 64 << 20 }
            try await stack.provider.forget()
        }
    }
}
