import NIOCore
import NIOEmbedded
import Testing
import Wire
import WireTransport

@Suite("Handlers on an embedded channel")
struct HandlerTests {
    /// A client and a server whose channels are joined by hand, under one clock.
    private final class Pair {
        let loop = EmbeddedEventLoop()
        let client: EmbeddedChannel
        let server: EmbeddedChannel
        let clientHandler: WireClientHandler
        let serverHandler: WireServerHandler
        let recorder: Recorder
        let application = EchoServer()
        let counter = OutboundCounter()

        init(
            credential: Text = "key", serverSettings: ServerSettings = ServerSettings(), clientSettings: ClientSettings = ClientSettings(),
            recorder: Recorder = Recorder()
        ) throws {
            self.recorder = recorder
            client = EmbeddedChannel(loop: loop)
            server = EmbeddedChannel(loop: loop)
            clientHandler = WireClientHandler(
                ClientConnection(settings: clientSettings, credential: credential, compressor: LZ4Compressor(), now: loop.now),
                delegate: recorder)
            serverHandler = WireServerHandler(
                ServerConnection(settings: serverSettings, compressor: LZ4Compressor(), now: loop.now), delegate: application)
            try client.pipeline.syncOperations.addHandler(clientHandler)
            try server.pipeline.syncOperations.addHandlers([counter, serverHandler])
            for channel in [client, server] { channel.connect(to: try SocketAddress(unixDomainSocketPath: "/none"), promise: nil) }
        }

        /// Carries bytes to and fro until there are none.
        func settle() throws {
            var moved = true
            while moved {
                moved = false
                loop.run()
                while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                    if server.isActive, bytes.readableBytes > 0 { try server.writeInbound(bytes) }
                    moved = true
                }
                while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                    if client.isActive, bytes.readableBytes > 0 { try client.writeInbound(bytes) }
                    moved = true
                }
            }
        }
    }

    @Test("a chat goes through, and both sides are told")
    func chat() throws {
        let pair = try Pair()
        let id = try pair.clientHandler.perform { machine in try machine.send(.chat("echo", "hello, wörld")) }
        try pair.settle()
        #expect(pair.recorder.text == "hello, wörld")
        #expect(pair.recorder.events.last == .endReceived(id, End(finishes: [Finish(reason: .stop)])))
        #expect(pair.application.events.count == 2)
        #expect(pair.serverHandler.connection.openStreams == 0)
    }

    @Test("all that one read causes goes out in one flush")
    func oneFlushPerRead() throws {
        let pair = try Pair()
        try pair.settle()
        for index in 0..<10 { _ = try pair.clientHandler.perform { try $0.send(.chat("echo", "text \(index)")) } }
        pair.counter.reset()
        try pair.settle()
        #expect(pair.application.events.count == 11)
        #expect(pair.counter.flushes == 1 && pair.counter.writes == 1)
    }

    @Test("all that one tick's calls from elsewhere cause goes out in one flush")
    func oneFlushPerTick() throws {
        let pair = try Pair()
        let id = try pair.clientHandler.perform { try $0.send(.chat("hang", "")) }
        try pair.settle()
        pair.counter.reset()
        for _ in 0..<5 { pair.serverHandler.perform { _ = $0.sendDelta(Delta(kind: .text, data: ByteBuffer(string: "x")), on: id) } }
        #expect(pair.counter.flushes == 0)
        pair.loop.run()
        #expect(pair.counter.flushes == 1 && pair.counter.writes == 1)
        try pair.settle()
        #expect(pair.recorder.text == "xxxxx")
    }

    @Test("nothing more is read while the channel takes nothing and too much waits for it")
    func readingPauses() throws {
        let pair = try Pair()
        try pair.settle()
        pair.server.isWritable = false
        // 160 KiB that LZ4 finds nothing in.
        var state: UInt32 = 1
        let text = String(
            decoding: (0..<160_000).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(33 + (state >> 24) % 94)
            }, as: UTF8.self)
        _ = try pair.clientHandler.perform { try $0.send(.chat("echo", text)) }
        try pair.settle()
        pair.counter.reset()
        pair.server.read()
        #expect(pair.counter.reads == 0)

        pair.server.isWritable = true
        pair.server.pipeline.fireChannelWritabilityChanged()
        #expect(pair.counter.reads == 1)
        try pair.settle()
        #expect(pair.recorder.text == text)
    }

    @Test("the machine's times are kept without a timer for every frame")
    func timers() throws {
        var settings = ServerSettings()
        settings.common.keepAliveInterval = .seconds(30)
        settings.common.keepAliveTimeout = .seconds(10)
        var clientSettings = ClientSettings()
        clientSettings.common.keepAliveInterval = nil
        let pair = try Pair(serverSettings: settings, clientSettings: clientSettings)
        try pair.settle()
        pair.counter.reset()
        pair.loop.advanceTime(by: .seconds(30))
        #expect(pair.counter.writes == 1)
        try pair.settle()

        // The PING was answered. The next is not, for the client is cut off.
        pair.loop.advanceTime(by: .seconds(30))
        _ = try pair.server.readOutbound(as: ByteBuffer.self)
        pair.loop.advanceTime(by: .seconds(10))
        guard case .failed(let error, .local)? = pair.application.events.dropLast().last else {
            Issue.record("\(pair.application.events)")
            return
        }
        #expect(error.code == .timeout)
        #expect(pair.application.events.last == .closed)
        #expect(!pair.server.isActive)
        #expect(pair.application.closedCount == 1)
    }

    @Test("a refused HELLO reaches the client before the channel closes")
    func refusal() throws {
        let pair = try Pair(credential: "wrong")
        try pair.settle()
        guard case .failed(let error, .peer)? = pair.recorder.events.first else {
            Issue.record("\(pair.recorder.events)")
            return
        }
        #expect(error.code == .unauthenticated)
        #expect(!pair.server.isActive && !pair.client.isActive)
        #expect(pair.recorder.closedCount == 1 && pair.application.closedCount == 1)
    }

    @Test("the delegate hears of the end once: closed from outside, by an error, or before the channel was active")
    func closedOnce() throws {
        struct Broken: Error {}
        let closed = try Pair()
        closed.serverHandler.close()
        closed.loop.run()
        #expect(closed.application.closedCount == 1 && closed.application.error == nil)

        let broken = try Pair()
        broken.server.pipeline.fireErrorCaught(Broken())
        broken.loop.run()
        #expect(broken.application.closedCount == 1 && broken.application.error is Broken)

        let recorder = Recorder()
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(
            WireClientHandler(ClientConnection(credential: "key", now: channel.embeddedEventLoop.now), delegate: recorder))
        _ = try channel.finish(acceptAlreadyClosed: true)
        #expect(recorder.closedCount == 1)
    }

    @Test("a delegate that closes while it is told of an event hears of the end after it")
    func closingInsideOfAnEvent() throws {
        var told: [String] = []
        let recorder = Recorder(
            whenTold: { _, handler in
                handler.close()
                told.append("event")
            }, whenClosed: { told.append("closed") })
        let pair = try Pair(recorder: recorder)
        try pair.settle()
        #expect(told == ["event", "closed"])
    }

    @Test("nothing keeps the delegate once the channel is gone")
    func noCycle() throws {
        weak var application: EchoServer?
        let channel = EmbeddedChannel()
        do {
            let delegate = EchoServer()
            let handler = WireServerHandler(ServerConnection(now: channel.embeddedEventLoop.now), delegate: delegate)
            delegate.handler = handler
            application = delegate
            try channel.pipeline.syncOperations.addHandler(handler)
            channel.connect(to: try SocketAddress(unixDomainSocketPath: "/none"), promise: nil)
        }
        #expect(application != nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
        #expect(application == nil)
    }

    @Test("events that a call causes are told later, not inside of it")
    func noReentrance() throws {
        let pair = try Pair()
        let id = try pair.clientHandler.perform { try $0.send(.chat("hang", "")) }
        try pair.settle()
        let before = pair.application.events.count
        pair.serverHandler.perform {
            $0.goAway(.drain, drainWithin: .zero)
            #expect($0.openStreams == 1)
        }
        #expect(pair.application.events.count == before)
        pair.loop.advanceTime(by: .milliseconds(1))
        #expect(pair.application.events.contains { if case .streamAborted(id, _) = $0 { true } else { false } })
        #expect(pair.application.events.last == .closed)
    }
}
