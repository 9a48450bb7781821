import Foundation
import GatewayCore
import NIOCore
import NIOPosix
import ProcessSupport
import Testing

@testable import RedisStore

enum MultiThreadedEventLoops {
    static func next() -> any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }
}

@Suite("A Redis cluster", .timeLimit(.minutes(4)))
struct ClusterTests {
    struct Node {
        var id: String
        var port: Int
        var busPort: Int
        var slots: ClosedRange<Int>
    }

    /// Three primaries that know one another from their first moment.
    private func withCluster(_ body: ([RedisServer]) async throws -> Void) async throws {
        let nodes = try [0...5_460, 5_461...10_922, 10_923...16_383].enumerated().map { index, slots in
            Node(
                id: String(repeating: "\(index + 1)", count: 40), port: try FreePort.find(), busPort: try FreePort.find(), slots: slots)
        }
        try await start(nodes[...], of: nodes, started: [], body)
    }

    private func start(
        _ rest: ArraySlice<Node>, of nodes: [Node], started: [RedisServer], _ body: ([RedisServer]) async throws -> Void
    ) async throws {
        guard let node = rest.first else { return try await body(started) }
        let lines = nodes.enumerated().map { index, other in
            let flags = other.id == node.id ? "myself,master" : "master"
            return
                "\(other.id) 127.0.0.1:\(other.port)@\(other.busPort) \(flags) - 0 0 \(index + 1) connected \(other.slots.lowerBound)-\(other.slots.upperBound)"
        }
        let file = (lines + ["vars currentEpoch 3 lastVoteEpoch 0", ""]).joined(separator: "\n")
        let arguments = [
            "--cluster-enabled", "yes", "--cluster-port", String(node.busPort), "--cluster-node-timeout", "5000",
            "--cluster-require-full-coverage", "no",
        ]
        try await RedisServer.run(
            port: node.port, arguments,
            prepare: {
                try Data(file.utf8).write(to: $0.appendingPathComponent("nodes.conf"))
            }
        ) { server async throws in
            try await start(rest.dropFirst(), of: nodes, started: started + [server], body)
        }
    }

    private func key(at node: Int, another: Bool = false) -> RedisKey {
        let bounds = [0...5_460, 5_461...10_922, 10_923...16_383]
        let tenants = (0..<1_000).lazy.map { RedisKey.rate(tenant: "t\($0)", .tenant, .requests) }
        let here = tenants.filter { bounds[node].contains(Int($0.slot)) }
        let first = here.first ?? .rate(tenant: "", .tenant, .requests)
        return another ? here.first { $0.slot != first.slot } ?? first : first
    }

    @Test("commands and scripts find their node; a slot on the move is followed by ASK; one that has moved is learnt")
    func redirections() async throws {
        try await withCluster { servers async throws in
            try await RedisRig.run(servers[0].options) { rig async throws in
                for node in 0..<3 {
                    try await rig.eventually("the cluster is up") {
                        try await rig.failure(of: RedisCommand("SET", key: key(at: node), "\(node)"), timeout: .seconds(2)) == nil
                    }
                    #expect(try await rig.send(RedisCommand("GET", key: key(at: node))).string == "\(node)")
                }
                #expect(try await rig.loop.submit { rig.client.value.knownNodes }.get() == 3)

                // A script goes the same way, and its text follows it to a node that has never seen it.
                var script = RedisCommand(
                    RedisScript("return redis.call('GET', KEYS[1])", sha1: String(repeating: "0", count: 40)), keyCount: 1)
                script.append(key(at: 2))
                #expect(try await rig.send(script).string == "2")

                try await move(rig, servers)

                // Without a replica a node's slots are gone with it; the others go on.
                servers[1].process.kill(SIGKILL)
                #expect(await servers[1].process.waitForExit() != nil)
                let gone = RedisCommand("GET", key: key(at: 1, another: true))
                try await rig.eventually("the loss is seen") { try await rig.failure(of: gone, timeout: .milliseconds(100)) != nil }
                #expect(try await rig.send(RedisCommand("GET", key: key(at: 0))).string == "0")
                #expect(try await rig.send(RedisCommand("GET", key: key(at: 2))).string == "2")
            }
        }
    }

    /// Moves the slot of node 1's key to node 2, with a stop half way.
    private func move(_ rig: RedisRig, _ servers: [RedisServer]) async throws {
        let moving = key(at: 1)
        let slot = String(moving.slot)
        func ask(_ node: Int, _ words: String...) async throws {
            let address = RedisAddress(host: "127.0.0.1", port: servers[node].port)
            let reply = try await rig.loop.flatSubmit {
                rig.client.value.send(RedisCommand(words), to: address, timeout: .seconds(20))
            }.get()
            #expect(reply.value.isOK || reply.value.integer != nil)
        }
        let ids = (1...3).map { String(repeating: "\($0)", count: 40) }
        try await ask(2, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[1])
        try await ask(1, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[2])
        try await ask(1, "DEL", moving.name)
        #expect(try await rig.send(RedisCommand("SET", key: moving, "half way")).isOK)
        #expect(try await rig.send(RedisCommand("GET", key: moving)).string == "half way")
        for node in [2, 1, 0] { try await ask(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[2]) }
        #expect(try await rig.send(RedisCommand("GET", key: moving)).string == "half way")
        #expect(try await RedisRig.run(servers[0].options) { try await $0.send(RedisCommand("GET", key: moving)).string } == "half way")
    }

    @Test("a slot that nobody serves is told as such")
    func uncovered() async throws {
        try await RedisServer.run(["--cluster-enabled", "yes", "--cluster-port", String(FreePort.find())]) { server async throws in
            try await RedisRig.run(server.options) { rig async throws in
                let failure = try await rig.failure(of: RedisCommand("GET", key: key(at: 0)))
                #expect(failure?.serverKind == .clusterDown)
            }
        }
    }

    @Test("redirections without end are given up")
    func endless() async throws {
        // The server points at itself; each try after the first is two commands, ASKING and the command.
        let script: [[ScriptedRedis.Step]] =
            [[.write("+OK\r\n")], [.writeWithOwnPort("-ASK 1 :")]]
            + Array(repeating: [[.write("+OK\r\n")], [.writeWithOwnPort("-ASK 1 :")]], count: 6).flatMap(\.self)
        try await ScriptedRedis.run(script) { server async throws in
            try await RedisRig.run(RedisOptions(address: RedisAddress(host: "127.0.0.1", port: server.port))) { rig async throws in
                #expect(try await rig.failure(of: "GET", "a") == .tooManyRedirections)
            }
        }
    }
}
