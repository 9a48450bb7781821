import Foundation
import NIOConcurrencyHelpers
import ProcessSupport
import SeededRandomness
import Testing

/// Two replicas that are cut off, drained and killed at random, and followed by new ones, for as long as it goes on.
final class Torment: Sendable {
    struct Counts: Sendable {
        var cuts = 0
        var drained = 0
        var killed = 0
    }

    private struct State {
        var counts = Counts()
        /// Who stands behind each relay.
        var present: [Replicas.Replica]
        var leaving: [Replicas.Replica] = []
        /// When each replica was killed, by name: the moment before it was.
        var killings: [String: ContinuousClock.Instant] = [:]
        var failure: (any Error)?
    }

    private let replicas: Replicas
    private let relays: [CuttingRelay]
    private let state: NIOLockedValueBox<State>

    /// - Parameter relays: one in front of each of two replicas.
    init(_ replicas: Replicas, _ relays: [CuttingRelay]) {
        self.replicas = replicas
        self.relays = relays
        state = NIOLockedValueBox(State(present: replicas.members))
    }

    var counts: Counts { state.withLockedValue { $0.counts } }
    /// Whether each of the three has happened, or nothing more will.
    var hasDoneAll: Bool { counts.cuts > 0 && counts.drained > 0 && counts.killed > 0 || failure != nil }
    /// When each replica that was killed was, by name.
    var killings: [String: ContinuousClock.Instant] { state.withLockedValue { $0.killings } }
    /// What kept it from going on.
    var failure: (any Error)? { state.withLockedValue { $0.failure } }

    /// Goes on until its task is cancelled.
    func goOn(seed: UInt64) async {
        do {
            try await torment(seed: seed)
        } catch {
            // A replica that is just being started when the task is cancelled is not waited for.
            if !Task.isCancelled { state.withLockedValue { $0.failure = error } }
        }
    }

    private func torment(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(Int.random(in: 40...400, using: &random)))
            let place = Int.random(in: relays.indices, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                relays[place].cut()
                state.withLockedValue { $0.counts.cuts += 1 }
            case 6..<8:
                let old = try await replace(place)
                old.process.kill(SIGTERM)
                state.withLockedValue {
                    $0.counts.drained += 1
                    $0.leaving.append(old)
                }
            default:
                let old = try await replace(place)
                state.withLockedValue {
                    $0.counts.killed += 1
                    $0.killings[old.name] = .now
                }
                old.process.kill(SIGKILL)
            }
        }
    }

    /// Has a new replica take one's place for all that comes later; the old one's connections stay.
    private func replace(_ place: Int) async throws -> Replicas.Replica {
        let new = try await replicas.startAnother()
        relays[place].lead(to: new.port)
        return state.withLockedValue { state in
            defer { state.present[place] = new }
            return state.present[place]
        }
    }

    /// Ends those that it started, and waits for those that were drained.
    func end() async throws {
        let (present, leaving) = state.withLockedValue { ($0.present, $0.leaving) }
        for replica in leaving { #expect(await replica.process.waitForExit(timeout: .seconds(60)) == .exited(0)) }
        for replica in present { await replica.process.stop() }
    }
}
