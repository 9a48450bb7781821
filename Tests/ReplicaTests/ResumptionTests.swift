import AgentShield
import Foundation
import NIOCore
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("go on with each other's streams", .timeLimit(.minutes(10)))
    struct ResumptionTests {
        private static func client(_ port: Int, key: String) throws -> AgentShieldClient {
            var configuration = AgentShieldClient.Configuration(
                addresses: [Address(host: "127.0.0.1", port: port, way: .webSocket(path: Address.webSocketPath, isSecure: false))],
                credential: .apiKey(key))
            configuration.retry.baseDelay = .milliseconds(10)
            return try AgentShieldClient(configuration: configuration)
        }

        private static let options: CallOptions = {
            var options = CallOptions(deadline: .seconds(120))
            options.isResumable = true
            return options
        }()

        private static func text(_ number: Int) -> String {
            (0..<120).map { "w\(number)x\($0)" }.joined(separator: " ")
        }

        @Test("a stream that one replica fetches goes on through another one when its connection is lost, whole and in order")
        func elsewhere() async throws {
            try await RedisProcess.run { redis in
                try await Replicas.run(Replicas.Setup(count: 2, redis: redis.url)) { replicas in
                    try await CuttingRelay.run(to: replicas.members[0].port) { relay in
                        let client = try Self.client(relay.port, key: replicas.key)
                        let streams = (0..<8).map { number in
                            client.stream(ChatRequest(model: "echo+slow-20ms", prompt: Self.text(number)), options: Self.options)
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
                            #expect(try await task.value.text == Self.text(number))
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
