import NIOCore

/// What the server's and the client's connection have in common.
struct ConnectionCore {
    let maxFrameBytes: Int
    var parser: FrameParser
    var outbox: Outbox
    var liveness: Liveness
    var budgets: AbuseBudgets
    /// The peer's credit for all streams together.
    var window: ReceiveWindow
    /// What both sides agreed to.
    var features: Features = []
    /// The time of the latest call that told it.
    private(set) var now: NIODeadline

    init(
        side: ConnectionSide, limits: Limits, peerLimits: Limits, settings: CommonSettings, compressor: LZ4Compressor?,
        maxQueuedBytesPerStream: Int, now: NIODeadline
    ) {
        maxFrameBytes = Int(limits.maxFrameBytes)
        parser = FrameParser(receiver: side, maxFrameBytes: maxFrameBytes)
        outbox = Outbox(
            peerLimits: peerLimits, maxOutboundBytes: settings.maxOutboundBytes, maxQueuedBytesPerStream: maxQueuedBytesPerStream,
            compression: compressor, compressionThreshold: settings.compressionThreshold, now: now)
        liveness = Liveness(interval: settings.keepAliveInterval, timeout: settings.keepAliveTimeout, now: now)
        budgets = AbuseBudgets(settings.abuseRates, now: now)
        window = ReceiveWindow(initial: Int(limits.initialConnectionCredit))
        self.now = now
    }

    /// Time never goes back, whatever callers say.
    mutating func advance(to time: NIODeadline) {
        now = max(now, time)
        outbox.now = now
    }

    /// The next frame, after what every frame means: a sign of life, and a permit if its type is unknown. Frames that mean the
    /// same on both sides and say nothing to the application are dealt with here.
    ///
    /// - Parameter isOpen: HELLO and WELCOME were exchanged; before, PING and PONG are not in order.
    mutating func nextFrame(isOpen: Bool) throws(ConnectionBreach) -> (FrameType, Frame)? {
        while let frame = try parser.next() {
            liveness.frameReceived(now: now)
            switch frame.header.type {
            case nil: try budgets.spend(\.unknownFrame, "frames of unknown type", now: now)
            case .ping where isOpen: try receivePing(frame.payload)
            case .pong where isOpen: try receivePong(frame.payload)
            case let type?: return (type, frame)
            }
        }
        return nil
    }

    /// The payload as it was before compression, counted against the connection's credit.
    mutating func receiveData(_ frame: Frame) throws(ConnectionBreach) -> ByteBuffer {
        var payload = frame.payload
        if frame.header.flags.contains(.compressed) {
            try requireCompression()
            payload = try LZ4Decompression.decompress(frame.payload, limit: maxFrameBytes)
        }
        try window.receive(payload.readableBytes)
        return payload
    }

    /// Counts the payload of a frame that nobody wants against the connection's credit, and gives it back.
    ///
    /// - Returns: the uncompressed length.
    mutating func swallowData(_ frame: Frame) throws(ConnectionBreach) -> Int {
        var length = frame.payload.readableBytes
        if frame.header.flags.contains(.compressed) {
            try requireCompression()
            var block = frame.payload
            length = try LZ4Decompression.readDeclaredLength(&block, limit: maxFrameBytes)
        }
        try window.receive(length)
        release(length)
        return length
    }

    private func requireCompression() throws(ConnectionBreach) {
        guard features.contains(.lz4) else { throw .protocolError("a compressed frame, but LZ4 was not agreed") }
    }

    /// Gives the connection's credit back for bytes that have found their place.
    mutating func release(_ count: Int) {
        if let increment = window.release(count) { sendCredit(increment, on: .connection) }
    }

    mutating func sendCredit(_ increment: UInt32, on stream: StreamID) {
        outbox.writeControl(.credit, on: stream) { $0.writeInteger(increment) }
    }

    /// The increment of a CREDIT frame, 1 to 2^31 - 1.
    ///
    /// - Parameter isLate: its stream is over.
    mutating func readCredit(_ payload: ByteBuffer, isLate: Bool) throws(ConnectionBreach) -> UInt32 {
        guard let increment = payload.getInteger(at: payload.readerIndex, as: UInt32.self), increment > 0 else {
            throw .protocolError("a CREDIT of 0")
        }
        guard increment <= UInt32(SendWindow.maximum) else { throw ConnectionBreach(.flowControlError, "credit above 2^31 - 1") }
        budgets.credit.earn(2 * outbox.dataFramesSent)
        outbox.dataFramesSent = 0
        if isLate || increment < AbuseBudgets.smallCredit { try budgets.spend(\.credit, "small CREDIT frames", now: now) }
        return increment
    }

    mutating func sendError(_ error: ErrorBody, on stream: StreamID) {
        let error = error.fittingControlFrame
        outbox.writeControl(.error, on: stream) { error.encode(into: &$0) }
    }

    mutating func sendGoAway(_ goAway: GoAway) {
        outbox.writeControl(.goAway, on: .connection) { goAway.encode(into: &$0) }
    }

    private mutating func receivePing(_ payload: ByteBuffer) throws(ConnectionBreach) {
        try budgets.spend(\.ping, "PING frames", now: now)
        outbox.writeControl(.pong, on: .connection) { $0.writeImmutableBuffer(payload) }
    }

    private mutating func receivePong(_ payload: ByteBuffer) throws(ConnectionBreach) {
        guard let number = payload.getInteger(at: payload.readerIndex, as: UInt64.self), liveness.isAnswered(by: number) else {
            return try budgets.spend(\.ping, "PONG frames that answer no PING", now: now)
        }
    }

    /// Sends the PING that is due.
    ///
    /// - Returns: `false` if the peer gave no sign of life.
    mutating func checkLiveness() -> Bool {
        switch liveness.timerFired(now: now) {
        case .nothing: return true
        case .peerSilent: return false
        case .pingDue(let number):
            outbox.writeControl(.ping, on: .connection) { $0.writeInteger(number) }
            return true
        }
    }
}

/// A body of a message that cannot be read as one.
func decodeControl<Message: WireMessage>(_ type: FrameType, _ payload: ByteBuffer) throws(ConnectionBreach) -> Message {
    do {
        return try Message.decode(from: payload)
    } catch {
        throw .protocolError("a \(type) body is not a valid message: \(error)")
    }
}

extension ErrorBody {
    /// The same with texts that fit into a control frame together; a longer message is cut.
    var fittingControlFrame: ErrorBody {
        var error = self
        error.message = message.prefix(maxBytes: 6144)
        error.requestID = requestID.prefix(maxBytes: 512)
        error.param = param.prefix(maxBytes: 1024)
        return error
    }
}

extension Text {
    /// The longest beginning of at most `maxBytes` that does not cut a character.
    func prefix(maxBytes: Int) -> Text {
        guard count > maxBytes else { return self }
        return buffer.getSlice(at: buffer.readerIndex, length: buffer.utf8Boundary(atMost: maxBytes)).flatMap(Text.init(validating:))
            ?? Text()
    }
}

extension ByteBuffer {
    /// The largest count of bytes up to `limit` after which no UTF-8 sequence is cut; `limit` itself if there is none close.
    func utf8Boundary(atMost limit: Int) -> Int {
        guard readableBytes > limit else { return readableBytes }
        for count in stride(from: limit, to: max(0, limit - 4), by: -1) {
            if let next = getInteger(at: readerIndex + count, as: UInt8.self), next & 0xC0 != 0x80 { return count }
        }
        return limit
    }
}
