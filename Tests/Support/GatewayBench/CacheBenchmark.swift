import Foundation
import NIOCore

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// What the cache of answers costs and saves: in the gateway's memory and in Redis, by both doors.
extension Benchmark {
    /// An agent's work: so many conversations of so many turns, again and again.
    private static let conversations = LoadPlan.Prompts.conversations(100, turns: 10)

    func cacheRows(_ provider: ProviderServer) async throws -> [BenchReport.Row] {
        var rows: [BenchReport.Row] = []
        for (place, redis) in [("in memory", nil), ("in Redis", try RedisServer(folders))] {
            defer { redis?.process.stop() }
            let gateway = try GatewayServer(folders, provider: provider, redis: redis, countsAllocations: false)
            defer { gateway.process.stop() }
            for (name, door, port) in [("wire", LoadTarget.Door.wire, gateway.tlsPort), ("HTTP", .http, gateway.httpPort)] {
                let target = LoadTarget(door: door, port: port, credential: gateway.key)
                let way = "AgentShield, \(name), cache \(place)"
                for (load, prompts) in [("miss", LoadPlan.Prompts.unique), ("hit", .same)] {
                    rows.append(
                        try await cacheRow("\(way): \(load)", "\(Self.inFlight) in flight", target, .closed, prompts, gateway, provider))
                }
                rows.append(
                    try await cacheRow(
                        "\(way): agents' conversations", "\(Self.perSecond)/s", target, .open(perSecond: Self.perSecond),
                        Self.conversations, gateway, provider))
            }
        }
        return rows
    }

    private func cacheRow(
        _ name: String, _ load: String, _ target: LoadTarget, _ pace: LoadPlan.Pace, _ prompts: LoadPlan.Prompts,
        _ gateway: GatewayServer, _ provider: ProviderServer
    ) async throws -> BenchReport.Row {
        progress("\(name), \(load)")
        let before = try await provider.requests()
        let result = try await LoadRun.run(
            LoadPlan(
                target: target, model: "memo", prompts: prompts,
                tls: target.door == .http ? nil : try LoadConnector.context(for: target.door),
                isStreamed: false, pace: pace, inFlight: Self.inFlight, warmUp: extent.warmUp, duration: extent.measured,
                probe: gateway.probe), on: loop)
        let calls = try await provider.requests() - before
        return BenchReport.Row(
            name: name, load: load, answered: result.answered, failed: result.failed, requestsPerSecond: result.perSecond,
            cpuMicroseconds: result.cpuMicrosecondsPerRequest,
            hitRate: result.sent > 0 ? max(0, 1 - Double(calls) / Double(result.sent)) : nil,
            p50Microseconds: result.latencyMicroseconds(0.5), p99Microseconds: result.latencyMicroseconds(0.99))
    }
}

extension ProviderServer {
    /// How many it was asked so far.
    fileprivate func requests() async throws -> Int {
        let url = URL(string: "http://127.0.0.1:\(port)/_stats")
        guard let url else { throw BenchFailure(description: "the provider has no address") }
        let figures = try JSONSerialization.jsonObject(with: try Data(contentsOf: url)) as? [String: Any]
        guard let requests = figures?["requests"] as? Int else { throw BenchFailure(description: "the provider tells no figures") }
        return requests
    }
}
