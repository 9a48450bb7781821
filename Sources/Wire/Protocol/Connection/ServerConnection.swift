import DequeModule
package import NIOCore

/// The server's side of a connection.
///
/// States: HELLO is awaited, its acceptance is awaited, open, closed. While open the connection may be draining (GOAWAY was
/// sent), and the client may have said that it opens no more streams. Frames are read in ``nextEvent()``, one at a time, so that
/// every call on a stream sees exactly what its caller has seen.
package struct ServerConnection: ConnectionMachine {
    enum State: Equatable {
        case awaitingHello
        case awaitingAcceptance
        case open
        case closed
    }

    struct Drain {
        var lastStream: StreamID
        var deadline: NIODeadline
    }

    let settings: ServerSettings
    let limits: Limits
    let admission: (any RequestAdmission)?
    var core: ConnectionCore
    var state = State.awaitingHello
    var events = Deque<ServerEvent>()
    var streams = StreamTable<ServerStream>()
    /// Streams of ``streams`` that are refused.
    var refusedStreams = 0
    /// The highest stream that the client opened.
    var highestStream = StreamID.connection
    var clientMaxMessageBytes = Int(Limits.protocolDefault.maxMessageBytes)
    var drain: Drain?
    var clientIsLeaving = false
    var helloDeadline: NIODeadline?
    /// Since when no stream is open, on an open connection.
    var idleSince: NIODeadline?
    /// The earliest time at which a REQUEST may be overdue; recomputed when it comes.
    var assemblyDeadline: NIODeadline?
    /// Declared lengths of the requests of open streams together.
    package internal(set) var inFlightRequestBytes = 0
    /// Lengths of the RESULTs that wait for the client's credit together.
    package internal(set) var waitingResultBytes = 0

    /// - Parameters:
    ///   - compressor: compresses what is sent; `nil`: nothing is. What is received may be compressed either way.
    ///   - admission: the budget that this connection shares with others.
    package init(
        settings: ServerSettings = ServerSettings(), compressor: LZ4Compressor? = nil, admission: (any RequestAdmission)? = nil,
        now: NIODeadline
    ) {
        self.settings = settings
        self.admission = admission
        limits = settings.limits.announced(minimum: .welcomeMinimum, idleTimeout: settings.common.idleTimeout)
        core = ConnectionCore(
            side: .server, limits: limits, peerLimits: .protocolDefault, settings: settings.common, compressor: compressor,
            maxQueuedBytesPerStream: settings.maxQueuedBytesPerStream, now: now)
        helloDeadline = now + settings.helloTimeout
    }

    /// WELCOME was sent and nothing has ended the connection; it may be draining.
    package var isOpen: Bool { state == .open }

    package var isClosed: Bool { state == .closed }

    /// What both sides agreed to; meaningful from HELLO on.
    package var features: Features { core.features }

    /// Streams with an answer still to come.
    package var openStreams: Int { streams.count - refusedStreams }

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

    package mutating func nextEvent() -> ServerEvent? {
        while true {
            while let event = events.popFirst() {
                // A call may have filled the queue again, or ended the stream, before this could be told.
                if case .streamWritable(let id) = event, !isWritable(id) { continue }
                return event
            }
            guard state == .awaitingHello || state == .open else { return nil }
            do throws(ConnectionBreach) {
                guard let (type, frame) = try core.nextFrame(isOpen: state == .open) else { return nil }
                try receive(type, frame)
            } catch {
                fail(error.body)
            }
        }
    }

    package mutating func takeOutbound() -> ByteBuffer? {
        let bytes = core.outbox.take()
        collectFromOutbox()
        return bytes
    }

    package mutating func connectionLost() {
        removeAllStreams()
        events.removeAll()
        core.parser.removeAll()
        state = .closed
    }
}
