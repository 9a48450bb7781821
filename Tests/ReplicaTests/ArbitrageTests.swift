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
                setup.redisTimeout = "500ms"
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
