import Foundation
import ProcessSupport
import Testing

extension TroubledReplicaTests {
    /// Whoever has a deadline is answered by then, whatever a store does: how much later is printed, and docs/faults.md has the figures.
    @Suite("answers in time", .timeLimit(.minutes(10)))
    struct LatenessTests {
        private static let deadline = Duration.milliseconds(300)
        /// The promise is 50 ms, on a machine that has nothing else to do; this fails where nobody keeps an eye on the deadline at all.
        private static let bound = Duration.seconds(20)

        private static func measured(
            _ what: String, _ replicas: Replicas, count: Int = 5, isDeadlineReached: Bool
        ) async throws {
            var worst: [String: Duration] = [:]
            func note(_ door: String, _ time: Duration) { worst[door] = max(worst[door] ?? .zero, time - deadline) }
            for _ in 0..<count {
                let connection = try await replicas.connect(0)
                let began = ContinuousClock.now
                let answer = try await connection.chat(deadlineMilliseconds: 300)
                note("http", ContinuousClock.now - began)
                connection.close()
                #expect(answer.status == 504 || (answer.status != 0 && !isDeadlineReached), "\(what): \(answer.status)")
            }
            try await WireClient.run(replicas) { client in
                // The connection is made before.
                _ = try await client.chat("echo", deadline: .seconds(30))
                for _ in 0..<count {
                    let began = ContinuousClock.now
                    let answer = try await client.chat("echo", deadline: deadline)
                    note("wire", ContinuousClock.now - began)
                    #expect(answer.error == "deadline_exceeded" || !isDeadlineReached, "\(what): \(answer)")
                }
            }
            for (door, time) in worst.sorted(by: { $0.key < $1.key }) {
                let milliseconds = Double(time.components.attoseconds / 1_000_000_000_000) / 1_000 + Double(time.components.seconds) * 1_000
                print("gateways, deadline 300 ms, \(what), \(door): at most \(milliseconds) ms behind it")
                #expect(time < bound)
            }
        }

        @Test("while Redis is in trouble", arguments: FaultTests.Trouble.allCases.filter { $0 != .lostMidCommand })
        func redis(trouble: FaultTests.Trouble) async throws {
            try await RedisProcess.run { redis in
                // Far longer than anybody waits here, so that it is the request's own deadline that counts.
                let setup = Replicas.Setup(keyLimits: "requests_per_minute: 600000", redis: redis.url, redisTimeout: "60s")
                try await Replicas.run(setup) { replicas in
                    #expect(try await replicas.chat().status == 200)
                    try await trouble.begin(redis)
                    let waits = trouble == .paused || trouble == .slow
                    // A paused server answers nobody: the wire's connection is warmed up by what it would wait for, too.
                    try await Self.measured("Redis \(trouble)", replicas, isDeadlineReached: waits)
                    try await trouble.end(redis)
                }
            }
        }

        @Test("while PostgreSQL is asked for a key and stands still")
        func postgres() async throws {
            try await withTemporaryDirectory { directory in
                try await StoreKind.postgresql.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await store.must("tenants", "create", "initech")
                    let keys = [try await store.createKey("a", of: "initech"), try await store.createKey("b", of: "initech")]
                    try await Replicas.run(Replicas.Setup(store: store)) { replicas in
                        #expect(try await replicas.chat().status == 200)
                        store.cluster?.signalAll(SIGSTOP)
                        let began = ContinuousClock.now
                        let http = try await replicas.calling(with: keys[0]).chat(deadlineMilliseconds: 300)
                        let time = ContinuousClock.now - began - Self.deadline
                        print("gateways, deadline 300 ms, PostgreSQL stopped, http: \(http.status), \(time) behind it")
                        #expect([503, 504].contains(http.status) && time < Self.bound)
                        // The wire's credential comes with HELLO, which waits for the store.
                        try await WireClient.run(replicas.calling(with: keys[1])) { client in
                            let began = ContinuousClock.now
                            let wire = try await client.chat(deadline: Self.deadline)
                            let time = ContinuousClock.now - began - Self.deadline
                            print("gateways, deadline 300 ms, PostgreSQL stopped, wire: \(wire.error ?? "answered"), \(time) behind it")
                            #expect(["deadline_exceeded", "authority_unavailable"].contains(wire.error) && time < Self.bound)
                        }
                        // Whom the gateway knows is answered there all the same.
                        let known = try await WireClient.run(replicas) { try await $0.chat(deadline: .seconds(60)) }
                        #expect(known.error == nil)
                        store.cluster?.signalAll(SIGCONT)
                    }
                }
            }
        }
    }
}
