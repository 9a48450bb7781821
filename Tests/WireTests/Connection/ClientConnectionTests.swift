import NIOCore
import Testing
import Wire

@Suite("Client")
struct ClientConnectionTests {
    @Test("as many streams as the server allows, and word when there is room again")
    func concurrency() throws {
        var client = ClientConnection.open(serverLimits: Limits(maxConcurrentStreams: 2))
        let first = try client.send(.chat())
        _ = try client.send(.chat())
        #expect(!client.canOpenStream && client.isOpen)
        #expect(throws: OpenStreamFailure.tooManyStreams) { try client.send(.chat()) }
        client.cancel(first, reason: .caller)
        #expect(client.takeEvents() == [.streamsAvailable] && client.canOpenStream)
        _ = try client.send(.chat())
        #expect(client.takeEvents().isEmpty)
    }

    @Test("a request longer than the server accepts is not sent")
    func tooLarge() throws {
        var client = ClientConnection.open(serverLimits: Limits(maxMessageBytes: 1_000))
        #expect(throws: OpenStreamFailure.requestTooLarge(limit: 1_000)) { try client.send(.chat(bytes: 1_000)) }
        #expect(client.takeFrames().isEmpty && client.openStreams == 0)
    }

    @Test("a long request goes out as far as the defaults allow, and on with WELCOME's higher credit")
    func raisedCredit() throws {
        var client = ClientConnection(credential: "key", now: .start)
        let id = try client.send(.chat(bytes: 500_000))
        func sent(_ frames: [TestFrame]) -> Int {
            frames.filter { $0.knownType == .request }.reduce(0) { $0 + $1.payload.readableBytes }
        }
        #expect(sent(client.takeFrames()) == 262_144)
        client.receive(TestFrame(.welcome, on: 0, Welcome(version: 1, limits: Limits(initialStreamCredit: 400_000), features: 1)))
        _ = client.takeEvents()
        // Whole fragments of 65,536 bytes go out.
        #expect(sent(client.takeFrames()) == 131_072)
        client.receive(.credit(200_000, on: id.rawValue))
        _ = client.takeEvents()
        let rest = client.takeFrames()
        #expect(rest.last?.flags == .endStream)
    }

    @Test("of a stream that never went out, nothing is said when it is given up")
    func cancelUnsent() throws {
        var client = ClientConnection.open()
        // Four streams of 262,144 bytes use up the connection's credit.
        for _ in 0..<4 { _ = try client.send(.chat(bytes: 400_000)) }
        _ = client.takeFrames()
        let unsent = try client.send(.chat())
        client.cancel(unsent, reason: .caller)
        #expect(client.takeFrames().isEmpty && client.openStreams == 4)
        client.cancel(.first, reason: .deadlineExceeded)
        #expect(client.takeFrames().map(\.knownType) == [.cancel])
    }

    @Test("an ERROR while the request goes out stops it, and CANCEL lets the server forget it")
    func refusedMidway() throws {
        var client = ClientConnection.open()
        let id = try client.send(.chat(bytes: 500_000))
        _ = client.takeFrames()
        client.receive(TestFrame(.error, on: 1, ErrorBody(code: .requestTooLarge)))
        #expect(client.takeEvents() == [.errorReceived(id, ErrorBody(code: .requestTooLarge))])
        client.receive(.credit(500_000, on: 1))
        #expect(client.takeEvents().isEmpty)
        #expect(client.takeFrames().map(\.knownType) == [.cancel])
    }

    @Test("after GOAWAY nothing is sent, and the connection closes with its last stream")
    func goingAway() throws {
        var client = ClientConnection.open()
        let id = try client.send(.chat())
        client.receive(TestFrame(.goAway, on: 0, GoAway(lastStream: 1, reason: .drain)))
        #expect(client.takeEvents() == [.goAwayReceived(GoAway(lastStream: 1, reason: .drain))])
        #expect(throws: OpenStreamFailure.goingAway) { try client.send(.chat()) }
        client.receive(TestFrame(.begin, on: 1, Begin()), TestFrame(.end, on: 1, End()))
        #expect(client.takeEvents() == [.beginReceived(id, Begin()), .endReceived(id, End()), .closed])
        #expect(throws: OpenStreamFailure.closed) { try client.send(.chat()) }
    }

    @Test("without a stream for the idle timeout, the client leaves; a PING is no use of the connection")
    func idle() throws {
        var settings = ClientSettings()
        settings.common.idleTimeout = .seconds(60)
        settings.common.keepAliveInterval = nil
        var client = ClientConnection.open(settings)
        let id = try client.send(.chat())
        #expect(client.nextDeadline == nil)
        client.advance(to: .start + .seconds(100))
        client.cancel(id, reason: .caller)
        #expect(client.nextDeadline == .start + .seconds(160))
        client.receive(TestFrame(.ping, on: 0, payload: ByteBuffer(integer: UInt64(1))), now: .start + .seconds(130))
        #expect(client.takeEvents().isEmpty && client.nextDeadline == .start + .seconds(160))
        client.timerFired(now: .start + .seconds(160))
        #expect(client.takeEvents() == [.closed])
        #expect(client.takeFrames().map(\.knownType) == [.request, .cancel, .pong, .goAway])
    }

    @Test("the rest of a whole answer is awaited for 30 seconds, and a second for every 64 KiB")
    func overdueResult() throws {
        var settings = ClientSettings()
        settings.common.keepAliveInterval = nil
        var client = ClientConnection.open(settings)
        _ = try client.send(.chat())
        client.receive(
            TestFrame(.begin, on: 1, Begin()), TestFrame(.result, on: 1, flags: .more, payload: ByteBuffer(integer: UInt32(655_360))))
        _ = client.takeEvents()
        #expect(client.nextDeadline == .start + .seconds(40))
        client.timerFired(now: .start + .seconds(40))
        guard case .failed(let error, .local)? = client.takeEvents().first else {
            Issue.record("the connection goes on")
            return
        }
        #expect(error.code == .timeout)
    }

    @Test("a credential too long for HELLO fails the connection before anything is sent")
    func longCredential() {
        var client = ClientConnection(credential: Text(String(repeating: "k", count: 9_000)), now: .start)
        guard case .failed(let error, .local)? = client.takeEvents().first else {
            Issue.record("the connection goes on")
            return
        }
        #expect(error.code == .unauthenticated && client.isClosed)
        #expect(!client.takeFrames().contains { $0.knownType == .hello })
    }

    @Test("a lost connection tells nothing more, and takes no calls")
    func lost() throws {
        var client = ClientConnection.open()
        let id = try client.send(.chat())
        client.receive(TestFrame(.begin, on: 1, Begin()))
        client.connectionLost()
        #expect(client.takeEvents().isEmpty && client.isClosed && client.openStreams == 0 && client.nextDeadline == nil)
        client.cancel(id, reason: .caller)
        client.consumed(5, on: id)
        client.fail(ErrorBody(code: .timeout))
        #expect(client.takeEvents().isEmpty)
    }
}
