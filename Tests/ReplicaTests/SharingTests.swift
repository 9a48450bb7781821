import Foundation
import NIOHTTP1
import ProcessSupport
import SeededRandomness
import Testing

/// Everything here is about several processes: gateways, Redis, and what is true of all of them together. One test at a time, for each starts many.
@Suite("Replicas", .serialized)
struct ReplicaTests {}

/// The same where their stores are in trouble, or they. These tests mostly wait, so they run beside the others.
@Suite("Replicas in trouble", .serialized)
struct TroubledReplicaTests {}

extension ReplicaTests {
    @Suite("share their limits", .timeLimit(.minutes(10)))
    struct SharingTests {
        /// As many gateways as `AGENTSHIELD_REPLICAS` says; `make replicas` has 50.
        private static let count = ProcessInfo.processInfo.environment["AGENTSHIELD_REPLICAS"].flatMap { Int($0) } ?? 8
        private static let burst = 100

        @Test("many gateways on one Redis admit together exactly what one would")
        func requests() async throws {
            try await RedisProcess.run { redis in
                var setup = Replicas.Setup(
                    count: Self.count, keyLimits: "requests_per_minute: 1, burst: \(Self.burst)", redis: redis.url)
                setup.eventLoops = 2
                try await Replicas.run(setup) { replicas in
                    let began = ContinuousClock.now
                    let each = max(2, 3 * Self.burst / Self.count)
                    let answers = try await Self.answers(of: replicas, callers: 2, each: each)
                    let time = ContinuousClock.now - began
                    let admitted = answers.count { $0.status == 200 }
                    let limited = answers.count { $0.status == 429 }
                    // One grows back each minute, on slow machines while this runs.
                    #expect((Self.burst...Self.burst + Int(time.components.seconds / 60) + 1).contains(admitted))
                    if time < .seconds(55) { #expect(admitted == Self.burst) }
                    #expect(admitted + limited == answers.count)
                    #expect(answers.filter { $0.status == 429 }.allSatisfy { $0.headers.contains(name: "retry-after") })
                    #expect(try await replicas.providerFigure("requests") == admitted)
                    print(
                        "\(Self.count) gateways, one limit of \(Self.burst): \(answers.count) requests in \(time), \(admitted) admitted, \(limited) refused"
                    )
                }
            }
        }

        @Test("a rate holds over all replicas, also while random ones of them are killed", arguments: [UInt64.random(in: 0...UInt64.max)])
        func killed(seed: UInt64) async throws {
            print("\(Self.count) gateways, some killed: seed \(seed)")
            try await RedisProcess.run { redis in
                var setup = Replicas.Setup(
                    count: Self.count, keyLimits: "requests_per_minute: 1, burst: \(Self.burst)", redis: redis.url)
                setup.eventLoops = 2
                try await Replicas.run(setup) { replicas in
                    var random = SeededRandom(seed: seed)
                    let victims = Array(replicas.members.indices.shuffled(using: &random).prefix(max(1, Self.count / 2)))
                    let pauses = victims.map { _ in Int.random(in: 5...60, using: &random) }
                    let began = ContinuousClock.now
                    let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                        for index in 0..<Self.count * 2 {
                            group.addTask {
                                guard let connection = try? await replicas.connect(index) else { return [] }
                                defer { connection.close() }
                                var statuses: [Int] = []
                                for _ in 0..<max(4, 3 * Self.burst / Self.count) {
                                    statuses.append(try await connection.chat("echo+delay-20ms").status)
                                }
                                return statuses
                            }
                        }
                        group.addTask {
                            for (victim, pause) in zip(victims, pauses) {
                                try await Task.sleep(for: .milliseconds(pause))
                                replicas.members[victim].process.kill(SIGKILL)
                            }
                            return []
                        }
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                    let grown = Int((ContinuousClock.now - began).components.seconds / 60) + 1
                    let (answered, sent) = (statuses.count { $0 == 200 }, try await replicas.providerFigure("requests"))
                    print("\(Self.count) gateways, \(victims.count) killed, one limit of \(Self.burst): \(sent) sent, \(answered) answered")
                    #expect(answered <= sent && sent <= Self.burst + grown)
                    // What was taken for requests that died with their replica is no more than those had under way: the others went on to the end.
                    #expect(sent >= Self.burst - 2 * victims.count)
                    let alive = replicas.members.indices.first { !victims.contains($0) }
                    if let alive { #expect([200, 429].contains(try await replicas.chat(alive).status)) }
                }
            }
        }

        @Test("who is known to be refused costs Redis nothing")
        func memo() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(keyLimits: "requests_per_minute: 1, burst: 2", redis: redis.url)) { replicas in
                    let connection = try await replicas.connect(0)
                    defer { connection.close() }
                    try await until("it is refused") { try await connection.chat().status == 429 }
                    let monitor = try await redis.monitor()
                    func asked() -> Int { monitor.text.split(separator: "\n").count { $0.lowercased().contains("\"eval") } }
                    let (before, began) = (asked(), ContinuousClock.now)
                    var refused = 0
                    for _ in 0..<200 where try await connection.chat().status == 429 { refused += 1 }
                    // Every few seconds it asks again, for Redis may know better by now.
                    let allowed = 2 + Int((ContinuousClock.now - began).components.seconds)
                    #expect(refused >= 190 && asked() - before <= allowed, "\(asked() - before) questions")
                    // The monitor does hear questions.
                    _ = try await replicas.calling(with: "ask_junk").chat()
                    try await until("a question") {
                        _ = try await connection.chat()
                        return asked() > before
                    }
                    monitor.stop()
                }
            }
        }

        @Test("tokens are counted by their estimate until a request is over, and by the truth then, whichever replica asks")
        func tokens() async throws {
            try await RedisProcess.run { redis in
                let setup = Replicas.Setup(
                    count: 2, keyLimits: "requests_per_minute: 6000000, tokens_per_minute: 60, token_burst: 10000", redis: redis.url)
                try await Replicas.run(setup) { replicas in
                    // The provider counts words: two of the prompt, two of the answer.
                    let first = try await replicas.chat(0, "echo", "two words", maxTokens: 4_000)
                    #expect(first.status == 200)
                    #expect((5_900...6_000).contains(try #require(first.remainingTokens)))
                    // Were it not for the truth, a third of 4,000 would be too much.
                    for index in 0..<4 {
                        try await until("the estimate has been corrected") {
                            let answer = try await replicas.chat(index, "echo", "two words", maxTokens: 8_000)
                            return answer.status == 200
                        }
                    }
                    try await until("the last estimate has been corrected, too") {
                        let large = try await replicas.chat(1, "echo+fail-500", "two words", maxTokens: 9_000)
                        #expect([429, 502].contains(large.status))
                        return large.status == 502
                    }
                    try await until("a failed request has given its estimate back") {
                        try await replicas.chat(0, "echo", "two words", maxTokens: 9_000).status == 200
                    }
                }
            }
        }

        @Test("a cap on requests under way holds over all replicas, also while some of them are killed")
        func concurrency() async throws {
            let cap = 5
            try await RedisProcess.run { redis in
                var setup = Replicas.Setup(
                    count: Self.count, keyLimits: "requests_per_minute: 6000000, concurrent_requests: \(cap)", redis: redis.url)
                setup.eventLoops = 2
                try await Replicas.run(setup) { replicas in
                    let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                        for index in 0..<Self.count * 2 {
                            group.addTask {
                                guard let connection = try? await replicas.connect(index) else { return [] }
                                defer { connection.close() }
                                var statuses: [Int] = []
                                for _ in 0..<20 { statuses.append(try await connection.chat("echo+delay-50ms").status) }
                                return statuses
                            }
                        }
                        group.addTask {
                            // The first three die in the middle of it, one after another.
                            for victim in replicas.members.prefix(3) {
                                try await Task.sleep(for: .milliseconds(150))
                                victim.process.kill(SIGKILL)
                            }
                            return []
                        }
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                    #expect(try await replicas.providerFigure("peak_active") <= cap)
                    #expect(statuses.contains(200) && statuses.contains(429))
                    print(
                        "\(Self.count) gateways, \(cap) at once: \(statuses.count { $0 == 200 }) answered, \(statuses.count { $0 == 429 }) refused, at most \(try await replicas.providerFigure("peak_active")) at once"
                    )

                    // The leases of the dead end by themselves: all places are free again, and no more.
                    try await until("every place is free again") {
                        let answers = try await Self.together(replicas, cap + 3, "echo+delay-5000ms")
                        return answers.count { $0 == 200 } == cap && answers.count { $0 == 429 } == 3
                    }
                    #expect(try await replicas.providerFigure("peak_active") <= cap)
                }
            }
        }

        /// Requests that begin at the same time, at replicas that live.
        private static func together(_ replicas: Replicas, _ count: Int, _ model: String) async throws -> [Int] {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<count {
                    group.addTask { try await replicas.chat(3 + index % (replicas.members.count - 3), model).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        private static func answers(of replicas: Replicas, callers: Int, each: Int) async throws -> [Answer] {
            try await withThrowingTaskGroup(of: [Answer].self) { group in
                for index in 0..<replicas.members.count * callers {
                    group.addTask {
                        let connection = try await replicas.connect(index)
                        defer { connection.close() }
                        var answers: [Answer] = []
                        for _ in 0..<each / callers { answers.append(try await connection.chat()) }
                        return answers
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
    }
}
