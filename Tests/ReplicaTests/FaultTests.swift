import Foundation
import GatewayCore
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension TroubledReplicaTests {
    /// Each trouble of Redis beside each rule. docs/limits.md has the same as a table.
    @Suite("Redis in trouble", .timeLimit(.minutes(10)))
    struct FaultTests {
        enum Trouble: String, CaseIterable, Sendable {
            case paused, killed, slow, full, readOnly, lostMidCommand, wrongPassword

            /// Whether Redis cannot even be asked: after a few failures nobody waits for it any more.
            var isSilent: Bool { [.paused, .slow, .wrongPassword, .killed].contains(self) }

            func begin(_ redis: RedisProcess) async throws {
                switch self {
                case .paused: redis.process.kill(SIGSTOP)
                case .killed:
                    redis.process.kill(SIGKILL)
                    _ = await redis.process.waitForExit()
                case .slow, .lostMidCommand: try await redis.send("CLIENT", "PAUSE", "600000", "WRITE")
                case .full: try await redis.send("CONFIG", "SET", "maxmemory", "1")
                case .readOnly: try await redis.send("REPLICAOF", "127.0.0.1", "1")
                case .wrongPassword:
                    try await redis.send("CONFIG", "SET", "requirepass", "another")
                    try await redis.endGatewayConnections()
                }
            }

            func end(_ redis: RedisProcess) async throws {
                switch self {
                case .paused: redis.process.kill(SIGCONT)
                case .killed: break
                case .slow, .lostMidCommand: try await redis.send("CLIENT", "UNPAUSE")
                case .full: try await redis.send("CONFIG", "SET", "maxmemory", "0")
                case .readOnly: try await redis.send("REPLICAOF", "NO", "ONE")
                case .wrongPassword: try await redis.send("CONFIG", "SET", "requirepass", "")
                }
            }
        }

        private static let lost = "redis.state is lost"
        private static let back = "redis.state answers again"

        @Test(
            "each replica counts alone or refuses, as configured, and goes on with Redis by itself", arguments: Trouble.allCases,
            ["local", "refuse"])
        func trouble(trouble: Trouble, rule: String) async throws {
            try await RedisProcess.run { redis in
                // What is lost in the middle of a command must not be late before.
                var setup = Replicas.Setup(
                    keyLimits: "requests_per_minute: 60, burst: 40", sections: "limits: {without_redis: \(rule)}", redis: redis.url,
                    redisTimeout: trouble == .lostMidCommand ? "60s" : "3s")
                // Each loop finds out by itself; the log says it once.
                setup.eventLoops = rule == "refuse" ? 2 : 1
                try await Replicas.run(setup) { replicas in
                    let gateway = replicas.members[0].process
                    try await until("Redis is asked in time") {
                        try await replicas.chat().status == 200 && !gateway.errorOutput.contains(Self.lost)
                    }
                    try await trouble.begin(redis)
                    let answers = try await Self.answers(during: trouble, replicas, redis)
                    let expected = rule == "local" ? 200 : 503
                    #expect(answers.allSatisfy { $0.status == expected }, "\(answers.map(\.status))")
                    if rule == "refuse" {
                        #expect(answers.allSatisfy { $0.headers.first(name: "retry-after") == "1" })
                    } else {
                        // By the same limits, and its own count.
                        #expect(answers.allSatisfy { (0..<40).contains($0.remainingRequests ?? -1) })
                    }
                    _ = try await gateway.errorLine(containing: Self.lost, timeout: .seconds(60))
                    #expect(gateway.errorOutput.split(separator: "\n").count { $0.contains(Self.lost) } == 1)
                    #expect(!gateway.errorOutput.contains(Self.back))
                    if trouble.isSilent {
                        // Nobody waits any more: far less than one of Redis' deadlines for all of them.
                        #expect(answers.suffix(4).allSatisfy { ($0.overheadMicroseconds ?? 0) < 3_000_000 })
                    }
                    try await trouble.end(redis)
                    try await Self.withServer(trouble, redis) {
                        try await until("Redis is asked again") {
                            _ = try await replicas.chat()
                            return gateway.errorOutput.contains(Self.back)
                        }
                        try await until("requests pass again") { try await replicas.chat().status == 200 }
                    }
                }
            }
        }

        /// Enough to open the breaker, and some more.
        private static func answers(during trouble: Trouble, _ replicas: Replicas, _ redis: RedisProcess) async throws -> [Answer] {
            guard trouble == .lostMidCommand else {
                var answers: [Answer] = []
                for _ in 0..<20 { answers.append(try await replicas.chat()) }
                return answers
            }
            async let answer = replicas.chat()
            try await until("the question is on its way") { try await redis.keepsAQuestionWaiting }
            try await redis.endGatewayConnections()
            return [try await answer]
        }

        /// A server that was killed has a successor at its address.
        static func withServer(_ trouble: Trouble, _ redis: RedisProcess, _ body: () async throws -> Void) async throws {
            guard trouble == .killed else { return try await body() }
            try await RedisProcess.run(port: redis.port) { _ in try await body() }
        }

        @Test("scripts that Redis has forgotten are told again, and nobody notices")
        func flushed() async throws {
            try await RedisProcess.run { redis in
                let setup = Replicas.Setup(keyLimits: "requests_per_minute: 1, burst: 50, concurrent_requests: 9", redis: redis.url)
                try await Replicas.run(setup) { replicas in
                    for _ in 0..<3 {
                        #expect(try await replicas.chat().status == 200)
                        try await redis.send("SCRIPT", "FLUSH")
                    }
                    #expect(!replicas.members[0].process.errorOutput.contains(Self.lost))
                }
            }
        }

        @Test("who has a deadline hears of it in time, though Redis says nothing")
        func deadline() async throws {
            try await RedisProcess.run { redis in
                let setup = Replicas.Setup(keyLimits: "requests_per_minute: 6000", redis: redis.url, redisTimeout: "60s")
                try await Replicas.run(setup) { replicas in
                    #expect(try await replicas.chat().status == 200)
                    redis.process.kill(SIGSTOP)
                    let began = ContinuousClock.now
                    let answer = try await replicas.chat(deadlineMilliseconds: 300)
                    print("gateways, deadline 300 ms, Redis stopped: \(ContinuousClock.now - began)")
                    #expect(answer.status == 504 && answer.body.contains("deadline_exceeded"))
                    redis.process.kill(SIGCONT)
                }
            }
        }

        @Test("who leaves while Redis is asked gets no place")
        func leaves() async throws {
            try await RedisProcess.run { redis in
                let setup = Replicas.Setup(
                    keyLimits: "requests_per_minute: 6000, concurrent_requests: 1", redis: redis.url, redisTimeout: "60s")
                try await Replicas.run(setup) { replicas in
                    #expect(try await replicas.chat().status == 200)
                    let lease = RedisKey.leases(tenant: "acme", .key("main")).name
                    // The first request is over for Redis too: its end would be what waits there.
                    try await until("its place is given back") { try await redis.send("ZCARD", lease).integer == 0 }
                    try await redis.send("CLIENT", "PAUSE", "600000", "WRITE")
                    let connection = try await replicas.connect(0)
                    async let answer = connection.chat()
                    try await until("the question is on its way") { try await redis.keepsAQuestionWaiting }
                    connection.close()
                    #expect(try await answer.status == 0)
                    try await redis.send("CLIENT", "UNPAUSE")
                    // A lease that nobody gave back would be counted for as long as the key lives: 75 s.
                    try await until("the place is given back", within: .seconds(60)) {
                        try await redis.send("ZCARD", lease).integer == 0
                    }
                    #expect(try await replicas.chat().status == 200)
                }
            }
        }

        @Test("a tenant's own rule wins over the file's")
        func tenantsRule() async throws {
            try await RedisProcess.run { redis in
                let sections = """
                    limits: {without_redis: local}
                    tenants:
                      acme: {limits: {requests_per_minute: 6000}, without_redis: refuse}
                    """
                try await Replicas.run(Replicas.Setup(sections: sections, redis: redis.url, redisTimeout: "1s")) { replicas in
                    redis.process.kill(SIGKILL)
                    _ = await redis.process.waitForExit()
                    for _ in 0..<8 {
                        let answer = try await replicas.chat()
                        #expect(answer.status == 503)
                    }
                }
            }
        }

        @Test("a gateway starts while Redis is away, and shares its limits as soon as it is there")
        func awayAtStart() async throws {
            let port = try FreePort.find()
            let setup = Replicas.Setup(keyLimits: "requests_per_minute: 6000", redis: "redis://127.0.0.1:\(port)", redisTimeout: "1s")
            try await Replicas.run(setup) { replicas in
                let gateway = replicas.members[0].process
                #expect(gateway.errorOutput.contains("out of reach at start"))
                for _ in 0..<8 { #expect(try await replicas.chat().status == 200) }
                try await RedisProcess.run(port: port) { redis in
                    try await until("limits are counted in Redis") {
                        _ = try await replicas.chat()
                        return (try await redis.send("DBSIZE").integer ?? 0) > 0
                    }
                }
            }
        }

        @Test("what evicts, what refuses the password and what is no URL is refused at start, and no password is told")
        func refusedAtStart() async throws {
            try await RedisProcess.run(["--maxmemory-policy", "allkeys-lru"]) { redis in
                try await expectRefusal(redis.url, "maxmemory-policy allkeys-lru")
            }
            try await RedisProcess.run(["--requirepass", "another"]) { redis in
                try await expectRefusal("redis://:hunter2@127.0.0.1:\(redis.port)", "the server refuses the user or the password")
            }
            try await expectRefusal("http://:hunter2@127.0.0.1", "must begin with redis:// or rediss://")
        }

        private func expectRefusal(_ url: String, _ reason: String) async throws {
            do {
                try await Replicas.run(Replicas.Setup(redis: url)) { _ in _ = Issue.record("it started with \(reason)") }
            } catch {
                #expect("\(error)".contains(reason) && "\(error)".contains("redis.state.url_env"), "\(error)")
                #expect(!"\(error)".contains("hunter2"))
            }
        }
    }
}

extension RedisProcess {
    /// Whether a script of a client waits because all writing has been paused. Every client's last command may be a script: only one that waits is blocked.
    fileprivate var keepsAQuestionWaiting: Bool {
        get async throws {
            let clients = try await send("CLIENT", "LIST").string ?? ""
            return clients.split(separator: "\n").contains { $0.contains(" flags=b ") && $0.contains(" cmd=evalsha ") }
        }
    }
}
