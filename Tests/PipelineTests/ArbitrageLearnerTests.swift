import EmbeddedStore
import GatewayCore
import Logging
import NIOCore
import ProcessSupport
import Synchronization
import Testing

@testable import GatewayPipeline

@Suite("pipeline: what arbitrated names learn", .timeLimit(.minutes(4)))
struct ArbitrageLearnerTests {
    /// A store of several processes that goes away and comes back, or answers no claim.
    private final class MovingStore: ArbitrageStore {
        private let store: ArbitrageFile
        private let isUp = Atomic(true)
        let answersClaims: Bool
        let isShared = true

        init(_ clock: WallClock, answersClaims: Bool = true) throws {
            let milliseconds = clock.unixMilliseconds
            store = try ArbitrageFile(
                path: nil, settings: ArbitrageFile.Settings(feedbackMilliseconds: 600_000) { Int64(clamping: milliseconds()) })
            self.answersClaims = answersClaims
        }

        func turn(up: Bool) { isUp.store(up, ordering: .relaxed) }

        func add(_ increments: [LearnedHour]) async -> [LearnedHour] {
            isUp.load(ordering: .relaxed) ? await store.add(increments) : increments
        }

        func learned(
            _ names: [LearnedName], in hours: ClosedRange<RouteStatistics.Hour>
        ) async throws(ArbitrageStoreError) -> [LearnedHour] {
            guard isUp.load(ordering: .relaxed) else { throw ArbitrageStoreError("away", mayHaveRun: false) }
            return try await store.learned(names, in: hours)
        }

        func keep(_ answers: [ArbitratedAnswer]) async -> [ArbitratedAnswer] { await store.keep(answers) }

        func claim(_ id: RequestID, tenant: String, scoreMillionths: UInt64) async throws(ArbitrageStoreError) -> FeedbackClaim {
            guard answersClaims else {
                try? await Task.sleep(for: .seconds(20))
                throw ArbitrageStoreError("no answer", mayHaveRun: true)
            }
            return try await store.claim(id, tenant: tenant, scoreMillionths: scoreMillionths)
        }

        func settle(_ id: RequestID, tenant: String) async throws(ArbitrageStoreError) { try await store.settle(id, tenant: tenant) }
        func close() async { await store.close() }
    }

    private final class Time: Sendable {
        let hours = Atomic<UInt64>(490_000)
        var clock: WallClock { WallClock { self.hours.load(ordering: .relaxed) * 3_600_000 } }
        var hour: RouteStatistics.Hour { RouteStatistics.Hour(index: Int64(hours.load(ordering: .relaxed))) }
    }

    private static func route(_ policy: ArbitrationSettings.Policy = .thompson, arms: [String] = ["small", "large"]) -> ArbitratedRoute {
        let targets = arms.map { model in
            UpstreamTarget(
                model: model, provider: "p", upstreamModel: model,
                settings: ModelSettings(
                    price: PipelineRig.price, cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1,
                    idleTimeoutNanoseconds: 1))
        }
        return ArbitratedRoute(name: "auto", arms: targets, settings: ArbitrationSettings(policy: policy))
    }

    private static func answer(_ arm: String) -> ArbitratedAnswer {
        ArbitratedAnswer(
            id: RequestID(high: 7, low: 9), tenant: "acme", department: nil, user: nil, keyID: "k", route: "auto", arm: arm,
            features: FeatureVector(SIMD32(repeating: 0.25)))
    }

    private static func weights(_ learner: ArbitrageLearner) -> [Double]? {
        learner.knowledge().first.map { $0.states.map { ($0.observations * 1_000).rounded() / 1_000 } }
    }

    @Test("what was seen while the store was away lands in the hour in which it was seen, and is not forgotten here meanwhile")
    func outage() async throws {
        let time = Time()
        let store = try MovingStore(time.clock)
        let learner = ArbitrageLearner(store: store, settings: ArbitrageLearner.Settings(), clock: time.clock, logger: Logger(label: "t"))
        learner.follow([Self.route()])
        try await learner.exchange(readsAll: true)
        let seen = time.hour
        store.turn(up: false)
        for _ in 0..<8 { learner.observe(Self.answer("large"), quality: 1, weight: 1, hour: seen) }
        await #expect(throws: ArbitrageStoreError.self) { try await learner.exchange(readsAll: false) }
        #expect(Self.weights(learner) == [0, 8])
        time.hours.add(5, ordering: .relaxed)
        await #expect(throws: ArbitrageStoreError.self) { try await learner.exchange(readsAll: false) }
        store.turn(up: true)
        learner.observe(Self.answer("large"), quality: 1, weight: 1, hour: time.hour)
        try await learner.exchange(readsAll: false)
        // Half a week's half-life: five hours take two hundredths.
        let decayed = (8 * 0.979582 + 1).rounded(.down)
        #expect(try #require(Self.weights(learner))[1].rounded(.down) == decayed)
        let name = LearnedName(route: "auto", arm: "large")
        let learned = try await store.learned([name], in: RouteStatistics.Hour(index: 0)...time.hour)
        #expect(learned.map(\.hour) == [seen, time.hour])
        #expect(learned.map { $0.statistics.words[ArmStatistics.Form.model.size - 2] } == [8 << 20, 1 << 20])
        await store.close()
    }

    @Test("names of a new configuration keep what was learned of the arms that they still have")
    func reload() async throws {
        let time = Time()
        let store = try MovingStore(time.clock)
        let learner = ArbitrageLearner(store: store, settings: ArbitrageLearner.Settings(), clock: time.clock, logger: Logger(label: "t"))
        learner.follow([Self.route()])
        for arm in ["small", "large"] { learner.observe(Self.answer(arm), quality: 0.5, weight: 0.5, hour: time.hour) }
        try await learner.exchange(readsAll: true)
        #expect(Self.weights(learner) == [0.5, 0.5])
        learner.observe(Self.answer("large"), quality: 0.5, weight: 0.5, hour: time.hour)
        let knowledge = learner.prepare([Self.route(arms: ["new", "large"])])
        #expect(knowledge.first?.states.map(\.observations) == [0, 1])
        learner.observe(Self.answer("small"), quality: 0.5, weight: 0.5, hour: time.hour)
        try await learner.exchange(readsAll: false)
        #expect(Self.weights(learner) == [0, 1])
        // Came back: the store knows it still.
        learner.follow([Self.route()])
        try await learner.exchange(readsAll: false)
        #expect(Self.weights(learner) == [0.5, 1])
        await store.close()
    }

    @Test("a table's cells are learned in two numbers each")
    func table() async throws {
        let time = Time()
        let store = try MovingStore(time.clock)
        let learner = ArbitrageLearner(store: store, settings: ArbitrageLearner.Settings(), clock: time.clock, logger: Logger(label: "t"))
        let route = Self.route(.epsilonGreedy(0))
        learner.follow([route])
        for _ in 0..<3 { learner.observe(Self.answer("large"), quality: 1, weight: 1, hour: time.hour) }
        try await learner.exchange(readsAll: true)
        let name = route.learnedName(1, Self.answer("large").features)
        let learned = try await store.learned([name], in: time.hour...time.hour)
        #expect(learned.map(\.statistics.words) == [[3 << 20, 3 << 20]])
        let known = try #require(learner.knowledge().first)
        var (loop, random) = (LoopRoute(known), SystemRandomNumberGenerator())
        let record = loop.decide(
            Self.answer("large").features, [ArmCandidate(arm: 0, costUSD: 0), ArmCandidate(arm: 1, costUSD: 0)], infeasible: [],
            dials: ArbitrageDials(), conversation: nil, now: time.hour, random: &random)
        #expect(record?.arm == 1)
        await store.close()
    }

    @Test("who gives feedback is told no later than he waits, also by a store that does not answer")
    func feedbackDeadline() async throws {
        let time = Time()
        let store = try MovingStore(time.clock, answersClaims: false)
        var setup = PipelineRig.Setup()
        setup.learner = ArbitrageLearner(store: store, settings: ArbitrageLearner.Settings(), logger: Logger(label: "t"))
        try await PipelineRig.run(setup) { rig in
            let told = Mutex<[String]>([])
            // One promise for each, which end in the order of their callers' patience.
            let ends = try await rig.onLoop { gateway in
                let waits: [(String, TimeAmount?)] = [
                    ("none", nil), ("long", .minutes(10)), ("short", .milliseconds(10)), ("over", .milliseconds(-1)),
                ]
                return waits.map { name, timeout in
                    let promise = gateway.eventLoop.makePromise(of: FaultKind?.self)
                    gateway.feedback(RequestID(high: 7, low: 9), score: 1, for: Callers.plain, timeout: timeout) { result in
                        told.withLock { $0.append(name) }
                        if case .failure(let fault) = result { promise.succeed(fault.kind) } else { promise.succeed(nil) }
                    }
                    return promise.futureResult
                }
            }
            for end in ends { #expect(try await end.get() == .deadlineExceeded) }
            #expect(told.withLock { $0 } == ["over", "short", "none", "long"])
        }
    }
}
