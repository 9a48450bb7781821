import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("scrubbing policies", .sharedStack, .timeLimit(.minutes(4)))
    struct ScrubbingTests {
        private static let card = "4111 1111 1111 1111"

        @Test(
            "a blocked kind is refused with its name and without its value, and the provider hears nothing", arguments: Door.allCases,
            [false, true])
        func blocks(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics().requests
            try await door.withCaller(stack) { caller in
                let reply = try await caller.chat(Chat("strict", "charge \(Self.card) please", streamed: streamed))
                #expect(reply.fault?.told == Documented.blockedByPolicy.told(by: door))
                #expect(reply.fault?.message.contains("CARD") == true)
                #expect(reply.fault?.message.contains("1111") == false)
                #expect(reply.fault?.parameter == "messages[0].content")
                #expect(try await caller.chat(Chat("strict", "charge nothing", streamed: streamed)).isWhole)
            }
            #expect(try await stack.provider.statistics().requests == before + 1)
        }

        @Test("shadow mode changes nothing and counts", arguments: Door.allCases, [false, true])
        func shadow(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            try await stack.provider.forget()
            let text = "charge \(Self.card) of ana@example.com"
            let reply = try await door.withCaller(stack) { try await $0.chat(Chat("shadow", text, streamed: streamed)) }
            #expect(reply.text == text && reply.isWhole)
            #expect(try await stack.provider.bodies().joined().contains(text))
            let counted = Set((reply.scrubbed ?? "").split(separator: ","))
            #expect(counted == (door == .wire ? ["EMAIL=2", "CARD=2"] : ["EMAIL=1", "CARD=1"]), "the wire tells the answer's, too")
        }

        @Test(
            "what the caller did not send is masked in the answer, and what the caller sent comes back", arguments: Door.allCases,
            [false, true])
        func answers(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let said = "write to ana@example.com \(door) \(streamed)"
            for model in ["leak", "leak", "cut-leak"] {
                let reply = try await door.withCaller(stack) { try await $0.chat(Chat(model, said, streamed: streamed)) }
                #expect(reply.text == "Somebody else is <EMAIL> and pays with <CARD>. You said: \(said)", "\(model)")
                #expect(reply.isWhole)
            }
            let trusted = try await door.withCaller(stack) { try await $0.chat(Chat("trusted-leak", said, streamed: streamed)) }
            #expect(trusted.text == "Somebody else is bob@example.org and pays with \(Self.card). You said: \(said)")
        }

        @Test("an answer with a blocked kind is not told", arguments: Door.allCases, [false, true])
        func blocksAnswers(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let reply = try await door.withCaller(stack) { try await $0.chat(Chat("strict-leak", streamed: streamed)) }
            #expect(reply.fault?.told == Documented.blockedByPolicy.told(by: door, midStream: streamed))
            #expect(reply.fault?.message.contains("CARD") == true)
            #expect(!reply.isWhole && !reply.text.contains("1111") && reply.fault?.message.contains("1111") == false)
        }

        @Test("a policy's own kinds, masks, hashes and allowed domains do what they say", arguments: Door.allCases, [false, true])
        func ownPolicy(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            try await stack.provider.forget()
            let text = "EMP-1234 and bob@example.org, not us@allowed.example, pay \(Self.card) or ES9121000418450200051332"
            let reply = try await door.withCaller(stack) { try await $0.chat(Chat("tenants-own", text, streamed: streamed)) }
            let seen = try #require(try await stack.provider.bodies().last)
            #expect(seen.contains("<EMPLOYEE_1> and <EMAIL_1>, not us@allowed.example, pay **** **** **** 1111 or <IBAN#"))
            let hash = try #require(seen.firstMatch(of: /<IBAN#[a-p]{12}>/)?.output)
            #expect(reply.text == "EMP-1234 and bob@example.org, not us@allowed.example, pay **** **** **** 1111 or \(hash)")
            #expect(Set((reply.scrubbed ?? "").split(separator: ",")).isSuperset(of: ["EMPLOYEE=1", "EMAIL=1", "CARD=1", "IBAN=1"]))
        }

        @Test("tools get values only where the policy lists them", arguments: Door.allCases, [false, true])
        func tools(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let reply = try await door.withCaller(stack) {
                try await $0.chat(Chat("calls", #"find "ana@example.com""#, streamed: streamed))
            }
            #expect(reply.text == #"{"text": "find \"ana@example.com\""}{"text": "find \"<EMAIL_1>\""}"#)
            #expect(reply.isWhole)
        }

        @Test("a fallback to a model with a policy of its own keeps that policy", arguments: Door.allCases)
        func fallback(door: Door) async throws {
            let stack = try Stack.shared
            try await door.withCaller(stack) { caller in
                let refused = try await caller.chat(Chat("strict-rescue", "charge \(Self.card)"))
                #expect(refused.fault?.told == Documented.blockedByPolicy.told(by: door))
                let reply = try await caller.chat(Chat("strict-rescue", "tell ana@example.com"))
                #expect(reply.text == "tell ana@example.com")
            }
        }
    }

    @Suite("agentshield scrub", .timeLimit(.minutes(4)))
    struct ScrubCommandTests {
        private func scrub(
            _ text: String, _ arguments: [String] = [], policy: String? = nil
        ) async throws -> (status: ProductProcess.ExitStatus, output: String, errorOutput: String) {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("text")
                try Data(text.utf8).write(to: file)
                var arguments = ["scrub"] + arguments + [file.path]
                if let policy {
                    let path = directory.appendingPathComponent("policy.yaml")
                    try Data(policy.utf8).write(to: path)
                    arguments.insert(contentsOf: ["--policy", path.path], at: 1)
                }
                return try await ProductProcess.runToEnd("agentshield", arguments: arguments)
            }
        }

        @Test("text goes through, values numbered over all of it")
        func text() async throws {
            let filler = String(repeating: "A line with nothing in it.\n", count: 20_000)
            let text = "ana@example.com\n" + filler + "bob@example.org and ana@example.com\n"
            let result = try await scrub(text)
            #expect(result.status == .exited(0) && result.errorOutput.isEmpty)
            #expect(result.output == "<EMAIL_1>\n" + filler + "<EMAIL_2> and <EMAIL_1>\n")
        }

        @Test("findings are told in bytes, one a line")
        func findings() async throws {
            let result = try await scrub(
                "¿ana@example.com? 12345678Z EMP-1234\n", ["--findings", "--locale", "us"],
                policy: "patterns: [{name: EMP, pattern: 'EMP-[0-9]+'}]")
            #expect(result.status == .exited(0))
            let lines = result.output.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines.first?.hasPrefix(#"{"start":2,"end":17,"kind":"EMAIL","score":"#) == true)
            #expect(lines.last == #"{"start":29,"end":37,"kind":"EMP","score":0.90}"#)
        }

        @Test("a blocked kind ends it with 3, wrong use with 2")
        func statuses() async throws {
            let blocked = try await scrub("pay 4111111111111111 now", policy: "kinds: {CARD: block}")
            #expect(blocked.status == .exited(3) && blocked.output == "pay ")
            #expect(blocked.errorOutput.contains("CARD") && !blocked.errorOutput.contains("4111"))
            let misspelt = try await scrub("x", policy: "kinds:\n  CRAD: block")
            #expect(misspelt.status == .exited(2) && misspelt.errorOutput.contains("did you mean `CARD`?"))
            #expect(try await scrub("x", ["--locale", "xx"]).status == .exited(2))
            #expect(try await scrub("x", ["--no-such-option"]).status == .exited(2))
            #expect(try await ProductProcess.runToEnd("agentshield", arguments: ["scrub", "/no/such/file"]).status == .exited(2))
        }
    }
}
