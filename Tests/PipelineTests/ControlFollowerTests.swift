import GatewayCore
import Logging
import NIOCore
import ProcessSupport
import Synchronization
import Testing

@testable import GatewayPipeline

/// A store whose answers are the test's, and a clock that only the test moves: every poll is counted.
private final class HeldFeed: ControlFeed {
    struct State {
        var news = ControlChanges(revision: 1, changes: nil, isStopped: false)
        var polls = 0
        var isBroken = false
        /// These are never answered before the test says so.
        var holdsReadings = false
        var readings: [CheckedContinuation<Void, Never>] = []
        var askedAfter: [Int64?] = []
    }

    private let state = Mutex(State())

    var polls: Int { state.withLock { $0.polls } }
    var askedAfter: [Int64?] { state.withLock { $0.askedAfter } }
    var heldReadings: Int { state.withLock { $0.readings.count } }

    func set(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }

    func answerReadings() {
        let held = state.withLock { state in
            state.holdsReadings = false
            defer { state.readings.removeAll() }
            return state.readings
        }
        for reading in held { reading.resume() }
    }

    func changes(after revision: Int64?) async throws(ControlError) -> ControlChanges {
        let news: ControlChanges? = state.withLock { state in
            state.polls += 1
            state.askedAfter.append(revision)
            guard !state.isBroken else { return nil }
            return state.news.revision == revision
                ? ControlChanges(revision: state.news.revision, changes: [], isStopped: state.news.isStopped) : state.news
        }
        guard let news else { throw .unavailable("broken by the test") }
        return news
    }

    private func read() async {
        await withCheckedContinuation { continuation in
            let isHeld = state.withLock { state in
                if state.holdsReadings { state.readings.append(continuation) }
                return state.holdsReadings
            }
            if !isHeld { continuation.resume() }
        }
    }

    func tenants(named ids: [String]) async throws(ControlError) -> [Tenant] {
        await read()
        return []
    }

    func prices() async throws(ControlError) -> [PriceEntry] {
        await read()
        return []
    }

    func budgets() async throws(ControlError) -> [Budget] {
        await read()
        return []
    }
}

/// Time that stands still until the test moves it.
private final class HeldClock: Sendable {
    private struct State {
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var sleepers: [(until: NIODeadline, continuation: CheckedContinuation<Void, Never>)] = []
        var isOver = false
    }

    private let state = Mutex(State())

    var sleepers: Int { state.withLock { $0.sleepers.count } }

    var pace: ControlFollower.Pace {
        ControlFollower.Pace(now: { self.state.withLock { $0.now } }) { time in
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    if !state.isOver { state.sleepers.append((state.now + time, continuation)) }
                    return state.isOver
                }
                if isOver { continuation.resume() }
            }
        }
    }

    func advance(by time: TimeAmount) {
        let woken = state.withLock { state in
            state.now = state.now + time
            let woken = state.sleepers.filter { $0.until <= state.now }
            state.sleepers.removeAll { $0.until <= state.now }
            return woken
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    func end() {
        state.withLock { $0.isOver = true }
        advance(by: .hours(1_000))
    }
}

/// What the event loops were told.
private final class Told: Sendable {
    private let updates = Mutex<[AuthorityUpdate]>([])
    private let heard = Mutex<[(isReachable: Bool, isStale: Bool)]>([])

    var all: [AuthorityUpdate] { updates.withLock { $0 } }
    var isStopped: Bool { all.last?.isStopped ?? false }
    var reachable: Bool? { heard.withLock { $0.last?.isReachable } }
    var stale: Bool? { heard.withLock { $0.last?.isStale } }

    var audience: ControlFollower.Audience {
        ControlFollower.Audience(
            apply: { update in self.updates.withLock { $0.append(update) } },
            storeHeard: { isReachable, isStale in self.heard.withLock { $0.append((isReachable, isStale)) } })
    }
}

/// How soon a replica follows the store, counted in its polls and not by any clock of the machine's.
@Suite("Following the store of keys", .timeLimit(.minutes(4)))
struct ControlFollowerTests {
    private struct Scene {
        let feed: HeldFeed
        let clock: HeldClock
        let told: Told
        let follower: ControlFollower

        /// Lets a quarter of a second go by, in which the store is asked once more, and waits until that is over.
        func nextPoll() async throws {
            try await until("it waits") { clock.sleepers > 0 }
            let polls = feed.polls
            // It may be another one that waits: then the time passes again. One that was under way before may hold a reading, and no other follows.
            var checks = 0
            try await until("the poll") {
                if feed.polls == polls, checks % 200 == 0, clock.sleepers > 0 { clock.advance(by: .milliseconds(250)) }
                checks += 1
                return feed.polls > polls || feed.heldReadings > 0
            }
        }
    }

    private static func run(_ tenants: Set<String> = ["acme"], _ body: (Scene) async throws -> Void) async throws {
        let (feed, clock, told) = (HeldFeed(), HeldClock(), Told())
        var logger = Logger(label: "following")
        logger.logLevel = .critical
        let follower = ControlFollower(
            store: feed, audience: told.audience, configuredTenants: tenants, staleMax: .seconds(60), logger: logger, pace: clock.pace)
        let following = Task { await follower.run() }
        let result: Result<Void, any Error>
        do {
            try await until("the first poll") { feed.polls == 1 }
            result = .success(try await body(Scene(feed: feed, clock: clock, told: told, follower: follower)))
        } catch {
            result = .failure(error)
        }
        following.cancel()
        feed.answerReadings()
        clock.end()
        await following.value
        try result.get()
    }

    /// Until it knows the store it looks every 5 ms.
    private static func begin(_ scene: Scene) async throws {
        try await until("it knows the store") {
            if scene.clock.sleepers > 0 { scene.clock.advance(by: .milliseconds(5)) }
            return scene.told.reachable == true
        }
    }

    @Test("the store is asked once in 250 ms, and a panic or a revocation is told with the first answer that has it")
    func polls() async throws {
        try await Self.run { scene in
            try await Self.begin(scene)
            for _ in 0..<20 { try await scene.nextPoll() }
            #expect(!scene.told.isStopped)
            scene.feed.set { $0.news = ControlChanges(revision: 2, changes: [], isStopped: true) }
            try await scene.nextPoll()
            try await until("the panic, without another poll") { scene.told.isStopped }

            scene.feed.set { $0.news = ControlChanges(revision: 3, changes: [.key(tenant: "acme", id: "k")], isStopped: false) }
            try await scene.nextPoll()
            try await until("the revocation, without another poll") {
                scene.told.all.contains { $0.revision == 3 && $0.changes == [.key(tenant: "acme", id: "k")] }
            }
            #expect(!scene.told.isStopped)
            // What it has been told it does not ask for again.
            try await scene.nextPoll()
            #expect(scene.feed.askedAfter.last == 3)
        }
    }

    @Test("neither waits for tenants, prices and budgets to be read; who waits for the first word waits for all of it")
    func readings() async throws {
        try await Self.run { scene in
            try await Self.begin(scene)
            #expect(scene.told.all.first?.isWhole == false && scene.told.all.last?.isWhole == true)
            #expect(scene.told.all.contains { $0.budgets != nil } && scene.told.all.contains { $0.prices != nil })
            scene.feed.set {
                $0.holdsReadings = true
                $0.news = ControlChanges(revision: 2, changes: nil, isStopped: true)
            }
            try await scene.nextPoll()
            try await until("a reading hangs") { scene.feed.heldReadings == 1 }
            #expect(scene.told.isStopped && scene.told.all.last?.isWhole == false)
            scene.feed.answerReadings()
            try await until("the rest") { scene.told.all.last?.isWhole == true }
        }
    }

    @Test("a store that fails is told within the poll, refuses after `stale_max`, and is asked on; what changed meanwhile is told at once")
    func outage() async throws {
        try await Self.run { scene in
            try await Self.begin(scene)
            scene.feed.set { $0.isBroken = true }
            try await scene.nextPoll()
            try await until("its state") {
                if scene.clock.sleepers > 0 { scene.clock.advance(by: .milliseconds(250)) }
                return scene.told.reachable == false
            }
            #expect(scene.told.stale == false)
            try await until("it is stale") {
                if scene.clock.sleepers > 0 { scene.clock.advance(by: .milliseconds(250)) }
                return scene.told.stale == true
            }
            scene.feed.set {
                $0.isBroken = false
                $0.news = ControlChanges(revision: 9, changes: nil, isStopped: true)
            }
            try await scene.nextPoll()
            try await until("the panic") { scene.told.isStopped }
        }
    }
}
