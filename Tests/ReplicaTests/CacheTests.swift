import Foundation
import NIOCore
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("share answers", .timeLimit(.minutes(10)))
    struct CacheTests {
        private static func setup(_ redis: RedisProcess, count: Int = 3) -> Replicas.Setup {
            var setup = Replicas.Setup(count: count, redis: redis.url)
            setup.cacheMode = "always"
            return setup
        }

        /// Equal requests at the same time, spread over the replicas.
        private static func together(
            _ replicas: Replicas, _ count: Int, _ model: String, _ text: String = "Hello", streamed: Bool = false
        ) async throws -> [Answer] {
            try await withThrowingTaskGroup(of: Answer?.self) { group in
                for index in 0..<count { group.addTask { try? await replicas.chat(index, model, text, streamed: streamed) } }
                return try await group.reduce(into: []) { answers, answer in if let answer { answers.append(answer) } }
            }
        }

        private static func statuses(_ answers: [Answer]) -> [String: Int] {
            Dictionary(grouping: answers) { $0.headers.first(name: "x-agentshield-cache") ?? "none" }.mapValues(\.count)
        }

        @Test("1,000 equal requests over 8 replicas are one call, plain and streamed")
        func singleFlight() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Self.setup(redis, count: 8)) { replicas in
                    for (calls, streamed) in [(1, false), (2, true)] {
                        let answers = try await Self.together(replicas, 1_000, "echo+delay-1000ms", "Hi", streamed: streamed)
                        #expect(answers.count == 1_000 && answers.allSatisfy { $0.status == 200 && $0.body.contains("Hi") })
                        let statuses = Self.statuses(answers)
                        #expect(statuses["miss"] == 1 && statuses["none"] == nil && statuses["bypass"] == nil)
                        #expect(try await replicas.providerFigure("requests") == calls)
                        print("8 gateways, 1,000 equal requests\(streamed ? ", streamed" : ""): \(statuses)")
                    }
                }
            }
        }

        @Test("equal completions of the older API at the same time are one call too, plain and streamed")
        func completions() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Self.setup(redis, count: 2)) { replicas in
                    for (calls, streamed) in [(1, false), (2, true)] {
                        let body = #"{"model":"echo+delay-1000ms","prompt":"Hi there","stream":\#(streamed)}"#
                        let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
                            for index in 0..<16 {
                                group.addTask {
                                    let connection = try await replicas.connect(index)
                                    defer { connection.close() }
                                    return try await connection.request(.POST, "/v1/completions", body, host: "localhost")
                                }
                            }
                            return try await group.reduce(into: [Answer]()) { $0.append($1) }
                        }
                        #expect(answers.allSatisfy { $0.status == 200 && $0.body.contains("text_completion") && $0.body.contains("there") })
                        let statuses = Self.statuses(answers)
                        #expect(statuses["miss"] == 1 && statuses["none"] == nil && statuses["bypass"] == nil, "\(statuses)")
                        #expect(try await replicas.providerFigure("requests") == calls)
                    }
                }
            }
        }

        @Test("what one replica stored another tells, each caller's own data in it; another tenant's request is another one")
        func shared() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Self.setup(redis)) { replicas in
                    let first = try await replicas.chat(0, "echo", "Write to ana@example.com")
                    let second = try await replicas.chat(1, "echo", "Write to bob@example.org")
                    #expect(first.headers.first(name: "x-agentshield-cache") == "miss")
                    #expect(second.headers.first(name: "x-agentshield-cache") == "hit")
                    #expect(second.headers.first(name: "x-agentshield-cost-usd").flatMap { Double($0) } == 0)
                    #expect(first.body.contains("ana@example.com") && second.body.contains("bob@example.org"))
                    #expect(try await replicas.providerFigure("requests") == 1)
                    // Others' answers are purged, and then these.
                    for (arguments, deleted) in [
                        (["--tenant", "umbrella"], 0), (["--tenant", "acme", "--model", "other"], 0), (["--model", "echo"], 1),
                    ] {
                        let run = try await ProductProcess.runToEnd(
                            "agentshield", arguments: ["cache", "purge", "--yes"] + arguments, environment: ["REDIS_URL": redis.url])
                        #expect(run.status == .exited(0) && run.output == "\(deleted) answer\(deleted == 1 ? "" : "s") deleted\n")
                    }
                    let third = try await replicas.chat(2, "echo", "Write to ana@example.com")
                    #expect(third.headers.first(name: "x-agentshield-cache") == "miss")
                    try await until("it is kept") { try await redis.keys("*:answer:acme:*").count == 1 }
                    // Nothing of it can be read in Redis.
                    let keys = try await redis.keys("*:answer:acme:*")
                    try #require(keys.count == 1)
                    let kept = try #require(try await redis.send("GET", keys[0]).bytes)
                    #expect(!String(buffer: kept).contains("Write to") && !String(buffer: kept).contains("EMAIL"))
                }
            }
        }

        @Test("a stream is told to those who wait in other replicas while it comes, and goes on for them when its own caller leaves")
        func fansOut() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Self.setup(redis)) { replicas in
                    let text = (0..<40).map { "word\($0)" }.joined(separator: " ")
                    let leader = try await replicas.connect(0)
                    async let left = try? leader.chat("echo+slow-250ms", text, streamed: true)
                    try await until("it is under way") { try await replicas.providerFigure("active") == 1 }
                    let connections = [try await replicas.connect(1), try await replicas.connect(2), try await replicas.connect(2)]
                    async let answers = withThrowingTaskGroup(of: Answer.self) { group in
                        for connection in connections {
                            group.addTask { try await connection.chat("echo+slow-250ms", text, streamed: true) }
                        }
                        return try await group.reduce(into: [Answer]()) { $0.append($1) }
                    }
                    for connection in connections {
                        try await until("the stream's beginning is told") { try await connection.soFar.contains("word1") }
                    }
                    #expect(try await replicas.providerFigure("active") == 1)
                    leader.close()
                    _ = await left
                    for answer in try await answers {
                        #expect(answer.status == 200 && answer.headers.first(name: "x-agentshield-cache") == "coalesced")
                        #expect(answer.body.contains("word39") && answer.body.hasSuffix("data: [DONE]\n\n"))
                    }
                    #expect(try await replicas.providerFigure("requests") == 1)
                    let later = try await replicas.chat(1, "echo+slow-250ms", text, streamed: true)
                    #expect(later.headers.first(name: "x-agentshield-cache") == "hit")
                }
            }
        }

        @Test("a stream whose replica is killed ends with an error for those who have begun to tell it elsewhere")
        func streamKilled() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Self.setup(redis, count: 2)) { replicas in
                    let text = (0..<400).map { "word\($0)" }.joined(separator: " ")
                    let victim = Task { try? await replicas.chat(0, "echo+slow-250ms", text, streamed: true) }
                    try await until("it is under way") { try await replicas.providerFigure("active") == 1 }
                    let connection = try await replicas.connect(1)
                    async let answer = connection.chat("echo+slow-250ms", text, streamed: true)
                    try await until("the stream's beginning is told") { try await connection.soFar.contains("word1") }
                    replicas.members[0].process.kill(SIGKILL)
                    _ = await victim.value
                    let told = try await answer
                    #expect(told.body.contains("stream_broken") && !told.body.contains("[DONE]"))
                }
            }
        }

        @Test("answers go to a server of their own where there is one")
        func apart() async throws {
            try await RedisProcess.run { redis in
                try await RedisProcess.run { answers in
                    var setup = Self.setup(redis)
                    setup.environment["REDIS_CACHE_URL"] = answers.url
                    try await Replicas.run(setup) { replicas in
                        let told = try await Self.together(replicas, 60, "echo+delay-500ms")
                        #expect(told.count == 60 && told.allSatisfy { $0.status == 200 })
                        #expect(try await replicas.providerFigure("requests") == 1)
                        #expect(try await replicas.chat(2, "echo+delay-500ms").headers.first(name: "x-agentshield-cache") == "hit")
                        #expect(try await redis.keys("*:answer:*").isEmpty)
                        #expect(try await answers.keys("*:answer:*").count == 1)
                        answers.process.kill(SIGKILL)
                        for index in 0..<3 {
                            let answer = try await replicas.chat(index, "echo", "after \(index)")
                            #expect(answer.status == 200 && answer.headers.first(name: "x-agentshield-cache") == "miss")
                            _ = try await replicas.members[index].process.errorLine(
                                containing: "redis.cache is lost", timeout: .seconds(60))
                            #expect(!replicas.members[index].process.errorOutput.contains("redis.state is lost"))
                        }
                        try await RedisProcess.run(port: answers.port) { _ in
                            for index in 0..<3 {
                                try await until("it is used again") {
                                    _ = try await replicas.chat(index, "echo", "again")
                                    return replicas.members[index].process.errorOutput.contains("redis.cache answers again")
                                }
                            }
                            try await until("a hit") {
                                try await replicas.chat(1, "echo", "again").headers.first(name: "x-agentshield-cache") == "hit"
                            }
                        }
                    }
                }
            }
        }

        @Test("when the replica that fetches is killed another one fetches, and whoever waited there is answered")
        func killed() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Self.setup(redis)) { replicas in
                    let victim = Task { try? await replicas.chat(0, "echo+delay-5000ms") }
                    try await until("it is under way") { try await replicas.providerFigure("requests") == 1 }
                    async let others = Self.together(replicas.without(0), 10, "echo+delay-5000ms")
                    replicas.members[0].process.kill(SIGKILL)
                    #expect(await victim.value?.status != 200)
                    try await until("another one fetches") { try await replicas.providerFigure("requests") == 2 }
                    let answers = try await others
                    #expect(answers.count == 10 && answers.allSatisfy { $0.status == 200 })
                    #expect(try await replicas.providerFigure("requests") == 2)
                }
            }
        }

        @Test("whatever is wrong in Redis is a miss, and never an error or another's answer")
        func damaged() async throws {
            try await RedisProcess.run { redis in
                var setup = Self.setup(redis)
                setup.redisTimeout = "3s"
                try await Replicas.run(setup) { replicas in
                    for text in ["one", "two"] { #expect(try await replicas.chat(0, "echo", text).status == 200) }
                    try await until("both are stored") { try await redis.keys("*:answer:*").count == 2 }
                    let keys = try await redis.keys("*:answer:*")
                    // Each has the other's, which is sealed for another request.
                    _ = try await redis.send("RENAME", keys[0], "{x}")
                    _ = try await redis.send("RENAME", keys[1], keys[0])
                    _ = try await redis.send("RENAME", "{x}", keys[1])
                    for text in ["one", "two"] {
                        let answer = try await replicas.chat(1, "echo", text)
                        #expect(answer.status == 200 && answer.body.contains(text))
                        #expect(answer.headers.first(name: "x-agentshield-cache") == "miss")
                    }
                    #expect(try await replicas.providerFigure("requests") == 4)
                    #expect(try await replicas.chat(2, "echo", "one").headers.first(name: "x-agentshield-cache") == "hit")
                    for key in keys { _ = try await redis.send("SET", key, "no answer") }
                    #expect(try await replicas.chat(2, "echo", "one").headers.first(name: "x-agentshield-cache") == "miss")
                    try await until("it is replaced") {
                        for key in keys where try await redis.send("GET", key).string != "no answer" { return true }
                        return false
                    }
                    for key in keys {
                        _ = try await redis.send("DEL", key)
                        _ = try await redis.send("LPUSH", key, "of another type")
                    }
                    let answer = try await replicas.chat(2, "echo", "two")
                    #expect(answer.status == 200 && answer.body.contains("two"))
                    // A server that is full keeps nothing more, neither answers nor counts.
                    _ = try await redis.send("CONFIG", "SET", "maxmemory", "1")
                    for text in ["full", "full"] {
                        let answer = try await replicas.chat(1, "echo", text)
                        #expect(answer.status == 200 && answer.headers.first(name: "x-agentshield-cache") == "miss")
                    }
                    _ = try await redis.send("CONFIG", "SET", "maxmemory", "0")
                    redis.process.kill(SIGSTOP)
                    let alone = try await replicas.chat(0, "echo", "three")
                    #expect(alone.status == 200 && alone.headers.first(name: "x-agentshield-cache") == "miss")
                    redis.process.kill(SIGCONT)
                }
            }
        }
    }
}
