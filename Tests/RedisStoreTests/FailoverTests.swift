import GatewayCore
import NIOCore
import Testing

@testable import RedisStore

@Suite("Redis while another server takes over", .timeLimit(.minutes(4)))
struct FailoverTests {
    private func admission() -> RedisCommand {
        let limit = RateLimit(permits: 1_000_000, periodNanoseconds: 60_000_000_000)
        var command = RedisCommand([])
        RedisAdmission(
            rates: [.init(key: .rate(tenant: "t", .tenant, .requests), demand: RateDemand(limit: limit))], caps: [], holder: ""
        ).encode(into: &command)
        return command
    }

    @Test(
        "a server that became a replica refuses writes, its connection is made anew in case the name leads elsewhere, and once it is promoted all goes on"
    )
    func promotion() async throws {
        try await RedisRig.run { server, rig async throws in
            #expect(try await rig.send(admission()).elements?.first { _ in true }?.integer == 1)
            let before = try #require(try await rig.send("CLIENT", "ID").integer)
            #expect(try await rig.send("REPLICAOF", "127.0.0.1", "1").isOK)
            let failure = try await rig.failure(of: admission())
            #expect(failure?.serverKind == .readOnly && failure?.mayHaveRun == false)
            // A connection of five seconds is old enough to be made anew.
            try await rig.eventually("a new connection") {
                switch try await rig.failure(of: admission()) {
                case .server(let error)?: #expect(error.kind == .readOnly)
                case .connectionLost?, .refused(.breakerOpen)?: break
                case let other: Issue.record("\(String(describing: other))")
                }
                return try await rig.send("CLIENT", "ID").integer != before
            }
            #expect(try await rig.send("REPLICAOF", "NO", "ONE").isOK)
            #expect(try await rig.send(admission()).elements?.first { _ in true }?.integer == 1)
        }
    }

    @Test("keys that are on two nodes at the moment are the caller's to ask for again: nothing was done")
    func tryAgain() async throws {
        let script: [[ScriptedRedis.Step]] = [
            [.write("+OK\r\n")], [.write("-TRYAGAIN Multiple keys request during rehashing of slot\r\n")],
        ]
        try await ScriptedRedis.run(script) { server async throws in
            try await RedisRig.run(RedisOptions(address: RedisAddress(host: "127.0.0.1", port: server.port))) { rig async throws in
                let failure = try await rig.failure(of: admission())
                #expect(failure?.serverKind == .tryAgain && failure?.mayHaveRun == false)
                guard case .server(let error) = failure else { return }
                #expect(error.retry == .later)
                #expect(try await rig.breaker == .closed(failures: 0, slow: 0))
            }
        }
    }
}
