import AgentShield
import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("arbitrated names", .timeLimit(.minutes(6)))
    struct ArbitrageTests {
        private static let models = """
              - {name: cheap, provider: scripted, upstream_name: "knows:easy", price: {input: 0.1, output: 0.4}, supports: [tools], strength: 0.85}
              - {name: dear, provider: scripted, upstream_name: "knows:all", price: {input: 10, output: 40}, region: eu, strength: 0.9}
              - {name: broken, provider: scripted, upstream_name: fail-500, price: {input: 0.01, output: 0.01}}

            """
        private static let aliases = """
              - name: auto
                arbitrage: {arms: [cheap, dear], lambda: 0.3, explore: {share: 0.15}, seed: 11, replaces: [dear], rewards: {retry: 0}}
              - name: eager
                arbitrage: {arms: [broken, cheap], policy: fixed}
              - name: picky
                arbitrage: {arms: [cheap, dear], policy: cheapest}

            """

        private static func configure(_ text: String, tenants: String = "") -> String {
            text.replacing("models:\n", with: "models:\n" + models, maxReplacements: 1)
                .replacing("aliases:\n", with: "aliases:\n" + aliases, maxReplacements: 1) + tenants
        }

        private static func run(
            learned: String? = nil, tenants: String = "", environment: [String: String] = [:], extra: String = "",
            _ body: (Stack) async throws -> Void
        ) async throws {
            let file = learned.map { ", file: \"\($0)\"" } ?? ""
            try await Stack.run(
                environment: environment, extra: "arbitrage: {refresh: 100ms\(file)}\n" + extra,
                configure: { text, _ in configure(text, tenants: tenants) }, body)
        }

        private static func client(_ stack: Stack, key: String? = nil) throws -> AgentShieldClient {
            var settings = AgentShieldClient.Configuration(
                address: Address(host: "localhost", port: stack.tlsPort), apiKey: key ?? stack.keys.main)
            settings.trust = .file(stack.authority)
            return try AgentShieldClient(configuration: settings)
        }

        /// Through the HTTP door.
        private static func feedback(_ receipt: String, _ score: String, _ stack: Stack, key: String? = nil) async throws -> (Int, JSON) {
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            let response = try await caller.send(
                "POST", "/v1/feedback",
                headers: [("authorization", "Bearer \(key ?? stack.keys.main)"), ("content-type", "application/json")],
                body: Data(#"{"receipt":"\#(receipt)","score":\#(score)}"#.utf8))
            return (response.status, try JSON(response.body))
        }

        private static func question(_ number: Int) -> String {
            number.isMultiple(of: 2)
                ? "an easy question about the weather of day \(number)"
                : "a hard riddle: prove the theorem of number \(number) = \(number)^2"
        }

        /// Asks as an agent does that knows a right answer when it sees one.
        ///
        /// - Returns: which models the last ones went to: easy questions, and hard ones.
        private static func teach(
            _ stack: Stack, rounds: Range<Int>, last: Int, givesFeedback: Bool = true
        ) async throws -> (easy: [String], hard: [String]) {
            let client = try client(stack)
            var (easy, hard): ([String], [String]) = ([], [])
            for round in rounds {
                let answer = try await client.chat(ChatRequest(model: "auto", prompt: question(round)))
                #expect(answer.summary.routeReason.hasPrefix("arbitrage:"))
                let model = answer.head.model
                if round >= rounds.upperBound - last {
                    if round.isMultiple(of: 2) { easy.append(model) } else { hard.append(model) }
                }
                guard givesFeedback else { continue }
                let score = answer.text == "right" ? 1.0 : 0.0
                if round.isMultiple(of: 3) {
                    let (status, told) = try await feedback(answer.summary.receiptID, "\(score)", stack)
                    #expect(status == 200 && told.string("object") == "feedback")
                } else {
                    try await client.feedback(answer.summary.receiptID, score: score)
                }
                if round.isMultiple(of: 10) { try await Task.sleep(for: .milliseconds(250)) }
            }
            await client.shutdown()
            return (easy, hard)
        }

        /// Six of ten: what is explored at random goes elsewhere, so a count of 40 strays by a few to either side.
        private static func expectLearned(_ went: (easy: [String], hard: [String])) {
            #expect(went.easy.count { $0 == "cheap" } * 10 >= went.easy.count * 6, "\(went)")
            #expect(went.hard.count { $0 == "dear" } * 10 >= went.hard.count * 6, "\(went)")
        }

        @Test("a route learns which model is worth its price for which question, through both doors, and knows it after a restart")
        func learns() async throws {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("learned.sqlite").path
                try await Self.run(learned: file) { stack in
                    Self.expectLearned(try await Self.teach(stack, rounds: 0..<240, last: 80))
                    try await Self.expectCounted(stack, decisions: 240)
                }
                try await Self.run(learned: file) { stack in
                    Self.expectLearned(try await Self.teach(stack, rounds: 1_000..<1_080, last: 80, givesFeedback: false))
                }
            }
        }

        private static func expectCounted(_ stack: Stack, decisions: Int) async throws {
            let (auto, name) = (["route": "auto"], "agentshield_arbitrage_")
            try await until("what was learned is told") {
                try await Metrics.of(stack).sum(name + "arm_observations", auto) > Double(decisions) / 2
            }
            let metrics = try await Metrics.of(stack)
            #expect(metrics.sum(name + "decisions_total", auto) == Double(decisions))
            #expect(metrics.sum(name + "decisions_total", ["route": "auto", "reason": "exploration"]) <= Double(decisions) * 0.15 + 10)
            for arm in ["cheap", "dear"] {
                let labels = ["route": "auto", "model": arm]
                let (quality, weight) = (metrics.sum(name + "quality_total", labels), metrics.sum(name + "weight_total", labels))
                #expect(weight > 0 && quality <= weight)
                #expect(metrics.sum(name + "arm_quality", labels) <= 1 && metrics.sum(name + "arm_retired", labels) == 0)
            }
            let top = try await ProductProcess.runToEnd(
                "agentshield", arguments: ["top", "--address", "127.0.0.1:\(stack.adminPort)", "--once", "--interval", "0.2"])
            for part in ["ROUTE", "EXPLORED", "auto", "cheap", "dear"] { #expect(top.output.contains(part), "\(part) in \(top.output)") }
        }

        @Test("feedback counts once, of its own tenant, on arbitrated answers alone")
        func feedback() async throws {
            try await Self.run { stack in
                let client = try Self.client(stack)
                let other = try Self.client(stack, key: stack.keys.foreign)
                let receipt = try await client.chat(ChatRequest(model: "auto", prompt: "easy")).summary.receiptID
                func failure(_ client: AgentShieldClient, _ receipt: String, _ score: Double = 1) async throws -> AgentShieldError.Code? {
                    do {
                        try await client.feedback(receipt, score: score)
                        return nil
                    } catch let error as AgentShieldError {
                        return error.code
                    }
                }
                #expect(try await failure(other, receipt) == .notFound)
                let foreign = try await Self.feedback(receipt, "1", stack, key: stack.keys.foreign)
                #expect(foreign.0 == 404)
                #expect(try await failure(client, receipt, 1.5) == .invalidRequest)
                #expect(try await failure(client, "req_1") == .invalidRequest)
                #expect(try await failure(client, receipt, 0.5) == nil)
                #expect(try await failure(client, receipt) == .feedbackGiven)
                let again = try await Self.feedback(receipt, "1", stack)
                #expect(again.0 == 409 && again.1.string("error.code") == "feedback_given")
                let plain = try await client.chat(ChatRequest(model: "echo", prompt: "hello")).summary.receiptID
                #expect(try await failure(client, plain) == .notArbitrated)
                #expect(try await failure(client, "req_00000000000000000000000000000001") == .notFound)
                for (score, status) in [("2", 400), ("\"1\"", 400), ("null", 400), ("-0.1", 400)] {
                    let refused = try await Self.feedback(receipt, score, stack)
                    #expect(refused.0 == status && refused.1.string("error.param") == "score")
                }
                await client.shutdown()
                await other.shutdown()
            }
        }

        @Test("a model that is named is never replaced, unless its tenant says so; then the answer tells by which")
        func substitution() async throws {
            func ask(_ stack: Stack, _ door: Door) async throws -> Reply {
                try await door.withCaller(stack) { try await $0.chat(Chat("dear", "an easy one")) }
            }
            try await Self.run { stack in
                for door in Door.allCases {
                    let reply = try await ask(stack, door)
                    #expect(reply.text == "right" && reply.routeReason == "exact")
                }
            }
            try await Self.run(tenants: "tenants: {acme: {arbitrage: {substitution: allowed}}}\n") { stack in
                for door in Door.allCases {
                    let reply = try await ask(stack, door)
                    #expect(reply.routeReason?.hasPrefix("substitution:") == true, "\(String(describing: reply.routeReason))")
                }
            }
        }

        @Test("what cannot serve a request is not asked; what fails is followed by the others")
        func feasibility() async throws {
            try await Self.run(tenants: "tenants: {umbrella: {arbitrage: {regions: [eu]}}}\n") { stack in
                for door in Door.allCases {
                    let rescued = try await door.withCaller(stack) { try await $0.chat(Chat("eager", "easy")) }
                    #expect(rescued.text == "right" && rescued.routeReason == "fallback:1")
                    let cheapest = try await door.withCaller(stack) { try await $0.chat(Chat("picky", "easy")) }
                    #expect(cheapest.routeReason == "arbitrage:rule")
                    let bound = try await door.connect(stack, key: stack.keys.foreign)
                    let reply = try await bound.chat(Chat("picky", "hard"))
                    bound.close()
                    // The only one in the region.
                    #expect(reply.text == "right")
                }
                let caller = try await HTTPCaller.connect(stack, key: nil)
                defer { caller.close() }
                func send(_ body: String) async throws -> HTTPCaller.Response {
                    try await caller.send(
                        "POST", "/v1/chat/completions",
                        headers: [("authorization", "Bearer \(stack.keys.main)"), ("content-type", "application/json")],
                        body: Data(body.utf8))
                }
                let image = #"[{"type":"text","text":"hard"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]"#
                let seen = try await send(#"{"model":"picky","messages":[{"role":"user","content":\#(image)}]}"#)
                #expect(seen.headers.first(name: "x-agentshield-model") == "dear", "\(seen)")
            }
        }
    }
}
