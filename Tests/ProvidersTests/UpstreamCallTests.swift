import NIOCore
import Providers
import Testing

@Suite("Upstream pool: cancelling and pausing", .timeLimit(.minutes(4)))
struct UpstreamCallTests {
    @Test("cancelling before the answer closes the socket at once and nothing is delivered")
    func cancelBeforeAnswer() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[]])
            let recorder = try await rig.begin(request(try server.endpoint()))
            try await server.waitFor(.requestReceived)
            try await rig.onLoop { _ in recorder.value.call?.cancel() }
            try await server.waitFor(.connectionClosed)
            #expect(try await rig.holdsNothing)
            #expect(try await rig.state(of: recorder).calls == 0)
        }
    }

    @Test("cancelling over TLS does not wait for the peer's goodbye")
    func cancelOverTLS() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[]], certificate: TestCertificates.localhost)
            let endpoint = try server.endpoint(host: "localhost", tls: try trustingTLS())
            let recorder = try await rig.begin(request(endpoint))
            try await server.waitFor(.requestReceived)
            // The socket is closed, and the pool's account of it, before `cancel` returns.
            let isOpen = try await rig.onLoop { pool in
                recorder.value.call?.cancel()
                return !pool.statistics.isEmpty
            }
            #expect(!isOpen)
            try await server.waitFor(.connectionClosed)
        }
    }

    @Test("cancelling from inside a delivery is the last that is heard")
    func cancelMidBody() async throws {
        try await PoolRig.run { rig in
            let chunks = String(repeating: "1\r\nx\r\n", count: 1000)
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")]])
            let recorder = try await rig.begin(request(try server.endpoint())) { recorder in
                recorder.onBody = { [unowned recorder] in
                    recorder.call?.cancel()
                    recorder.giveUp()
                }
            }
            #expect(try await rig.loop.flatSubmit { recorder.value.whole }.get().body == "x")
            try await server.waitFor(.connectionClosed)
            #expect(try await rig.state(of: recorder).calls == 2)
        }
    }

    @Test("a waiting call that is cancelled leaves the queue")
    func cancelWhileWaiting() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[]])
            let endpoint = try server.endpoint(limits: UpstreamLimits(maxConnections: 1))
            _ = try await rig.begin(request(endpoint))
            try await server.waitFor(.requestReceived)
            let waiting = try await rig.begin(request(endpoint))
            let counts = try await rig.onLoop { pool in
                let before = pool.statistics.map(\.waiting)
                waiting.value.call?.cancel()
                waiting.value.call?.cancel()
                return before + pool.statistics.map(\.waiting)
            }
            #expect(counts == [1, 0])
        }
    }

    @Test("a thousand cancelled calls leave nothing behind")
    func manyCancelled() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([])
            let endpoint = try server.endpoint(limits: UpstreamLimits(maxConnections: 50))
            for _ in 0..<20 {
                let recorders = try await rig.onLoop { pool in
                    let recorders = (0..<50).map { _ in AnswerRecorder(loop: rig.loop) }
                    for recorder in recorders {
                        recorder.call = pool.send(request(endpoint), receiver: recorder)
                    }
                    return NIOLoopBound(recorders, eventLoop: rig.loop)
                }
                try await rig.until { pool in pool.statistics.allSatisfy { $0.connecting == 0 } }
                try await rig.onLoop { _ in recorders.value.forEach { $0.call?.cancel() } }
            }
            try await rig.until { $0.statistics.isEmpty }
            #expect(try await rig.holdsNothing)
        }
    }

    @Test("a paused call makes the upstream wait, and loses nothing")
    func pauseStopsReading() async throws {
        let size = 64 * 1024 * 1024
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ncontent-length: \(size)\r\n\r\n"), .writeFiller(bytes: size)]])
            let recorder = try await rig.begin(request(try server.endpoint())) { recorder in
                recorder.keepsBody = false
                recorder.onHead = { [unowned recorder] in recorder.call?.pauseReading() }
            }
            try await rig.loop.flatSubmit { recorder.value.head }.get()
            try await server.waitFor(.writerBlocked)
            #expect(try await rig.state(of: recorder).bodyBytes == 0)
            #expect(try await !rig.state(of: recorder).isOver)
            try await rig.onLoop { _ in recorder.value.call?.resumeReading() }
            let answer = try await rig.loop.flatSubmit { recorder.value.whole }.get()
            #expect(answer.failure == nil)
            #expect(try await rig.state(of: recorder).bodyBytes == size)
        }
    }

    @Test("the idle timeout stands still while a call is paused, and runs again afterwards")
    func pausedIsNotIdle() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")], []])
            let endpoint = try server.endpoint()
            var paused = request(endpoint)
            paused.timeouts.idle = .milliseconds(20)
            let recorder = try await rig.begin(paused) { recorder in
                recorder.onHead = { [unowned recorder] in recorder.call?.pauseReading() }
            }
            try await rig.loop.flatSubmit { recorder.value.head }.get()
            // Another call's deadline, later than the paused one's would have been, makes the pool look at all of them.
            var other = request(endpoint)
            other.timeouts.firstByte = .milliseconds(60)
            #expect(try await rig.call(other).failure == .firstByteTimedOut)
            #expect(try await !rig.state(of: recorder).isOver)
            try await rig.onLoop { _ in recorder.value.call?.resumeReading() }
            #expect(try await rig.loop.flatSubmit { recorder.value.whole }.get().failure == .idleTimedOut)
        }
    }

    @Test("a receiver may take one piece at a time")
    func pauseAtEveryPiece() async throws {
        try await PoolRig.run { rig in
            let text = String(repeating: "0123456789", count: 100)
            let chunks = text.map { "1\r\n\($0)\r\n" }.joined()
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")]])
            let recorder = try await rig.begin(request(try server.endpoint())) { recorder in
                let takeNext: () -> Void = { [unowned recorder] in
                    recorder.call?.pauseReading()
                    rig.loop.assumeIsolated().execute { recorder.call?.resumeReading() }
                }
                recorder.onHead = takeNext
                recorder.onBody = takeNext
            }
            let answer = try await rig.loop.flatSubmit { recorder.value.whole }.get()
            #expect(answer.body == text)
            #expect(answer.failure == nil)
            #expect(try await rig.state(of: recorder).calls == text.count + 2)
        }
    }

    @Test("a receiver may pause and resume inside a delivery")
    func resumeInsideDelivery() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([
                [.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")]
            ])
            let recorder = try await rig.begin(request(try server.endpoint())) { recorder in
                recorder.onBody = { [unowned recorder] in
                    recorder.call?.pauseReading()
                    recorder.call?.resumeReading()
                }
            }
            #expect(try await rig.loop.flatSubmit { recorder.value.whole }.get().body == "abcd")
        }
    }

    @Test("what ends while the call is paused is heard after it resumes")
    func endWhilePaused() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin"), .close]])
            let recorder = try await rig.begin(request(try server.endpoint())) { recorder in
                recorder.onHead = { [unowned recorder] in recorder.call?.pauseReading() }
            }
            try await rig.until { $0.statistics.isEmpty }
            #expect(try await rig.state(of: recorder).calls == 1)
            try await rig.onLoop { _ in recorder.value.call?.resumeReading() }
            let answer = try await rig.loop.flatSubmit { recorder.value.whole }.get()
            #expect(answer.body == "begin")
            #expect(answer.failure == .closedMidBody)
        }
    }

    @Test("a call may be paused before it has a connection")
    func pausedFromTheStart() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("late")]])
            let endpoint = try server.endpoint()
            let recorder = try await rig.loop.submit {
                let recorder = AnswerRecorder(loop: rig.loop)
                let call = rig.pool.value.send(request(endpoint), receiver: recorder)
                call.pauseReading()
                recorder.call = call
                return NIOLoopBound(recorder, eventLoop: rig.loop)
            }.get()
            try await server.waitFor(.requestReceived)
            #expect(try await rig.state(of: recorder).calls == 0)
            try await rig.onLoop { _ in recorder.value.call?.resumeReading() }
            #expect(try await rig.loop.flatSubmit { recorder.value.whole }.get().body == "late")
        }
    }

    @Test("bytes held for a paused call after its connection closed have a limit")
    func heldLimit() async throws {
        // Little enough to fit into the socket's receive buffer; with more the close would not come through while nobody reads.
        let body = String(repeating: "x", count: 30_000)
        try await PoolRig.run { rig in
            let server = try await rig.server([[.write("HTTP/1.1 200 OK\r\ncontent-length: 30000\r\n\r\n\(body)"), .close]])
            let endpoint = try server.endpoint(limits: UpstreamLimits(maxHeldBytes: 10_000))
            let recorder = try await rig.begin(request(endpoint)) { recorder in
                recorder.onHead = { [unowned recorder] in recorder.call?.pauseReading() }
            }
            try await rig.until { $0.statistics.isEmpty }
            try await rig.onLoop { _ in recorder.value.call?.resumeReading() }
            #expect(try await rig.loop.flatSubmit { recorder.value.whole }.get().failure == .closedMidBody)
            #expect(try await rig.state(of: recorder).bodyBytes < 30_000)
        }
    }
}
