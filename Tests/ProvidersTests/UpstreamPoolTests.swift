import NIOCore
import NIOHTTP1
import Providers
import Testing

@Suite("Upstream pool: connections", .timeLimit(.minutes(4)))
struct UpstreamPoolTests {
    @Test("a request goes out whole and its answer comes back whole")
    func oneExchange() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("hello", head: "x-request-id: 7\r\n")]])
            var request = request(try server.endpoint(basePath: "/base"), body: #"{"model":"m"}"#)
            try request.headers.add("Authorization", "Bearer secret")
            let answer = try await rig.call(request)
            #expect(answer == Answer(status: 200, headers: ["x-request-id": "7", "content-length": "5"], body: "hello"))
            #expect(
                try await server.requests == [
                    "POST /base/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:\(server.port)\r\ncontent-length: 13\r\n"
                        + "authorization: Bearer secret\r\n\r\n{\"model\":\"m\"}"
                ])
        }
    }

    @Test("requests one after another share a connection")
    func keepAlive() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [answer("2")], [answer("3")]])
            let endpoint = try server.endpoint()
            for number in 1...3 {
                #expect(try await rig.call(request(endpoint)).body == "\(number)")
            }
            #expect(try await server.acceptedConnections == 1)
            #expect(try await rig.counters == UpstreamPoolCounters(dials: 1, reuses: 2))
        }
    }

    @Test(
        "as many idle connections as are wanted are kept open, made again when the server closes them, and let go of when they are not wanted any more"
    )
    func warm() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1", head: "connection: close\r\n")]])
            var limits = UpstreamLimits(idleConnectionLifetime: .milliseconds(1))
            limits.warmConnections = 2
            let endpoint = try server.endpoint(limits: limits)
            try await rig.onLoop { $0.keepWarm([endpoint]) }
            try await rig.until { $0.statistics.first?.idle == 2 }
            #expect(try await rig.counters == UpstreamPoolCounters(dials: 2))
            #expect(try await rig.call(request(endpoint)).body == "1")
            try await rig.until { $0.statistics.first?.idle == 2 && $0.counters.reuses == 1 && $0.counters.dials == 3 }
            try await rig.onLoop { $0.keepWarm([]) }
            try await rig.until { $0.statistics.isEmpty }
        }
    }

    @Test("an upstream that cannot be reached is asked for warm connections now and then, and calls of it fail as ever")
    func cold() async throws {
        try await PoolRig.run { rig in
            var limits = UpstreamLimits()
            limits.warmConnections = 2
            let endpoint = try UpstreamEndpoint(baseURL: "http://127.0.0.1:1", limits: limits)
            try await rig.onLoop { $0.keepWarm([endpoint]) }
            try await rig.until { $0.counters.failedDials >= 2 }
            guard case .connectFailed = try await rig.call(request(endpoint)).failure else {
                Issue.record("it was reached")
                return
            }
            try await rig.until { $0.counters.failedDials >= 5 }
            try await rig.onLoop { $0.shutDown() }
        }
    }

    @Test("a call sent from the end of another takes over its connection")
    func reuseInsideCallback() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("first")], [answer("second")]])
            let endpoint = try server.endpoint()
            let second = try await rig.loop.flatSubmit {
                let chain = ChainingReceiver(pool: rig.pool.value, next: request(endpoint))
                _ = rig.pool.value.send(request(endpoint), receiver: chain)
                return chain.second.whole
            }.get()
            #expect(second.body == "second")
            #expect(try await server.acceptedConnections == 1)
        }
    }

    @Test("connection: close is honoured", arguments: ["connection: close\r\n", "Connection: Close\r\n"])
    func connectionClose(header: String) async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1", head: header)], [answer("2")]])
            let endpoint = try server.endpoint()
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint)).body == "2")
            #expect(try await server.acceptedConnections == 2)
        }
    }

    @Test("a body may end with the connection, and HTTP/1.0 does not keep one")
    func bodyUntilClose() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([
                [.write("HTTP/1.0 200 OK\r\n\r\nold"), .close],
                [.write("HTTP/1.1 200 OK\r\n\r\nwhole"), .close],
            ])
            let endpoint = try server.endpoint()
            #expect(try await rig.call(request(endpoint)).body == "old")
            let answer = try await rig.call(request(endpoint))
            #expect(answer.body == "whole")
            #expect(answer.failure == nil)
        }
    }

    @Test("a reset does not end a body that runs until the connection's end")
    func resetIsNoEnd() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\n\r\npart"), .reset]])
            #expect(try await rig.call(request(try server.endpoint())).failure != nil)
        }
    }

    @Test("1xx answers are skipped")
    func informational() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([
                [.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"), answer("real")]
            ])
            let answer = try await rig.call(request(try server.endpoint()))
            #expect(answer.body == "real")
            #expect(answer.headers["link"] == nil)
        }
    }

    @Test("an unused connection is closed after its time")
    func idleConnectionCloses() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")]])
            let endpoint = try server.endpoint(limits: UpstreamLimits(idleConnectionLifetime: .milliseconds(20)))
            #expect(try await rig.call(request(endpoint)).body == "1")
            try await server.waitFor(.connectionClosed)
            try await rig.until { $0.statistics.isEmpty }
        }
    }

    @Test("a connection that is too old takes no further request")
    func oldConnection() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [answer("2")]])
            let endpoint = try server.endpoint(limits: UpstreamLimits(maxConnectionAge: .nanoseconds(1)))
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint)).body == "2")
            #expect(try await server.acceptedConnections == 2)
            #expect(try await rig.counters == UpstreamPoolCounters(dials: 2, reuses: 0))
        }
    }

    @Test("one that is old before it was idle for long closes at that age")
    func oldIdleConnection() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")]])
            let endpoint = try server.endpoint(
                limits: UpstreamLimits(idleConnectionLifetime: .hours(1), maxConnectionAge: .milliseconds(300)))
            #expect(try await rig.call(request(endpoint)).body == "1")
            try await server.waitFor(.connectionClosed)
            try await rig.until { $0.statistics.isEmpty }
        }
    }

    @Test("bytes after an answer cost the connection and reach no other request")
    func surplusBytes() async throws {
        try await PoolRig.run { rig in
            let surplus = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
            let server = try await rig.server([
                [.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood" + surplus)], [answer("good too")],
            ])
            let endpoint = try server.endpoint()
            #expect(try await rig.call(request(endpoint)).body == "good")
            #expect(try await rig.call(request(endpoint)).body == "good too")
            #expect(try await server.acceptedConnections == 2)
        }
    }

    @Test("a large request body is sent whole")
    func largeBody() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("taken")]])
            let body = String(repeating: "0123456789abcdef", count: 256 * 1024)
            #expect(try await rig.call(request(try server.endpoint(), body: body)).body == "taken")
            let received = try await server.requests.first ?? ""
            #expect(received.hasSuffix(body))
        }
    }

    @Test("after shut-down no connection is kept, and calls still work")
    func shutDown() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [answer("2")], [answer("3")]])
            let endpoint = try server.endpoint()
            #expect(try await rig.call(request(endpoint)).body == "1")
            try await rig.onLoop { $0.shutDown() }
            try await server.waitFor(.connectionClosed)
            #expect(try await rig.call(request(endpoint)).body == "2")
            try await server.waitFor(.connectionClosed, count: 2)
            #expect(try await rig.call(request(endpoint)).body == "3")
            #expect(try await server.acceptedConnections == 3)
        }
    }
}

/// Sends a second request when the first has ended.
private final class ChainingReceiver: UpstreamReceiver {
    let second: AnswerRecorder
    private let pool: UpstreamPool
    private let next: UpstreamRequest

    init(pool: UpstreamPool, next: UpstreamRequest) {
        self.pool = pool
        self.next = next
        second = AnswerRecorder(loop: pool.eventLoop)
    }

    func upstreamHeadReceived(status: Int, headers: HTTPHeaders) {}
    func upstreamBodyReceived(_ bytes: ByteBuffer) {}
    func upstreamFailed(_ failure: UpstreamFailure) {}

    func upstreamEnded() {
        second.call = pool.send(next, receiver: second)
    }
}
