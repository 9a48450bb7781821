import AgentShield
import Foundation
import NIOCore
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("go on with each other's streams", .timeLimit(.minutes(40)))
    struct ResumptionTests {
        /// Streams that are read while replicas come and go; `make resume` asks for a thousand.
        private static let streams = ProcessInfo.processInfo.environment["AGENTSHIELD_RESUME_STREAMS"].flatMap { Int($0) } ?? 40

        private static func client(_ ports: Int..., key: String) throws -> AgentShieldClient {
            var configuration = AgentShieldClient.Configuration(
                addresses: ports.map {
                    Address(host: "127.0.0.1", port: $0, way: .webSocket(path: Address.webSocketPath, isSecure: false))
                }, credential: .apiKey(key))
            configuration.retry.baseDelay = .milliseconds(10)
            return try AgentShieldClient(configuration: configuration)
        }

        private static let options: CallOptions = {
            var options = CallOptions(deadline: .seconds(120))
            options.isResumable = true
            return options
        }()

        private static func text(_ number: Int, words: Int = 120) -> String {
            (0..<words).map { word(of: number, $0) }.joined(separator: " ")
        }

        private static func word(of number: Int, _ place: Int) -> String { "w\(number)x\(place)" }

        @Test("a stream that one replica fetches goes on through another one when its connection is lost, whole and in order")
        func elsewhere() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 2, redis: redis.url)) { replicas in
                    try await CuttingRelay.run(to: replicas.members[0].port) { relay in
                        let client = try Self.client(relay.port, key: replicas.key)
                        // Ten seconds: none is over before the last one has begun.
                        let streams = (0..<8).map { number in
                            client.stream(
                                ChatRequest(model: "echo+slow-20ms", prompt: Self.text(number, words: 500)), options: Self.options)
                        }
                        let reading = streams.map { stream in Task { try await stream.collect() } }
                        for stream in streams {
                            try await until("its beginning was read") { stream.resumePoint.map { $0.sequence > 5 } ?? false }
                        }
                        // Nothing is written before the loss, and nothing that can be read after it.
                        #expect(try await redis.keys("*:resume:*").isEmpty)
                        relay.cut(thenTo: replicas.members[1].port)
                        try await until("what follows is written") { try await redis.keys("*:resume:*").count == 8 }
                        for key in try await redis.keys("*:resume:*") {
                            let pieces = try #require(try await redis.send("LRANGE", key, "0", "-1").elements)
                            for piece in pieces {
                                let text = piece.bytes.map { String(buffer: $0) }
                                #expect(text.map { text in !(0..<8).contains { text.contains(" w\($0)x5") } } ?? false)
                            }
                        }
                        for (number, task) in reading.enumerated() {
                            #expect(try await task.value.text == Self.text(number, words: 500))
                        }
                        #expect(try await replicas.providerFigure("requests") == 8)
                        await client.shutdown(within: .zero)
                    }
                }
            }
        }

        @Test("a stream whose replica is killed while another one tells it ends with an error that says so, and is not whole")
        func killed() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 2, redis: redis.url)) { replicas in
                    try await CuttingRelay.run(to: replicas.members[0].port) { relay in
                        let client = try Self.client(relay.port, key: replicas.key)
                        let stream = client.stream(
                            ChatRequest(model: "say:2000+slow-20ms", prompt: "go on"), options: Self.options)
                        let reading = Task { try await stream.collect() }
                        try await until("its beginning was read") { stream.resumePoint.map { $0.sequence > 5 } ?? false }
                        relay.cut(thenTo: replicas.members[1].port)
                        let before = stream.resumePoint?.sequence ?? 0
                        try await until("it goes on") { stream.resumePoint.map { $0.sequence > before + 20 } ?? false }
                        replicas.members[0].process.kill(SIGKILL)
                        let error = await #expect(throws: AgentShieldError.self) { try await reading.value }
                        #expect(error?.code == .streamBroken && error?.isRetryable == true)
                        await client.shutdown(within: .zero)
                    }
                }
            }
        }

        @Test(
            "whatever is cut, drained or killed, each stream ends whole and in order, or, if its replica was killed, with an error that says so"
        )
        func torment() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 2, sections: "drain_deadline: 60s", redis: redis.url)) { replicas in
                    try await CuttingRelay.run(to: replicas.members[0].port) { one in
                        try await CuttingRelay.run(to: replicas.members[1].port) { two in
                            try await Self.readThrough(
                                Torment(replicas, [one, two]), try Self.client(one.port, two.port, key: replicas.key), replicas)
                        }
                    }
                }
            }
        }

        /// Reads streams while replicas come and go.
        private static func readThrough(_ torment: Torment, _ client: AgentShieldClient, _ replicas: Replicas) async throws {
            let tormentor = Task { await torment.goOn(seed: 11) }
            let streams = await readMany(client) { $0 >= Self.streams && torment.hasDoneAll }
            tormentor.cancel()
            await tormentor.value
            if let failure = torment.failure { throw failure }
            await client.shutdown(within: .zero)
            let (counts, lost) = (torment.counts, streams.filter { $0.end == .lost })
            let whole = streams.count { $0.end == .whole }
            let names = "connections cut \(counts.cuts) times, \(counts.drained) replicas drained, \(counts.killed) killed"
            print("\(streams.count) streams, \(names): \(whole) whole and in order, \(lost.count) ended with the retryable error")
            #expect(streams.filter { $0.end != .whole && $0.end != .lost } == [])
            #expect(whole > 0)
            try await expectKilled(lost, torment.killings, replicas)
            try await torment.end()
        }

        /// Each stream that was lost was that of a replica which called the provider for it and was killed while it ran.
        private static func expectKilled(
            _ lost: [ReadStream], _ killings: [String: ContinuousClock.Instant], _ replicas: Replicas
        ) async throws {
            let calls = try await replicas.providerCalls()
            var losses: [String: Int] = [:]
            for stream in lost {
                let callers = calls.filter { $0.body.contains(word(of: stream.number, 0) + " ") }.map(\.replica)
                let killed = callers.first { killings[$0].map { stream.time.contains($0) } ?? false }
                #expect(killed != nil, "stream \(stream.number) was lost, and none of \(callers) was killed while it ran")
                losses[killed ?? "nobody", default: 0] += 1
            }
            let table = losses.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            print("streams that were lost, by the replica that was killed: \(table.isEmpty ? "none" : table)")
        }

        private static let parallel = 8

        private enum StreamEnd: Equatable {
            case whole
            case lost
            case wrong(String)
        }

        private struct ReadStream: Equatable {
            var number: Int
            var time: ClosedRange<ContinuousClock.Instant>
            var end: StreamEnd
        }

        /// Reads streams, eight at a time.
        private static func readMany(_ client: AgentShieldClient, until isEnough: @Sendable (Int) -> Bool) async -> [ReadStream] {
            await withTaskGroup(of: ReadStream.self) { group in
                var streams: [ReadStream] = []
                var number = 0
                while !isEnough(number) {
                    if number >= parallel, let stream = await group.next() { streams.append(stream) }
                    group.addTask { [number] in
                        let began = ContinuousClock.now
                        let end = await read(client, text(number, words: 60))
                        return ReadStream(number: number, time: began...ContinuousClock.now, end: end)
                    }
                    number += 1
                }
                for await stream in group { streams.append(stream) }
                return streams
            }
        }

        private static func read(_ client: AgentShieldClient, _ text: String) async -> StreamEnd {
            do {
                let answer = try await client.stream(ChatRequest(model: "echo+slow-10ms", prompt: text), options: options).collect()
                return answer.text == text && answer.finishReason == .stop ? .whole : .wrong(answer.text)
            } catch let error as AgentShieldError
                where error.isRetryable && (error.code == .streamBroken || error.code == .connectionLost)
            {
                return .lost
            } catch {
                return .wrong("\(error)")
            }
        }

        @Test(
            "a stream goes on when Redis, through which it is told, was paused, has lost everything, or was started anew",
            arguments: Trouble.allCases)
        fileprivate func redisInTrouble(trouble: Trouble) async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 2, redis: redis.url)) { replicas in
                    try await CuttingRelay.run(to: replicas.members[0].port) { relay in
                        let client = try Self.client(relay.port, key: replicas.key)
                        let text = Self.text(1, words: 400)
                        let stream = client.stream(ChatRequest(model: "echo+slow-20ms", prompt: text), options: Self.options)
                        let reading = Task { try await stream.collect() }
                        try await until("its beginning was read") { stream.resumePoint.map { $0.sequence > 5 } ?? false }
                        relay.cut(thenTo: replicas.members[1].port)
                        let before = stream.resumePoint?.sequence ?? 0
                        try await until("it goes on") { stream.resumePoint.map { $0.sequence > before + 20 } ?? false }
                        let answer = try await trouble.come(over: redis) { try await reading.value }
                        #expect(answer.text == text)
                        #expect(try await replicas.providerFigure("requests") == 1)
                        await client.shutdown(within: .zero)
                    }
                }
            }
        }

        fileprivate enum Trouble: CaseIterable {
            case paused, emptied, restarted

            func come<Result>(over redis: RedisProcess, _ body: () async throws -> Result) async throws -> Result {
                switch self {
                case .paused:
                    try await redis.send("CLIENT", "PAUSE", "1500", "ALL")
                    return try await body()
                case .emptied:
                    try await redis.send("FLUSHALL")
                    return try await body()
                case .restarted:
                    redis.process.kill(SIGKILL)
                    _ = await redis.process.waitForExit()
                    return try await RedisProcess.run(port: redis.port) { _ in try await body() }
                }
            }
        }

        @Test("a replica whose places are all taken resumes nothing, and says so, until one is free; what is unknown takes none")
        func overloaded() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 2, sections: "limits: {max_in_flight_requests: 1}", redis: redis.url)) {
                    replicas in
                    try await CuttingRelay.run(to: replicas.members[0].port) { relay in
                        let client = try Self.client(relay.port, key: replicas.key)
                        let stream = client.stream(ChatRequest(model: "say:1000+slow-20ms", prompt: "go on"), options: Self.options)
                        let reading = Task { try await stream.collect() }
                        try await until("its beginning was read") { stream.resumePoint.map { $0.sequence > 5 } ?? false }
                        let other = try await replicas.connect(1)
                        let taking = Task { try await other.chat("say:100000+slow-20ms", streamed: true) }
                        try await until("both places are taken") { try await replicas.providerFigure("active") == 2 }
                        relay.cut(thenTo: replicas.members[1].port)
                        let asking = try Self.onceOnly(replicas.members[1].port, key: replicas.key)
                        let point = try #require(stream.resumePoint)
                        let refused = await #expect(throws: AgentShieldError.self) { try await asking.resume(point).collect() }
                        #expect(refused?.code == .overloaded && refused?.isRetryable == true)
                        let unknown = ResumePoint(responseID: "req_" + String(repeating: "0", count: 32), sequence: 0)
                        let missed = await #expect(throws: AgentShieldError.self) { try await asking.resume(unknown).collect() }
                        #expect(missed?.code == .resumeUnavailable)
                        other.close()
                        _ = try await taking.value
                        #expect(try await reading.value.finishReason == .stop)
                        for client in [client, asking] { await client.shutdown(within: .zero) }
                    }
                }
            }
        }

        /// A client that asks nothing a second time.
        private static func onceOnly(_ port: Int, key: String) throws -> AgentShieldClient {
            let way = Address.Way.webSocket(path: Address.webSocketPath, isSecure: false)
            var configuration = AgentShieldClient.Configuration(
                addresses: [Address(host: "127.0.0.1", port: port, way: way)], credential: .apiKey(key))
            configuration.retry.maxAttempts = 1
            return try AgentShieldClient(configuration: configuration)
        }

        @Test("nobody finds a stream that is unknown everywhere, and hears so soon")
        func unknown() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 1, redis: redis.url)) { replicas in
                    let client = try Self.client(replicas.members[0].port, key: replicas.key)
                    let point = ResumePoint(responseID: "req_" + String(repeating: "0", count: 32), sequence: 0)
                    let error = await #expect(throws: AgentShieldError.self) { try await client.resume(point).collect() }
                    #expect(error?.code == .resumeUnavailable)
                    await client.shutdown(within: .zero)
                }
            }
        }
    }
}
