import Foundation
import SeededRandomness
import Synchronization

/// Clients that ask and ask, until they are told to stop.
final class Load: Sendable {
    private struct State {
        var completed: [Completed] = []
        var refused: [String: Int] = [:]
        var lost = 0
        var isOver = false
    }

    private let state = Mutex(State())
    private static let workers = 24

    /// Asks until ``stop()``; returns when every client has heard the end of what it asked.
    ///
    /// - Parameter leaves: whether some requests are left by their callers.
    func run(_ gateways: [Gateway], _ tenants: [Tenant], seed: UInt64, leaves: Bool) async throws {
        let wire = try WireCalls(gateways, tenants)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<Self.workers {
                group.addTask { [self] in
                    var random = SeededRandom(seed: seed &+ UInt64(worker) &* 7_919)
                    while !state.withLock({ $0.isOver }) {
                        let job = Job(&random, gateways: gateways.count, leaves: leaves)
                        let tenant = tenants[job.tenant]
                        let end: JobEnd
                        switch job.door {
                        case .wire: end = await wire.run(job, tenant: tenant)
                        case .http: end = (try? await ShimCall.run(job, gateways[job.gateway], tenant: tenant)) ?? .lost
                        }
                        await take(end)
                    }
                }
            }
        }
        await wire.shutdown()
    }

    private func take(_ end: JobEnd) async {
        state.withLock { state in
            switch end {
            case .completed(let completed): state.completed.append(completed)
            case .refused(let code): state.refused[code, default: 0] += 1
            case .lost: state.lost += 1
            }
        }
        // A gateway that is gone, or that refuses, is not asked as fast as the machine can.
        if case .completed = end { return }
        try? await Task.sleep(for: .milliseconds(5))
    }

    func stop() { state.withLock { $0.isOver = true } }

    var completed: [Completed] { state.withLock { $0.completed } }
    var refused: [String: Int] { state.withLock { $0.refused } }
    var lost: Int { state.withLock { $0.lost } }
}
