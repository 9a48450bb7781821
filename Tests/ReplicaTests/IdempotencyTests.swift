import Foundation
import NIOCore
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("share idempotency keys", .timeLimit(.minutes(10)))
    struct IdempotencyTests {
        private static func together(_ replicas: Replicas, _ count: Int, _ model: String, key: String) async throws -> [Answer] {
            try await withThrowingTaskGroup(of: Answer.self) { group in
                for index in 0..<count { group.addTask { try await replicas.chat(index, model, idempotencyKey: key) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        @Test("one request of a key is carried out, whichever replicas its repetitions come to; nothing of its answer can be read in Redis")
        func once() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 3, redis: redis.url)) { replicas in
                    let answers = try await Self.together(replicas, 30, "echo+delay-500ms", key: "k1")
                    #expect(answers.allSatisfy { $0.status == 200 && $0.body == answers[0].body })
                    #expect(answers.count { $0.headers.first(name: "idempotent-replayed") == "true" } == 29)
                    for index in 0..<3 {
                        let again = try await replicas.chat(index, "echo+delay-500ms", idempotencyKey: "k1")
                        #expect(again.body == answers[0].body && again.headers.first(name: "x-agentshield-cache") == "hit")
                        #expect(again.headers.first(name: "x-agentshield-cost-usd").flatMap { Double($0) } == 0)
                        let other = try await replicas.chat(index, "echo+delay-500ms", "another", idempotencyKey: "k1")
                        #expect(other.status == 409 && other.body.contains("idempotency_conflict"))
                    }
                    #expect(try await replicas.providerFigure("requests") == 1)
                    let keys = try await redis.keys("*:repeat:acme:*")
                    try #require(keys.count == 1)
                    let kept = try #require(try await redis.send("GET", keys[0]).bytes)
                    #expect(!String(buffer: kept).contains("Hello"))
                }
            }
        }

        @Test("a replica that is killed leaves its keys to the repetitions; a conflict while a request is under way is told at once")
        func killed() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 3, redis: redis.url)) { replicas in
                    let victim = Task { try? await replicas.chat(0, "echo+delay-5000ms", idempotencyKey: "k2") }
                    try await until("it is under way") { try await replicas.providerFigure("requests") == 1 }
                    #expect(try await replicas.chat(1, "echo", "another", idempotencyKey: "k2").status == 409)
                    async let others = Self.together(replicas.without(0), 4, "echo+delay-5000ms", key: "k2")
                    replicas.members[0].process.kill(SIGKILL)
                    #expect(await victim.value?.status != 200)
                    let answers = try await others
                    #expect(answers.allSatisfy { $0.status == 200 && $0.body == answers[0].body })
                    #expect(try await replicas.providerFigure("requests") == 2)
                }
            }
        }

        @Test("without Redis a key is known in its own process, and no request is refused for it")
        func redisGone() async throws {
            try await RedisProcess.run { redis in
                let setup = Replicas.Setup(count: 2, keyLimits: "", redis: redis.url, redisTimeout: "250ms")
                try await Replicas.run(setup) { replicas in
                    redis.process.kill(SIGKILL)
                    for index in 0..<2 {
                        let first = try await replicas.chat(index, idempotencyKey: "k3")
                        #expect(first.status == 200 && first.headers.first(name: "idempotent-replayed") == nil)
                        #expect(try await replicas.chat(index, idempotencyKey: "k3").headers.first(name: "idempotent-replayed") == "true")
                        #expect(try await replicas.chat(index, "echo", "another", idempotencyKey: "k3").status == 409)
                    }
                }
            }
        }
    }
}
