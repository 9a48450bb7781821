import GatewayCore
import Logging
import NIOCore
import NIOPosix
import ProcessSupport
import RedisStore
import Synchronization
import Testing

@testable import GatewayPipeline

@Suite("pipeline: hints about upstreams in Redis", .timeLimit(.minutes(4)))
struct UpstreamHintsTests {
    /// What each replica has heard last.
    private final class Heard: Sendable {
        let hints = Mutex<[String: Int64]>([:])

        func of(_ text: String) -> Int64? { hints.withLock { $0[text] } }
    }

    private struct Replica: Sendable {
        let hints: NIOLoopBound<UpstreamHints>
        let line: NIOLoopBound<RedisLine>
        let heard = Heard()

        init(port: Int, loop: any EventLoop) async throws {
            var logger = Logger(label: "hint tests")
            logger.logLevel = .critical
            let settings = RedisLimitSettings(
                options: RedisOptions(address: RedisAddress(host: "127.0.0.1", port: port)), timeout: .seconds(20),
                health: RedisHealth(.state, logger: logger))
            let heard = heard
            (hints, line) = try await loop.submit {
                let line = RedisLine(settings: settings, eventLoop: loop)
                let hints = UpstreamHints(line: line, eventLoop: loop, clock: .system) { name, endpoint, time in
                    heard.hints.withLock { $0["\(name.provider)/\(name.model)/\(endpoint)"] = time.nanoseconds / 1_000_000 }
                }
                return (NIOLoopBound(hints, eventLoop: loop), NIOLoopBound(line, eventLoop: loop))
            }.get()
        }

        func onLoop<T: Sendable>(_ body: @escaping @Sendable (UpstreamHints, RedisLine) -> T) async throws -> T {
            try await hints.eventLoop.submit { body(hints.value, line.value) }.get()
        }

        func end() async throws {
            try await onLoop { hints, _ in hints.close() }
            try await hints.eventLoop.flatSubmit { line.value.close() }.get()
        }
    }

    @Test("what one replica leaves alone the others hear of, until it serves again or its time is over")
    func heard() async throws {
        try await withTemporaryDirectory { directory in
            let redis = try RedisPlace(in: directory)
            let result: Result<Void, any Error>
            do {
                try await redis.start()
                result = .success(try await Self.play(port: redis.port))
            } catch {
                result = .failure(error)
            }
            await redis.end()
            try result.get()
        }
    }

    private static func play(port: Int) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (one, two) = (try await Replica(port: port, loop: loop), try await Replica(port: port, loop: loop))
        var health = UpstreamHealth(CircuitBreaker.Settings())
        var random = SystemRandomNumberGenerator()
        let name = UpstreamHealth.Name(provider: "openai", model: "a model's name")
        guard case .call(let call) = health.begin(name, weights: [1], tried: [], now: .now(), random: &random) else {
            Issue.record("no call")
            return
        }
        try await one.onLoop { hints, line in
            hints.tell(call, leftAloneFor: .seconds(1_000))
            // Neither a hint that is over nor a name that is none is taken, and both are removed.
            for command in RedisHints.tell("openai 0 gone", until: 1) + RedisHints.tell("nonsense", until: .max) { line.tell(command) }
        }
        try await until("the hint") { two.heard.of("openai/a model's name/0") != nil }
        #expect((1...1_000_000).contains(two.heard.of("openai/a model's name/0") ?? 0))
        #expect(two.heard.hints.withLock { $0.count } == 1)
        try await one.onLoop { hints, _ in hints.withdraw(call) }
        try await until("an empty hash") {
            let promise = loop.makePromise(of: Int.self)
            try await two.onLoop { _, line in
                line.hear(RedisHints.read) { promise.succeed($0.map { RedisHints.hints(in: $0).count } ?? -1) }
            }
            return try await promise.futureResult.get() == 0
        }
        try await one.end()
        try await two.end()
    }
}
