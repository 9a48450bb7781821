import Foundation
import GatewayCore
import NIOCore
import ProcessSupport
import Testing

@testable import RedisStore

@Suite("Redis in trouble", .timeLimit(.minutes(4)))
struct FaultTests {
    @Test("a server that is stopped: commands end at their deadline, late replies meet nobody, then all goes on")
    func paused() async throws {
        try await RedisRig.run { server, rig async throws in
            _ = try await rig.send("SET", "a", "first")
            server.process.kill(SIGSTOP)
            #expect(try await rig.failure(of: "GET", "a", timeout: .milliseconds(50)) == .deadlineExceeded(wasSent: true))
            #expect(try await rig.failure(of: "SET", "a", "second", timeout: .milliseconds(50)) == .deadlineExceeded(wasSent: true))
            server.process.kill(SIGCONT)
            #expect(try await rig.send("GET", "a").string == "second")
        }
    }

    @Test("a server that says nothing for long is given up, and connected to anew")
    func silent() async throws {
        try await RedisRig.run(change: {
            $0.limits.silenceTimeout = .seconds(2)
            $0.limits.breaker.maxFailures = 1_000
        }) { server, rig async throws in
            let before = try await rig.send("CLIENT", "ID").integer
            server.process.kill(SIGSTOP)
            #expect(try await rig.failure(of: "PING", timeout: .milliseconds(20)) == .deadlineExceeded(wasSent: true))
            // The next is on the old connection, which ends under it, or waits for the new one.
            try await rig.eventually("the old connection is given up") {
                try await rig.failure(of: "PING", timeout: .milliseconds(100)) == .deadlineExceeded(wasSent: false)
            }
            server.process.kill(SIGCONT)
            try await rig.eventually("a new connection") {
                guard try await rig.failure(of: "PING", timeout: .seconds(5)) == nil else { return false }
                return try await rig.send("CLIENT", "ID").integer != before
            }
        }
    }

    @Test("attempts to connect to a server that is stopped end one another, and none is left over when it goes on")
    func stoppedFromTheStart() async throws {
        try await RedisServer.run { server in
            server.process.kill(SIGSTOP)
            var options = server.options
            options.limits.connectTimeout = .milliseconds(50)
            options.limits.breaker.maxFailures = 1_000
            try await RedisRig.run(options) { rig in
                for _ in 0..<5 {
                    let failure = try await rig.failure(of: "PING", timeout: .milliseconds(100))
                    #expect(failure == .deadlineExceeded(wasSent: false))
                }
                server.process.kill(SIGCONT)
                try await rig.eventually("one connection is left") {
                    let list = try? await rig.send("CLIENT", "LIST", timeout: .seconds(2)).string
                    return list?.split(separator: "\n").count == 1
                }
            }
        }
    }

    @Test("a connection that the server closes while nothing is asked is made anew, and nobody notices")
    func closedIdle() async throws {
        try await RedisRig.run { server, rig async throws in
            let before = try #require(try await rig.send("CLIENT", "ID").integer)
            try await RedisRig.run(server.options) { other async throws in
                #expect(try await other.send("CLIENT", "KILL", "ID", String(before)).integer == 1)
            }
            try await rig.eventually("another connection answers") {
                do {
                    return try await rig.send("CLIENT", "ID").integer != before
                } catch RedisFailure.connectionLost(wasSent: true) {
                    // Sent before the loop had seen the end.
                    return false
                }
            }
        }
    }

    @Test("CLIENT PAUSE: slow is told as a deadline too")
    func clientPause() async throws {
        try await RedisRig.run(change: { $0.limits.silenceTimeout = .seconds(60) }) { _, rig async throws in
            #expect(try await rig.send("CLIENT", "PAUSE", "6000", "ALL").isOK)
            #expect(try await rig.failure(of: "GET", "a", timeout: .milliseconds(500)) == .deadlineExceeded(wasSent: true))
            #expect(try await rig.send("PING").string == "PONG")
        }
    }

    @Test("a killed server: what was sent is told as lost, what waits ends at its deadline, and its successor is found")
    func killed() async throws {
        let port = try FreePort.find()
        let options = RedisOptions(address: RedisAddress(host: "127.0.0.1", port: port))
        try await RedisRig.run(options) { rig async throws in
            try await RedisServer.run(port: port) { server async throws in
                #expect(try await rig.send("PING").string == "PONG")
                async let lost = rig.failure(of: "BLPOP", "nothing", "0")
                try await RedisRig.run(options) { other async throws in
                    try await other.eventually("the command is blocked") {
                        try await other.send("INFO", "clients").string?.contains("blocked_clients:1") == true
                    }
                }
                server.process.kill(SIGKILL)
                #expect(try await lost == .connectionLost(wasSent: true))
            }
            let waiting = try await rig.failure(of: "PING", timeout: .milliseconds(100))
            #expect(waiting == .deadlineExceeded(wasSent: false) || waiting == .refused(.breakerOpen))
            try await rig.eventually("the breaker opens") {
                try await rig.failure(of: "PING", timeout: .milliseconds(20)) == .refused(.breakerOpen)
            }
            try await RedisServer.run(port: port) { _ async throws in
                try await rig.eventually("the successor answers") { try await rig.failure(of: "PING", timeout: .milliseconds(500)) == nil }
            }
        }
    }

    @Test("while there is no server, as many commands wait as may, and the others are told")
    func queue() async throws {
        let options = RedisOptions(address: RedisAddress(host: "127.0.0.1", port: try FreePort.find()))
        var changed = options
        changed.limits.maxQueued = 2
        changed.limits.breaker.maxFailures = 1_000
        try await RedisRig.run(changed) { rig async throws in
            let results = try await rig.results(of: Array(repeating: RedisCommand("PING"), count: 3), timeout: .milliseconds(100))
            #expect(failures(results) == [.deadlineExceeded(wasSent: false), .deadlineExceeded(wasSent: false), .refused(.queueFull)])
        }
    }

    @Test("too many commands without an answer are refused, and taken again when answers came")
    func outstanding() async throws {
        try await RedisRig.run(change: { $0.limits.maxOutstanding = 3 }) { _, rig async throws in
            _ = try await rig.send("PING")
            let results = try await rig.results(of: Array(repeating: RedisCommand("PING"), count: 4))
            #expect(failures(results) == [nil, nil, .refused(.tooManyOutstanding), .refused(.tooManyOutstanding)])
            #expect(try await rig.send("PING").string == "PONG")
            let large = RedisCommand("SET", "a", String(repeating: "x", count: 8 << 20))
            #expect(try await rig.failure(of: large) == .refused(.commandTooLarge))
        }
    }

    @Test("a replica takes no writes, and one without its primary says so")
    func replica() async throws {
        let nobody = String(try FreePort.find())
        try await RedisRig.run(server: ["--replicaof", "127.0.0.1", nobody]) { _, rig async throws in
            #expect(try await rig.failure(of: "SET", "a", "1")?.serverKind == .readOnly)
            #expect(try await rig.send("GET", "a").isNull)
            #expect(try await rig.send("CONFIG", "SET", "replica-serve-stale-data", "no").isOK)
            #expect(try await rig.failure(of: "GET", "a")?.serverKind == .primaryDown)
        }
    }

    @Test("a full server refuses writes; reads go on")
    func full() async throws {
        try await RedisRig.run(server: ["--maxmemory", "1"]) { _, rig async throws in
            let failure = try await rig.failure(of: "SET", "a", "1")
            #expect(failure?.serverKind == .outOfMemory)
            #expect(failure?.mayHaveRun == false)
            #expect(try await rig.send("GET", "a").isNull)
        }
    }

    @Test("too few replicas: writes are stopped")
    func writesStopped() async throws {
        try await RedisRig.run(server: ["--min-replicas-to-write", "1"]) { _, rig async throws in
            #expect(try await rig.failure(of: "SET", "a", "1")?.serverKind == .writesStopped)
        }
    }

    @Test("scripts that were flushed are brought again, with the same call")
    func flushed() async throws {
        try await RedisRig.run { _, rig async throws in
            let script = RedisScript("return {KEYS[1], ARGV[1], 7}", sha1: "1c0a6fbc1b7b5e3e0b5b8a3b1f5c6d0e6f7a8b90")
            let known = try #require(try await rig.send("SCRIPT", "LOAD", script.text).string)
            let key = RedisKey.rate(tenant: "t", .tenant, .requests)
            var command = RedisCommand(RedisScript(script.text, sha1: known), keyCount: 1)
            command.append(key)
            command.append("x")
            for _ in 0..<2 {
                let answer = try #require(try await rig.send(command).elements)
                #expect(answer.map { $0.string ?? "\($0.integer ?? 0)" } == [key.name, "x", "7"])
                #expect(try await rig.send("SCRIPT", "FLUSH").isOK)
            }
        }
    }

    @Test("a script that runs on makes the server busy for all, until it is killed")
    func busy() async throws {
        try await RedisRig.run(server: ["--busy-reply-threshold", "20"]) { server, rig async throws in
            async let endless = rig.failure(of: "EVAL", "while true do end", "0")
            try await RedisRig.run(server.options) { other async throws in
                try await other.eventually("the script runs") { try await other.failure(of: "GET", "a")?.serverKind == .busy }
                #expect(try await other.send("SCRIPT", "KILL").isOK)
            }
            #expect(try await endless?.serverKind == .other)
            #expect(try await rig.send("PING").string == "PONG")
        }
    }

    @Test("a connection cut in the middle of a reply loses the command, and the next is made")
    func cut() async throws {
        try await ScriptedRedis.run([[.write("+OK\r\n")], [.write("*2\r\n$5\r\nab"), .close]]) { server async throws in
            try await RedisRig.run(RedisOptions(address: RedisAddress(host: "127.0.0.1", port: server.port))) { rig async throws in
                for _ in 0..<2 {
                    #expect(try await rig.failure(of: "GET", "a") == .connectionLost(wasSent: true))
                }
            }
        }
    }

    @Test(
        "answers that are none end the connection and every command on it",
        arguments: ["HTTP/1.1 400 Bad Request\r\n", ":1\r\n:2\r\n:3\r\n:4\r\n", "*99999999\r\n"])
    func garbage(text: String) async throws {
        try await ScriptedRedis.run([[.write("+OK\r\n")], [], [.write(text)]]) { server async throws in
            try await RedisRig.run(RedisOptions(address: RedisAddress(host: "127.0.0.1", port: server.port))) { rig async throws in
                let results = failures(try await rig.results(of: [RedisCommand("GET", "a"), RedisCommand("GET", "b")]))
                #expect(results.allSatisfy { $0 == .protocolViolated || $0 == nil })
                #expect(results.contains(.protocolViolated) || text.hasPrefix(":"))
            }
        }
    }

    @Test("a server that is still loading is left alone after a while")
    func loading() async throws {
        let script: [[ScriptedRedis.Step]] = [[.write("+OK\r\n")]] + Array(repeating: [.write("-LOADING Redis is loading\r\n")], count: 5)
        try await ScriptedRedis.run(script) { server async throws in
            try await RedisRig.run(RedisOptions(address: RedisAddress(host: "127.0.0.1", port: server.port))) { rig async throws in
                for _ in 0..<5 {
                    #expect(try await rig.failure(of: "GET", "a")?.serverKind == .loading)
                }
                #expect(try await rig.failure(of: "GET", "a") == .refused(.breakerOpen))
            }
        }
    }

    @Test("closing tells every command that is under way")
    func closed() async throws {
        try await RedisRig.run { _, rig async throws in
            _ = try await rig.send("PING")
            async let blocked = rig.failure(of: "BLPOP", "nothing", "0")
            try await rig.loop.scheduleTask(in: .milliseconds(20)) { rig.client.value.close() }.futureResult.get()
            let failure = try await blocked
            #expect(failure == .connectionLost(wasSent: true) || failure == .refused(.closed))
            #expect(try await rig.failure(of: "PING") == .refused(.closed))
        }
    }

    private func failures(_ results: [Result<RedisReply, any Error>]) -> [RedisFailure?] {
        results.map { result in
            if case .failure(let error) = result { error as? RedisFailure } else { nil }
        }
    }
}
