import Foundation
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("learn as one", .timeLimit(.minutes(8)))
    struct ArbitrageTests {
        private static let setup: Replicas.Setup = {
            var setup = Replicas.Setup(count: 2)
            setup.models = [
                #"- {name: cheap, provider: scripted, upstream_name: "knows:easy", price: {input: 0.1, output: 0.4}, strength: 0.85}"#,
                #"- {name: dear, provider: scripted, upstream_name: "knows:all", price: {input: 10, output: 40}, strength: 0.9}"#,
            ]
            setup.sections = """
                aliases:
                  - {name: auto, arbitrage: {arms: [cheap, dear], lambda: 0.3, explore: {share: 0.15}, seed: 5, rewards: {retry: 0}}}
                arbitrage: {refresh: 200ms}
                """
            return setup
        }()

        private static func question(_ number: Int) -> (text: String, isHard: Bool) {
            number.isMultiple(of: 2)
                ? ("an easy question about the weather of day \(number)", false)
                : ("a hard riddle: prove the theorem of number \(number) = \(number)^2", true)
        }

        private static func receipt(_ answer: Answer) throws -> String {
            try #require(answer.headers.first(name: "x-request-id"))
        }

        private static func feedback(_ replicas: Replicas, _ index: Int, _ receipt: String, _ score: Int) async throws -> Int {
            let connection = try await replicas.connect(index)
            defer { connection.close() }
            return try await connection.post("/v1/feedback", #"{"receipt":"\#(receipt)","score":\#(score)}"#).status
        }

        /// Asks one replica, and tells the other what the answers were worth.
        private static func teach(_ replicas: Replicas, rounds: Range<Int>) async throws {
            let (asked, told) = (try await replicas.connect(0), try await replicas.connect(1))
            defer {
                asked.close()
                told.close()
            }
            for round in rounds {
                let answer = try await asked.chat("auto", question(round).text)
                #expect(answer.status == 200)
                let (receipt, score) = (try receipt(answer), answer.body.contains("right") ? 1 : 0)
                // Until the other replica can know of the answer.
                try await until("feedback is taken") {
                    try await told.post("/v1/feedback", #"{"receipt":"\#(receipt)","score":\#(score)}"#).status == 200
                }
            }
        }

        @Test("what one replica's answers were worth, said to the other, both learn, and who starts later; a paused Redis stops nobody")
        func learn() async throws {
            try await RedisProcess.run { redis in
                var setup = Self.setup
                setup.redis = redis.url
                setup.redisTimeout = "3s"
                try await Replicas.run(setup) { replicas in
                    try await Self.teach(replicas, rounds: 0..<160)
                    for index in 0..<2 { try await Self.expectLearned(replicas, index, from: 1_000) }
                    let first = try Self.receipt(try await replicas.chat(0, "auto", "easy once"))
                    try await until("feedback") { try await Self.feedback(replicas, 1, first, 1) == 200 }
                    #expect(try await Self.feedback(replicas, 0, first, 1) == 409)
                    let key = try await redis.send("KEYS", "*learned*")
                    #expect(key.elements?.left ?? 0 >= 2)

                    redis.process.kill(SIGSTOP)
                    for round in 0..<4 {
                        let answer = try await replicas.chat(0, "auto", Self.question(round).text)
                        #expect(answer.status == 200)
                    }
                    redis.process.kill(SIGCONT)
                    try await until("feedback again") {
                        let answer = try await replicas.chat(0, "auto", "easy again")
                        return try await Self.feedback(replicas, 0, try Self.receipt(answer), 1) == 200
                    }
                }
                try await Replicas.run(setup) { replicas in
                    for index in 0..<2 { try await Self.expectLearned(replicas, index, from: 3_000) }
                }
            }
        }

        @Test("decisions and what answers were worth go through Redis into PostgreSQL, one row each, in a chain that is whole")
        func rows() async throws {
            try await withTemporaryDirectory { directory in
                try await StoreKind.postgresql.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await RedisProcess.run { redis in
                        var setup = Self.setup
                        (setup.redis, setup.store) = (redis.url, store)
                        setup.models.append(
                            "- {name: broken, provider: scripted, upstream_name: fail-500, price: {input: 0.01, output: 0.01}}")
                        setup.sections = """
                            aliases:
                              - {name: eager, arbitrage: {arms: [broken, cheap], policy: fixed}}
                            arbitrage: {refresh: 200ms}
                            """
                        try await Replicas.run(setup) { replicas in
                            func rows() async throws -> [[String: Any]] {
                                try await store.must("ledger", "export", "--format", "jsonl").split(separator: "\n").compactMap {
                                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                                }
                            }
                            let first = try await replicas.chat(0, "eager", "easy one")
                            #expect(first.status == 200 && first.headers.first(name: "x-agentshield-route-reason") == "fallback:1")
                            let receipt = try Self.receipt(first)
                            // The other replica takes the feedback, once its answer is known there.
                            try await until("feedback") { try await Self.feedback(replicas, 1, receipt, 1) == 200 }
                            #expect(try await Self.feedback(replicas, 0, receipt, 1) == 409)
                            let again = try await replicas.chat(1, "eager", "easy one")
                            #expect(again.status == 200)
                            try await until("all rows in PostgreSQL") { try await rows().count >= 7 }
                            let all = try await rows()
                            func count(_ kind: String, _ members: [String: String] = [:]) -> Int {
                                all.count { row in
                                    row["kind"] as? String == kind && members.allSatisfy { row[$0.key] as? String == $0.value }
                                }
                            }
                            #expect(count("request") == 2 && all.count == 7)
                            #expect(count("decision", ["requested_model": "eager", "model": "cheap"]) == 2)
                            #expect(count("reward", ["model": "broken", "signals": "error=0.0*0.5"]) == 2)
                            #expect(count("reward", ["model": "cheap", "request_id": receipt, "signals": "feedback=1.0"]) == 1)
                            #expect(all.map { $0["sequence"] as? Int } == Array(1...7))
                            let verified = try await store.must("ledger", "verify")
                            #expect(verified.contains("tenant acme: 7 rows, good"), "\(verified)")
                        }
                    }
                }
            }
        }

        @Test("an arm whose own limit is used up in Redis, or that the budgets do not reach for, gives way to another")
        func givesWay() async throws {
            try await withTemporaryDirectory { directory in
                try await StoreKind.postgresql.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await RedisProcess.run { redis in
                        var setup = Self.setup
                        (setup.redis, setup.store) = (redis.url, store)
                        setup.sections = """
                            aliases:
                              - {name: steady, arbitrage: {arms: [dear, cheap], policy: fixed}}
                            tenants: {acme: {model_limits: [{model: dear, requests_per_minute: 1, burst: 2}]}}
                            """
                        try await Replicas.run(setup) { replicas in
                            func model(_ index: Int) async throws -> String {
                                let answer = try await replicas.chat(index, "steady", "easy", maxTokens: 5)
                                return answer.headers.first(name: "x-agentshield-model") ?? "\(answer.status) \(answer.body)"
                            }
                            #expect(try await model(0) == "dear")
                            #expect(try await model(1) == "dear")
                            #expect(try await model(0) == "cheap")
                            #expect(try await model(1) == "cheap")
                            // Some 100 bytes at 10 USD per million are 1,000,000 nano-USD, and a hundredth of that at the other's price.
                            try await store.must("budgets", "set", "acme", "--period", "month", "--limit", "0.001")
                            try await until("the budget is known") {
                                let answer = try await replicas.chat(0, "dear", "easy", maxTokens: 5)
                                return answer.status == 402 || answer.status == 429
                            }
                        }
                        setup.sections = "aliases:\n  - {name: steady, arbitrage: {arms: [dear, cheap], policy: fixed}}\n"
                        try await Replicas.run(setup) { replicas in
                            for index in 0..<2 {
                                let answer = try await replicas.chat(index, "steady", "easy", maxTokens: 5)
                                #expect(answer.headers.first(name: "x-agentshield-model") == "cheap", "\(answer)")
                                #expect(try await replicas.chat(index, "dear", "easy", maxTokens: 5).status == 402)
                            }
                        }
                    }
                }
            }
        }

        private static func expectLearned(_ replicas: Replicas, _ index: Int, from start: Int) async throws {
            try await Task.sleep(for: .seconds(1))
            var right = 0
            for round in start..<start + 20 where try await isRight(replicas, index, round) { right += 1 }
            #expect(right >= 15, "replica \(index): \(right) of 20")
        }

        /// Whether an easy question goes to the cheap one, and a hard one to the dear one.
        private static func isRight(_ replicas: Replicas, _ index: Int, _ round: Int) async throws -> Bool {
            let (text, isHard) = question(round)
            let answer = try await replicas.chat(index, "auto", text)
            return answer.headers.first(name: "x-agentshield-model") == (isHard ? "dear" : "cheap")
        }
    }
}
