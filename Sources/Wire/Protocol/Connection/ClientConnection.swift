import DequeModule
package import NIOCore

/// The client's side of a connection.
///
/// States: WELCOME is awaited, open, closed. Requests may be sent before WELCOME, within the protocol's default limits. The
/// connection's credit goes back as frames arrive, a stream's as the application consumes: a slow reader holds at most its own
/// stream's credit, and stops nobody else.
package struct ClientConnection: ConnectionMachine {
    enum State: Equatable {
        case awaitingWelcome
        case open
        case closed
    }

    let settings: ClientSettings
    let limits: Limits
    var core: ConnectionCore
    var state = State.awaitingWelcome
    var events = Deque<ClientEvent>()
    var streams = StreamTable<ClientStream>()
    /// The number of the next stream; `nil` when all are used.
    var nextStream: StreamID? = StreamID(rawValue: 1)
    /// What the server accepts: until WELCOME, the protocol's default.
    var serverLimits = Limits.protocolDefault
    var welcomeDeadline: NIODeadline?
    /// The highest stream that a server which goes away accepted.
    var lastAccepted: StreamID?
    var isLeaving = false
    /// A request found no room since the last `streamsAvailable`.
    var owesRoom = false
    var idleSince: NIODeadline?
    /// The earliest time at which a RESULT may be overdue; recomputed when it comes.
    var assemblyDeadline: NIODeadline?

    /// HELLO is in the outbound bytes at once.
    ///
    /// - Parameters:
    ///   - credential: an API key; empty where a client certificate stands for it.
    ///   - agent: name and version of the program, for the server's logs; cut at 256 bytes.
    ///   - compressor: compresses what is sent; `nil`: nothing is. What is received may be compressed if the settings offer LZ4.
    package init(
        settings: ClientSettings = ClientSettings(), credential: Text, agent: Text = Text(), compressor: LZ4Compressor? = nil,
        now: NIODeadline
    ) {
        self.settings = settings
        limits = settings.limits.announced(minimum: .helloMinimum, idleTimeout: settings.common.idleTimeout)
        core = ConnectionCore(
            side: .client, limits: limits, peerLimits: .protocolDefault, settings: settings.common, compressor: compressor,
            maxQueuedBytesPerStream: 0, now: now)
        core.features = settings.features
        core.outbox.compressedTypes = settings.features.contains(.lz4) ? [.request] : []
        welcomeDeadline = now + settings.welcomeTimeout
        idleSince = now
        sendHello(credential: credential, agent: agent)
    }

    private mutating func sendHello(credential: Text, agent: Text) {
        let hello = Hello(
            minVersion: ProtocolVersion.current, maxVersion: ProtocolVersion.current, limits: limits, features: settings.features.rawValue,
            credential: credential, agent: agent.prefix(maxBytes: 256))
        guard core.outbox.writeControl(.hello, on: .connection, encode: { hello.encode(into: &$0) }) else {
            return fail(ErrorBody(code: .unauthenticated, message: "the credential is too long for HELLO"))
        }
    }

    /// Streams can be opened, now or when others end: neither side has gone away, and the connection has not ended.
    package var isOpen: Bool { state != .closed && lastAccepted == nil && !isLeaving && nextStream != nil }

    /// A request can be sent now.
    package var canOpenStream: Bool { isOpen && streams.count < Int(serverLimits.maxConcurrentStreams) }

    package var isClosed: Bool { state == .closed }

    /// What both sides agreed to; before WELCOME, what is offered.
    package var features: Features { core.features }

    package var openStreams: Int { streams.count }

    package var outboundBytes: Int { core.outbox.outboundBytes }

    package var unreadBytes: Int { core.parser.bufferedBytes }

    package mutating func advance(to now: NIODeadline) {
        core.advance(to: now)
    }

    package mutating func receive(_ bytes: inout ByteBuffer, now: NIODeadline) {
        core.advance(to: now)
        guard state != .closed else {
            bytes = ByteBuffer()
            return
        }
        core.parser.append(&bytes)
    }

    package mutating func nextEvent() -> ClientEvent? {
        while events.isEmpty, state != .closed {
            do throws(ConnectionBreach) {
                guard let (type, frame) = try core.nextFrame(isOpen: state == .open) else { break }
                try receive(type, frame)
            } catch {
                fail(error.body)
            }
        }
        return events.popFirst()
    }

    package mutating func takeOutbound() -> ByteBuffer? {
        let bytes = core.outbox.take()
        core.outbox.finished.removeAll(keepingCapacity: true)
        return bytes
    }

    package mutating func connectionLost() {
        streams.removeAll()
        core.outbox.closeAll()
        core.parser.removeAll()
        events.removeAll()
        state = .closed
    }
}
