import Foundation
import NIOCore
import Testing
import Wire

/// `AGENTSHIELD_SIMULATION_SEEDS`: how many seeds; `AGENTSHIELD_SIMULATION_SEED`: only this one.
@Suite("Client and server over a simulated link")
struct SimulationTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    private static var seeds: Range<UInt64> {
        if let seed = number("AGENTSHIELD_SIMULATION_SEED") { return seed..<seed + 1 }
        return 1..<(number("AGENTSHIELD_SIMULATION_SEEDS") ?? 60) + 1
    }

    @Test("no seed breaks an invariant, and all kinds of ends occur")
    func seedsHold() {
        var ended = 0
        var cancelled = 0
        var failed = 0
        var refusedByServer = 0
        var cuts = 0
        var drains = 0
        var compressed = 0
        for seed in Self.seeds {
            var simulation = Simulation(seed: seed)
            do {
                let report = try simulation.run()
                ended += report.outcomes.values.count { $0 == .ended }
                cancelled += report.outcomes.values.count { $0 == .cancelled }
                failed += report.outcomes.values.count { if case .failed = $0 { true } else { false } }
                refusedByServer += report.refused
                cuts += report.wasCut ? 1 : 0
                drains += report.wasDrained ? 1 : 0
                compressed += report.compressedFrames
            } catch {
                Issue.record("AGENTSHIELD_SIMULATION_SEED=\(seed): \(error)")
            }
        }
        guard Self.seeds.count >= 60 else { return }
        #expect(ended > 50 && cancelled > 10 && failed > 10 && refusedByServer > 0 && cuts > 0 && drains > 0 && compressed > 0)
    }

    @Test("a seed replays exactly")
    func seedReplays() throws {
        var first = Simulation(seed: 42)
        var second = Simulation(seed: 42)
        let reports = (try first.run(), try second.run())
        #expect(reports.0.frames == reports.1.frames)
        #expect(reports.0.outcomes == reports.1.outcomes)
        #expect(reports.0.frames > 0)
    }
}
