import Foundation
import NIOCore
import NIOHTTP1
import ProcessSupport
import Testing

extension TroubledReplicaTests {
    /// What each feature does in each trouble; docs/faults.md has the same as a table.
    @Suite("features while Redis is in trouble", .timeLimit(.minutes(10)))
    struct FeatureFaultTests {
        private static let lost = "redis.state is lost"
        private static let back = "redis.state answers again"

        private static func cache(_ answer: Answer) -> String? { answer.headers.first(name: "x-agentshield-cache") }

        /// Requests at the same time, each with a text of its own or all with the same.
        private static func together(_ replicas: Replicas, _ count: Int, _ model: String, text: String? = nil) async throws -> [Answer] {
            try await withThrowingTaskGroup(of: Answer.self) { group in
                for number in 0..<count {
                    group.addTask { try await replicas.chat(0, model, text ?? "text \(number) of \(UUID())") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        @Test(
            "token limits, caps, single flight and idempotency keys hold in each process, answers are fetched anew, and all is shared again afterwards",
            arguments: FaultTests.Trouble.allCases.filter { $0 != .lostMidCommand })
        func features(trouble: FaultTests.Trouble) async throws {
            try await RedisProcess.run { redis in
                var setup = Replicas.Setup(
                    keyLimits:
                        "requests_per_minute: 600000, burst: 10000, tokens_per_minute: 6000000, token_burst: 1000000, concurrent_requests: 20",
                    redis: redis.url, redisTimeout: "3s")
                setup.cacheMode = "always"
                try await Replicas.run(setup) { replicas in
                    let gateway = replicas.members[0].process
                    try await until("an answer is kept") {
                        try await Self.cache(replicas.chat(0, "echo", "kept")) == "hit" && !gateway.errorOutput.contains(Self.lost)
                    }
                    try await trouble.begin(redis)
                    try await until("it is noticed") {
                        let answer = try await replicas.chat(0, "echo", "before \(UUID())")
                        #expect(answer.status == 200)
                        return gateway.errorOutput.contains(Self.lost)
                    }
                    // Nobody waits any more where Redis says nothing.
                    for _ in 0..<8 { #expect(try await replicas.chat(0, "echo", "before \(UUID())").status == 200) }

                    let anew = try await replicas.chat(0, "echo", "kept")
                    #expect(anew.status == 200 && Self.cache(anew) == "miss" && anew.body.contains("kept"))
                    #expect((1..<1_000_000).contains(anew.remainingTokens ?? 0))
                    #expect(anew.headers.first(name: "x-ratelimit-limit-concurrent-requests") == "20")

                    let capped = try await Self.together(replicas, 25, "echo+delay-10000ms")
                    #expect(capped.count { $0.status == 200 } == 20 && capped.count { $0.status == 429 } == 5, "\(capped.map(\.status))")

                    let before = try await replicas.providerFigure("requests")
                    let equal = try await Self.together(replicas, 10, "echo+delay-5000ms", text: "one for all")
                    #expect(equal.allSatisfy { $0.status == 200 && $0.body.contains("one for all") })
                    #expect(try await replicas.providerFigure("requests") == before + 1, "\(equal.map(Self.cache))")

                    for _ in 0..<2 {
                        let answer = try await replicas.chat(0, "say:3", "once", idempotencyKey: "key-of-\(trouble)")
                        #expect(answer.status == 200)
                    }
                    #expect(try await replicas.providerFigure("requests") == before + 2)
                    let conflict = try await replicas.chat(0, "say:3", "other", idempotencyKey: "key-of-\(trouble)")
                    #expect(conflict.status == 409)

                    try await trouble.end(redis)
                    try await FaultTests.withServer(trouble, redis) {
                        try await until("answers are shared again") { try await Self.cache(replicas.chat(0, "echo", "kept")) == "hit" }
                        try await until("it is told") {
                            _ = try await replicas.chat(0, "echo", "after")
                            return gateway.errorOutput.contains(Self.back)
                        }
                    }
                    #expect(gateway.errorOutput.split(separator: "\n").count { $0.contains("redis.state") } == 2)
                }
            }
        }

        @Test("an answer of Redis' that comes late, and in time, is waited for; one that comes too late is not")
        func late() async throws {
            try await RedisProcess.run { redis in
                try await SlowRelay.run(to: redis.port) { relay in
                    let url = "redis://127.0.0.1:\(relay.port)"
                    for (timeout, delay, isShared) in [("20s", TimeAmount.milliseconds(150), true), ("3s", .seconds(10), false)] {
                        relay.setDelay(.zero)
                        try await Replicas.run(
                            Replicas.Setup(keyLimits: "requests_per_minute: 60000", redis: url, redisTimeout: timeout)
                        ) { replicas in
                            let gateway = replicas.members[0].process
                            try await until("Redis is asked in time") {
                                try await replicas.chat().status == 200 && !gateway.errorOutput.contains(Self.lost)
                            }
                            relay.setDelay(delay)
                            var answers: [Answer] = []
                            for _ in 0..<16 { answers.append(try await replicas.chat()) }
                            #expect(answers.allSatisfy { $0.status == 200 })
                            if isShared {
                                #expect(answers.allSatisfy { ($0.overheadMicroseconds ?? 0) >= 150_000 })
                                #expect(!gateway.errorOutput.contains(Self.lost))
                            } else {
                                _ = try await gateway.errorLine(containing: Self.lost)
                                // After five of them nobody waits.
                                #expect(answers.suffix(4).allSatisfy { ($0.overheadMicroseconds ?? 0) < 3_000_000 })
                                relay.setDelay(.zero)
                                try await until("it is found again") {
                                    _ = try await replicas.chat()
                                    return gateway.errorOutput.contains(Self.back)
                                }
                            }
                        }
                    }
                }
            }
        }

        @Test("with the rule to refuse: scripts that were forgotten are told again, and a Redis that is away at the start is found")
        func refusing() async throws {
            let sections = "limits: {without_redis: refuse}"
            try await RedisProcess.run { redis in
                try await Replicas.run(
                    Replicas.Setup(keyLimits: "requests_per_minute: 6000", sections: sections, redis: redis.url)
                ) { replicas in
                    for _ in 0..<3 {
                        #expect(try await replicas.chat().status == 200)
                        try await redis.send("SCRIPT", "FLUSH")
                    }
                    #expect(!replicas.members[0].process.errorOutput.contains(Self.lost))
                }
            }
            let port = try FreePort.find()
            let setup = Replicas.Setup(
                keyLimits: "requests_per_minute: 6000", sections: sections, redis: "redis://127.0.0.1:\(port)", redisTimeout: "3s")
            try await Replicas.run(setup) { replicas in
                for _ in 0..<8 {
                    let answer = try await replicas.chat()
                    #expect(answer.status == 503 && answer.headers.first(name: "retry-after") == "1")
                }
                try await RedisProcess.run(port: port) { _ in
                    try await until("requests pass") { try await replicas.chat().status == 200 }
                }
            }
        }

        enum CacheTrouble: String, CaseIterable, Sendable {
            case stopped, full, refusing
        }

        @Test(
            "a server of answers alone that is stopped, full or refuses makes every request a miss, and is told of once",
            arguments: CacheTrouble.allCases)
        func cacheServer(trouble: CacheTrouble) async throws {
            try await RedisProcess.run { redis in
                try await RedisProcess.run { answers in
                    var setup = Replicas.Setup(redis: redis.url, redisTimeout: "3s")
                    setup.cacheMode = "always"
                    setup.environment["REDIS_CACHE_URL"] = answers.url
                    try await Replicas.run(setup) { replicas in
                        let gateway = replicas.members[0].process
                        try await until("an answer is kept") { try await Self.cache(replicas.chat(0, "echo", "kept")) == "hit" }
                        switch trouble {
                        case .stopped: answers.process.kill(SIGSTOP)
                        case .full: try await answers.send("CONFIG", "SET", "maxmemory", "1")
                        case .refusing:
                            try await answers.send("CONFIG", "SET", "requirepass", "another")
                            try await answers.endGatewayConnections()
                        }
                        try await until("it is told") {
                            let answer = try await replicas.chat(0, "echo", "new \(UUID())")
                            #expect(answer.status == 200 && Self.cache(answer) == "miss")
                            return gateway.errorOutput.contains("redis.cache is lost")
                        }
                        for number in 0..<8 { #expect(try await Self.cache(replicas.chat(0, "echo", "more \(number)")) == "miss") }
                        switch trouble {
                        case .stopped: answers.process.kill(SIGCONT)
                        case .full: try await answers.send("CONFIG", "SET", "maxmemory", "0")
                        case .refusing: try await answers.send("CONFIG", "SET", "requirepass", "")
                        }
                        try await until("it is found again") {
                            _ = try await replicas.chat(0, "echo", "new \(UUID())")
                            return gateway.errorOutput.contains("redis.cache answers again")
                        }
                        try await until("a hit") { try await Self.cache(replicas.chat(0, "echo", "kept")) == "hit" }
                        let lines = gateway.errorOutput.split(separator: "\n")
                        #expect(lines.count { $0.contains("redis.cache") } == 2 && !lines.contains { $0.contains("redis.state") })
                    }
                }
            }
        }
    }
}
