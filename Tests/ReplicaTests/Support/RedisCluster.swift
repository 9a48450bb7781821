import Foundation
import ProcessSupport
import RedisStore

/// Three primaries of a Redis cluster that know one another from their first moment.
struct RedisCluster {
    static let slots = [0...5_460, 5_461...10_922, 10_923...16_383]

    private(set) var nodes: [RedisProcess] = []

    static func run(_ body: (RedisCluster) async throws -> Void) async throws {
        let ports = try slots.map { _ in (try FreePort.find(), try FreePort.find()) }
        try await start(ports, RedisCluster(), body)
    }

    private static func start(
        _ ports: [(port: Int, bus: Int)], _ cluster: RedisCluster, _ body: (RedisCluster) async throws -> Void
    ) async throws {
        let index = cluster.nodes.count
        guard index < ports.count else { return try await body(cluster) }
        let lines = ports.enumerated().map { other, place in
            let id = String(repeating: "\(other + 1)", count: 40)
            let flags = other == index ? "myself,master" : "master"
            let range = "\(slots[other].lowerBound)-\(slots[other].upperBound)"
            return "\(id) 127.0.0.1:\(place.port)@\(place.bus) \(flags) - 0 0 \(other + 1) connected \(range)"
        }
        let file = (lines + ["vars currentEpoch 3 lastVoteEpoch 0", ""]).joined(separator: "\n")
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", String(ports[index].bus), "--cluster-node-timeout", "15000"]
        try await RedisProcess.run(
            port: ports[index].port, arguments, prepare: { try Data(file.utf8).write(to: $0.appendingPathComponent("nodes.conf")) }
        ) { node in
            var cluster = cluster
            cluster.nodes.append(node)
            try await start(ports, cluster, body)
        }
    }

    /// Which node keeps a tenant's state.
    static func node(of tenant: String) -> Int? {
        let slot = Int(RedisSlot.of("{b\(RedisKey.bucket(of: tenant))}"))
        return slots.firstIndex { $0.contains(slot) }
    }
}
