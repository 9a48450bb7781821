import GatewayCore
import NIOCore
import Providers
import Testing

@Suite("Upstream pool: failures", .timeLimit(.minutes(4)))
struct UpstreamFailureTests {
    /// However long a busy machine takes to close a connection, it counts as closed by its keep-alive time.
    private static let patient = UpstreamLimits(staleWindow: .minutes(2))

    /// Where nobody listens. A port that a server has left may be another test's by now; this one is given to nobody who asks for a free one.
    private static func dead(_ host: String = "127.0.0.1", limits: UpstreamLimits = UpstreamLimits()) throws -> UpstreamEndpoint {
        try UpstreamEndpoint(baseURL: "http://\(host):1", limits: limits)
    }

    @Test("a stale connection is replaced without the caller's noticing")
    func staleConnection() async throws {
        try await PoolRig.run { rig in
            // The server closes instead of answering the second request on the first connection, as one does whose keep-alive time is up.
            let server = try await rig.server([[answer("1")], [.close], [answer("2")]])
            let endpoint = try server.endpoint(limits: Self.patient)
            #expect(try await rig.call(request(endpoint, body: "first")).body == "1")
            #expect(try await rig.call(request(endpoint, body: "second")).body == "2")
            #expect(try await rig.counters == UpstreamPoolCounters(dials: 2, reuses: 1, staleRetries: 1))
            #expect(try await server.requests.dropFirst().map { $0.suffix(6) } == ["second", "second"])
        }
    }

    @Test("a stale connection may also be found by a reset")
    func staleReset() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [.reset], [answer("2")]])
            let endpoint = try server.endpoint(limits: Self.patient)
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint)).body == "2")
        }
    }

    @Test("a request goes out a second time, never a third")
    func retriesOnce() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [.close], [.close], [answer("never sent")]])
            let endpoint = try server.endpoint(limits: Self.patient)
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint)).failure == .closedBeforeAnswer(reusedConnection: false))
            #expect(try await server.requests.count == 3)
        }
    }

    @Test("a request that must not be repeated is not repeated")
    func noRetryWhereForbidden() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [.close], [answer("never sent")]])
            let endpoint = try server.endpoint(limits: Self.patient)
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint, retries: false)).failure == .closedBeforeAnswer(reusedConnection: true))
            #expect(try await server.requests.count == 2)
        }
    }

    @Test("a part of a head is an answer's beginning: no second try")
    func partialHeadIsNotStale() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [.write("HTTP/1.1 200 OK\r\nx-a"), .close], [answer("never sent")]])
            let endpoint = try server.endpoint()
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint)).failure == .closedBeforeAnswer(reusedConnection: true))
        }
    }

    @Test("a fresh connection that closes is a failure at once")
    func closedBeforeAnswer() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.close]])
            #expect(try await rig.call(request(try server.endpoint())).failure == .closedBeforeAnswer(reusedConnection: false))
            #expect(try await rig.holdsNothing)
        }
    }

    #if os(Linux)
    @Test(
        "a kept connection whose other side has vanished is known for dead, long before the first-byte timeout, and as no fault of an answer's"
    )
    func vanishedPeer() async throws {
        try await PoolRig.run { rig in
            // Before it answers: behind the answer, the next request might be quicker. What it writes still leaves it.
            let server = try await rig.server([[.vanish, answer("1")], [answer("2")]])
            var limits = UpstreamLimits()
            limits.unacknowledgedTimeout = .milliseconds(500)
            limits.staleWindow = .zero
            let endpoint = try server.endpoint(timeouts: UpstreamTimeouts(firstByte: .hours(1)), limits: limits)
            #expect(try await rig.call(request(endpoint)).body == "1")
            let failure = try await rig.call(request(endpoint)).failure
            #expect(failure == .closedBeforeAnswer(reusedConnection: true))
            #expect(failure?.isGivenUp == false)
            #expect(try await rig.call(request(endpoint)).body == "2")
            #expect(try await server.requests.count == 2)
        }
    }

    @Test("a request that the other side never acknowledged, or has no room for, is known not to have arrived when it is given up")
    func requestNotTaken() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.vanish, answer("1")], [], []])
            // The connection must still be there when a busy machine comes to the second call.
            var limits = UpstreamLimits(idleConnectionLifetime: .hours(1), maxConnectionAge: .hours(1))
            limits.acknowledgementGrace = .zero
            let endpoint = try server.endpoint(timeouts: UpstreamTimeouts(firstByte: .milliseconds(300)), limits: limits)
            #expect(try await rig.call(request(endpoint)).body == "1")
            let failure = try await rig.call(request(endpoint)).failure
            #expect(try await rig.counters.reuses == 1)
            #expect(failure == .requestNotTaken)
            #expect(failure?.isGivenUp == false)
            // One that is there and says nothing has it.
            #expect(try await rig.call(request(endpoint)).failure == .firstByteTimedOut)

            let deaf = try await rig.server([], reads: false)
                .endpoint(timeouts: UpstreamTimeouts(firstByte: .milliseconds(300)), limits: limits)
            #expect(try await rig.call(request(deaf, body: String(repeating: "x", count: 32 << 20))).failure == .requestNotTaken)
        }
    }
    #endif

    @Test("a server that never answers is given up after the first-byte timeout")
    func hangBeforeHead() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[], [.write("HTTP/1.1 100 Continue\r\n\r\n")]])
            let endpoint = try server.endpoint(timeouts: UpstreamTimeouts(firstByte: .milliseconds(30)))
            #expect(try await rig.call(request(endpoint)).failure == .firstByteTimedOut)
            try await server.waitFor(.connectionClosed)
            // A 1xx is not an answer.
            #expect(try await rig.call(request(endpoint)).failure == .firstByteTimedOut)
        }
    }

    @Test("a body that stops coming is given up after the idle timeout")
    func hangMidBody() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin")]])
            // The other deadlines are so far off that the pool's timer must be set anew for this one.
            let timeouts = UpstreamTimeouts(
                connect: .minutes(5), firstByte: .minutes(5), idle: .milliseconds(30), queue: .minutes(5))
            let answer = try await rig.call(request(try server.endpoint(timeouts: timeouts)))
            #expect(answer.status == 200)
            #expect(answer.body == "begin")
            #expect(answer.failure == .idleTimedOut)
            try await server.waitFor(.connectionClosed)
        }
    }

    @Test(
        "a cut body is no answer",
        arguments: [
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n0\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n50\r\n",
        ])
    func cutMidBody(bytes: String) async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write(bytes), .close]])
            let answer = try await rig.call(request(try server.endpoint()))
            #expect(answer.body == "begin")
            #expect(answer.failure == .closedMidBody)
            #expect(try await rig.holdsNothing)
        }
    }

    static let garbage = [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}",
        "HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx bad: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-nul: a\u{0}b\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nx-long: \(String(repeating: "a", count: 100_000))\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\(String(repeating: "a: b\r\n", count: 1000))\r\n",
    ]

    @Test("garbage is malformed, whatever kind it is", arguments: garbage)
    func malformed(bytes: String) async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write(bytes)]])
            let answer = try await rig.call(request(try server.endpoint()))
            guard case .malformedAnswer(let reason) = answer.failure else {
                Issue.record("\(String(describing: answer))")
                return
            }
            #expect(!reason.isEmpty)
            try await server.waitFor(.connectionClosed)
        }
    }

    @Test("nobody listening: the connection fails")
    func connectionRefused() async throws {
        try await PoolRig.run { rig in
            for host in ["127.0.0.1", "localhost"] {
                let endpoint = try Self.dead(host)
                guard case .connectFailed(let reason) = try await rig.call(request(endpoint)).failure else {
                    Issue.record("no connect failure")
                    return
                }
                #expect(reason.contains("refused"))
            }
            #expect(try await rig.holdsNothing)
        }
    }

    @Test("a name that does not exist: the connection fails")
    func unknownName() async throws {
        try await PoolRig.run { rig in
            let endpoint = try UpstreamEndpoint(baseURL: "http://nowhere.invalid", timeouts: UpstreamTimeouts(connect: .seconds(20)))
            let failure = try await rig.call(request(endpoint)).failure
            // Without a name server in reach it takes the time that it has.
            #expect(failure?.fault.kind == .upstreamUnreachable)
            #expect(failure?.mayHaveReachedUpstream == false)
        }
    }

    @Test("calls beyond the connections wait, calls beyond the queue are refused, and both limits hold")
    func waiterBound() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[]])
            let endpoint = try server.endpoint(limits: UpstreamLimits(maxConnections: 1, maxWaiters: 2))
            let first = try await rig.begin(request(endpoint))
            try await server.waitFor(.requestReceived)
            _ = try await rig.begin(request(endpoint))
            _ = try await rig.begin(request(endpoint))
            #expect(try await rig.call(request(endpoint)).failure == .poolExhausted)
            let statistics = try await rig.statistics
            #expect(statistics.map { [$0.open, $0.idle, $0.connecting, $0.waiting] } == [[1, 0, 0, 2]])
            #expect(try await server.acceptedConnections == 1)
            try await rig.onLoop { _ in first.value.call?.cancel() }
            // The place that the cancellation frees goes to a waiting call.
            try await server.waitFor(.requestReceived, count: 2)
            #expect(try await rig.statistics.map(\.waiting) == [1])
        }
    }

    @Test("a call does not wait for a connection for ever")
    func queueTimeout() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[]])
            let endpoint = try server.endpoint(
                timeouts: UpstreamTimeouts(connect: .milliseconds(500), queue: .milliseconds(10)),
                limits: UpstreamLimits(maxConnections: 1))
            _ = try await rig.begin(request(endpoint))
            #expect(try await rig.call(request(endpoint)).failure == .poolExhausted)
        }
    }

    @Test("every one of many calls to a dead upstream is told, once")
    func manyRefused() async throws {
        try await PoolRig.run { rig in
            let endpoint = try Self.dead(limits: UpstreamLimits(maxConnections: 3))
            let answers = try await rig.loop.flatSubmit {
                let calls = (0..<50).map { _ in
                    let recorder = AnswerRecorder(loop: rig.loop)
                    recorder.call = rig.pool.value.send(request(endpoint), receiver: recorder)
                    return recorder.whole
                }
                return EventLoopFuture.whenAllSucceed(calls, on: rig.loop)
            }.get()
            #expect(answers.allSatisfy { $0.failure?.mayHaveReachedUpstream == false })
            #expect(try await rig.counters == UpstreamPoolCounters(dials: 50, failedDials: 50))
            #expect(try await rig.holdsNothing)
        }
    }

    @Test("waiting calls are served in their order by the connections that fall free")
    func waitersAreServed() async throws {
        try await PoolRig.run { rig in
            let script = (0..<50).map { [answer("\($0)")] }
            let server = try await rig.server(script)
            let endpoint = try server.endpoint(limits: UpstreamLimits(maxConnections: 1))
            let answers = try await rig.loop.flatSubmit {
                let calls = (0..<50).map { _ in
                    let recorder = AnswerRecorder(loop: rig.loop)
                    recorder.call = rig.pool.value.send(request(endpoint), receiver: recorder)
                    return recorder.whole
                }
                return EventLoopFuture.whenAllSucceed(calls, on: rig.loop)
            }.get()
            #expect(answers.map(\.body) == (0..<50).map(String.init))
            #expect(try await server.acceptedConnections == 1)
        }
    }
}
