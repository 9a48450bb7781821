import NIOCore
import Testing
import Wire

@Suite("Server: requests")
struct ServerRequestTests {
    private final class Budget: RequestAdmission {
        var left: Int

        init(_ bytes: Int) {
            left = bytes
        }

        func reserve(_ bytes: Int) -> Bool {
            guard bytes <= left else { return false }
            left -= bytes
            return true
        }

        func release(_ bytes: Int) {
            left += bytes
        }
    }

    private func firstFragment(on stream: UInt32, declaring length: UInt32, of bytes: Int) -> TestFrame {
        var payload = ByteBuffer(integer: length)
        payload.writeRepeatingByte(0x61, count: bytes)
        return TestFrame(.request, on: stream, flags: .more, payload: payload)
    }

    @Test("nothing behind HELLO is read before it is accepted")
    func acceptance() {
        var server = ServerConnection(now: .start)
        server.receive(TestFrame(.hello, on: 0, Hello(minVersion: 1, maxVersion: 1)), TestFrame(whole: .request, on: 1, Request.chat()))
        #expect(server.takeEvents() == [.helloReceived(Hello(minVersion: 1, maxVersion: 1))])
        #expect(server.takeEvents().isEmpty && server.unreadBytes > 0)
        server.accept()
        #expect(server.takeEvents() == [.requestReceived(.first, .chat())])
        #expect(server.unreadBytes == 0)
    }

    @Test("a request's bytes are reserved from its first fragment until its stream is over, however that comes")
    func reservation() {
        let budget = Budget(1_000)
        var server = ServerConnection.open(admission: budget)
        server.receive(firstFragment(on: 1, declaring: 600, of: 10))
        #expect(server.takeEvents().isEmpty)
        #expect(budget.left == 400 && server.inFlightRequestBytes == 600)

        server.receive(firstFragment(on: 3, declaring: 600, of: 10))
        #expect(server.takeEvents() == [.requestRefused(.second, .overloaded)])
        server.receive(TestFrame(.cancel, on: 1))
        #expect(server.takeEvents().isEmpty && budget.left == 1_000)

        server.receive(TestFrame(whole: .request, on: 5, Request.chat()))
        #expect(server.takeEvents().count == 1 && budget.left < 1_000)
        server.sendBegin(Begin(), on: StreamID(rawValue: 5))
        server.sendEnd(End(), on: StreamID(rawValue: 5))
        #expect(budget.left == 1_000)

        server.receive(TestFrame(whole: .request, on: 7, Request.chat()), firstFragment(on: 9, declaring: 100, of: 1))
        #expect(server.takeEvents().count == 1 && budget.left < 900)
        server.connectionLost()
        #expect(budget.left == 1_000 && server.inFlightRequestBytes == 0)
    }

    @Test("credit flows back while a long request comes in")
    func creditFlowsBack() {
        var settings = ServerSettings()
        settings.maxInFlightRequestBytes = 2_000_000
        var server = ServerConnection.open(settings)
        server.receive(firstFragment(on: 1, declaring: 1_500_000, of: 60_000))
        for _ in 0..<20 {
            server.receive(TestFrame(.request, on: 1, flags: .more, payload: ByteBuffer(repeating: 0x61, count: 60_000)))
        }
        #expect(server.takeEvents().isEmpty && server.isOpen)
        let credits = server.takeFrames()
        #expect(credits.allSatisfy { $0.knownType == .credit })
        let granted = Dictionary(grouping: credits, by: \.stream).mapValues { frames in
            frames.reduce(0) { $0 + Int($1.payload.getInteger(at: $1.payload.readerIndex, as: UInt32.self) ?? 0) }
        }
        #expect(granted[1].map { $0 > 1_260_004 - 131_072 && $0 <= 1_260_004 } == true)
        #expect(granted[0].map { $0 > 1_260_004 - 524_288 && $0 <= 1_260_004 } == true)
    }

    @Test("a refused request's credit flows back, and its end or CANCEL lets it be forgotten")
    func refusal() {
        var settings = ServerSettings()
        settings.limits.maxMessageBytes = 1_000
        var server = ServerConnection.open(settings)
        for stream in stride(from: UInt32(1), to: 2_001, by: 2) {
            server.receive(firstFragment(on: stream, declaring: 20_000, of: 2_000))
            server.receive(
                stream % 4 == 1
                    ? TestFrame(.cancel, on: stream)
                    : TestFrame(.request, on: stream, flags: .endStream, payload: ByteBuffer(repeating: 0x61, count: 2_000)))
        }
        #expect(server.takeEvents().count == 1_000 && server.isOpen && server.openStreams == 0)
        let frames = server.takeFrames()
        #expect(frames.count { $0.knownType == .error } == 1_000)
        #expect(frames.contains { $0.knownType == .credit && $0.stream == 0 })
    }

    @Test("GOAWAY said again goes out only if it brings the deadline forward")
    func goAwayAgain() throws {
        var server = ServerConnection.answering()
        server.goAway(.drain, drainWithin: .seconds(10))
        server.goAway(.reauthenticate, drainWithin: .seconds(20))
        server.goAway(.drain, drainWithin: .seconds(5))
        let deadlines = try server.takeFrames().map { try $0.decoded(as: GoAway.self).drainDeadlineMs }
        #expect(deadlines == [10_000, 5_000])
    }

    @Test("a failure after GOAWAY does not tell a higher last stream than it did")
    func lastStreamStays() throws {
        var server = ServerConnection.answering()
        server.goAway(.drain, drainWithin: .seconds(10))
        server.receive(TestFrame(whole: .request, on: 3, Request.chat()), TestFrame(.hello, on: 0, Hello()))
        _ = server.takeEvents()
        let frames = server.takeFrames()
        #expect(frames.map(\.knownType) == [.goAway, .error, .error, .goAway])
        #expect(try frames[3].decoded(as: GoAway.self) == GoAway(lastStream: 1, reason: .protocolError))
    }

    @Test("at the drain deadline the application hears of what it has not ended, and of nothing else")
    func drainDeadline() {
        var server = ServerConnection.answering(clientLimits: Limits(initialStreamCredit: 16_384), on: [.first, .second])
        server.sendDelta(.text(String(repeating: "x", count: 50_000)), on: .first)
        server.sendEnd(End(), on: .first)
        server.receive(firstFragment(on: 5, declaring: 100, of: 1))
        _ = server.takeEvents()
        server.goAway(.drain, drainWithin: .seconds(1))
        _ = server.takeFrames()
        server.timerFired(now: .start + .seconds(1))
        let events = server.takeEvents()
        guard case .streamAborted(.second, let error)? = events.first, events.count == 2, events.last == .closed else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .draining)
        #expect(server.takeFrames().map(\.stream) == [1, 3, 5])
    }

    @Test("a server's limits below what clients count on are raised, and its idle timeout is told")
    func limitFloor() throws {
        var settings = ServerSettings()
        settings.limits = Limits(
            maxFrameBytes: 100, maxMessageBytes: 7, maxConcurrentStreams: 2, initialStreamCredit: 1, initialConnectionCredit: 1)
        settings.common.idleTimeout = .seconds(60)
        var server = ServerConnection(settings: settings, now: .start)
        server.receive(TestFrame(.hello, on: 0, Hello(minVersion: 1, maxVersion: 1)))
        _ = server.nextEvent()
        server.accept()
        let welcome = try server.takeFrames()[0].decoded(as: Welcome.self)
        #expect(
            welcome.limits
                == Limits(
                    maxFrameBytes: 65_536, maxMessageBytes: 7, maxConcurrentStreams: 2, initialStreamCredit: 262_144,
                    initialConnectionCredit: 1_048_576, idleTimeoutMs: 60_000))
    }
}
