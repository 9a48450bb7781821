import Foundation
import ProcessSupport
import Testing

extension TroubledReplicaTests {
    /// How many lines a gateway under load writes when something is wrong, at the level `notice`.
    @Suite("no log storm", .timeLimit(.minutes(10)))
    struct LogStormTests {
        /// Sends requests over some connections at once.
        private static func load(_ replicas: Replicas, _ model: String = "echo", connections: Int = 10, each: Int = 30) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<connections {
                    group.addTask {
                        let connection = try await replicas.connect(0)
                        defer { connection.close() }
                        for _ in 0..<each { #expect(try await connection.chat(model).status != 0) }
                    }
                }
                try await group.waitForAll()
            }
        }

        private static func lines(_ replicas: Replicas) -> [Substring] { replicas.members[0].process.errorOutput.split(separator: "\n") }

        @Test(
            "three hundred requests in each trouble of Redis make a handful of lines", arguments: FaultTests.Trouble.allCases,
            ["local", "refuse"])
        func troubles(trouble: FaultTests.Trouble, rule: String) async throws {
            try await RedisProcess.run { redis in
                var setup = Replicas.Setup(
                    keyLimits: "requests_per_minute: 600000, burst: 10000", sections: "limits: {without_redis: \(rule)}", redis: redis.url,
                    redisTimeout: "500ms")
                setup.eventLoops = 2
                try await Replicas.run(setup) { replicas in
                    try await until("it serves") { try await replicas.chat().status == 200 }
                    let before = Self.lines(replicas).count
                    let began = ContinuousClock.now
                    try await trouble.begin(redis)
                    try await Self.load(replicas)
                    if trouble == .lostMidCommand { try await redis.endGatewayConnections() }
                    try await trouble.end(redis)
                    let written = Self.lines(replicas).dropFirst(before)
                    // Of what is refused, ten lines in a second on each of the two loops, and one that counts the others.
                    let seconds = Int((ContinuousClock.now - began).components.seconds) + 2
                    let refusals = written.count { $0.contains("request failed") || $0.contains("more requests failed") }
                    #expect(refusals <= (rule == "refuse" ? 22 * seconds : 0), "\(written.joined(separator: "\n"))")
                    // A slow machine may lose Redis and find it again a few times in between, of which there are two lines in ten seconds.
                    #expect(written.count - refusals <= 8 + 2 * (seconds / 10), "\(written.joined(separator: "\n"))")
                }
            }
        }

        @Test("a Redis that comes and goes makes two lines in ten seconds")
        func flapping() async throws {
            try await RedisProcess.run { redis in
                let setup = Replicas.Setup(keyLimits: "requests_per_minute: 600000", redis: redis.url, redisTimeout: "100ms")
                try await Replicas.run(setup) { replicas in
                    let began = ContinuousClock.now
                    for _ in 0..<8 {
                        redis.process.kill(SIGSTOP)
                        try await Self.load(replicas, connections: 4, each: 10)
                        redis.process.kill(SIGCONT)
                        // Long enough for the probe to find it.
                        try await Task.sleep(for: .milliseconds(1_500))
                        _ = try await replicas.chat()
                    }
                    let periods = Int((ContinuousClock.now - began).components.seconds / 10) + 1
                    let told = Self.lines(replicas).filter { $0.contains("redis.state") }
                    print("gateways, Redis stopped and continued 8 times in \(ContinuousClock.now - began): \(told.count) lines")
                    #expect(told.count <= 2 * periods + 2, "\(told.joined(separator: "\n"))")
                }
            }
        }

        @Test("a reader of the log that stands still holds up no request")
        func stalled() async throws {
            var setup = Replicas.Setup(logLevel: "trace")
            // Reads until the gateway listens, and no further: a pipe takes 64 KiB, and then nothing more.
            setup.logFilter = "grep --max-count=1 --line-buffered ' listening ' >&2; exec sleep 60 2>/dev/null"
            try await Replicas.run(setup) { replicas in
                try await Self.load(replicas, connections: 10, each: 100)
                let answer = try await replicas.chat(0, "echo", "still there")
                #expect(answer.status == 200 && answer.body.contains("still there"))
            }
        }

        @Test("a provider that fails makes ten lines in a second, and one that counts the others")
        func provider() async throws {
            try await Replicas.run(Replicas.Setup()) { replicas in
                let began = ContinuousClock.now
                try await Self.load(replicas, "fail-500", connections: 20, each: 20)
                // Each is told or counted, the last ones a second later.
                func counted() -> Int {
                    Self.lines(replicas).filter { $0.contains("more requests failed") }.reduce(0) { sum, line in
                        sum + (line.split(separator: "count=").last.flatMap { Int($0) } ?? 0)
                    }
                }
                func told() -> Int { Self.lines(replicas).count { $0.contains("request failed") } }
                try await until("all are told or counted") { told() + counted() == 400 }
                let seconds = Int((ContinuousClock.now - began).components.seconds) + 1
                #expect(told() >= 1 && told() <= 10 * (seconds + 1) && counted() > 0, "\(told()) lines")
            }
        }
    }
}
