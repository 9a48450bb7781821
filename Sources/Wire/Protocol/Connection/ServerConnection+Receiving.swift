import NIOCore

extension ServerConnection {
    /// Acts on a frame whose header is valid.
    mutating func receive(_ type: FrameType, _ frame: Frame) throws(ConnectionBreach) {
        guard state == .open else {
            // An ERROR may stand in for HELLO: the client gave up.
            if type == .error { return try receiveError(frame) }
            guard type == .hello else { throw .protocolError("the first frame is not HELLO") }
            return try receiveHello(frame.payload)
        }
        switch type {
        case .request: try receiveRequest(frame)
        case .cancel: try receiveCancel(frame)
        case .credit: try receiveCredit(frame)
        case .error: try receiveError(frame)
        case .goAway: try receiveGoAway(frame.payload)
        case .hello: throw .protocolError("a second HELLO")
        case .ping, .pong, .welcome, .result, .begin, .delta, .end: throw .protocolError("a \(type) frame from the wrong side")
        }
        collectFromOutbox()
    }

    private mutating func receiveHello(_ payload: ByteBuffer) throws(ConnectionBreach) {
        let hello: Hello = try decodeControl(.hello, payload)
        guard hello.minVersion > 0, hello.minVersion <= hello.maxVersion else { throw .protocolError("HELLO has no range of versions") }
        guard hello.minVersion <= ProtocolVersion.current else {
            throw ConnectionBreach(.unsupportedVersion, "this server speaks version \(ProtocolVersion.current) only")
        }
        let clientLimits = (hello.limits ?? Limits()).resolved
        try clientLimits.validate(minimum: .helloMinimum)
        core.outbox.setPeerLimits(clientLimits)
        clientMaxMessageBytes = Int(clientLimits.maxMessageBytes)
        core.features = Features(rawValue: hello.features).intersection(settings.features.union(.lz4))
        if core.features.contains(.lz4) {
            // Padding that is compressed away would hide nothing.
            core.outbox.compressedTypes = core.features.contains(.padding) ? [.result] : [.result, .delta]
        }
        state = .awaitingAcceptance
        events.append(.helloReceived(hello))
    }

    // MARK: - REQUEST

    private mutating func receiveRequest(_ frame: Frame) throws(ConnectionBreach) {
        let id = frame.header.stream
        let isLast = frame.header.flags.contains(.endStream)
        guard id <= highestStream else { return try openStream(id, frame, isLast: isLast) }
        switch streams[id]?.state {
        case .receiving(let assembly):
            // Taken out of the table, so that its buffer is not shared and grows in place.
            streams.update(id) { $0.state = .requested }
            try continueRequest(id, assembly, try core.receiveData(frame), isLast: isLast)
        case .refused:
            _ = try core.swallowData(frame)
            if isLast { removeStream(id) }
        case .requested, .begun, .streaming, .resulted, .finishing, nil:
            throw .protocolError("a REQUEST frame on a stream whose request is complete")
        }
    }

    private mutating func openStream(_ id: StreamID, _ frame: Frame, isLast: Bool) throws(ConnectionBreach) {
        guard id.isClientInitiated else { throw .protocolError("a REQUEST on a stream of even number") }
        guard !clientIsLeaving else { throw .protocolError("a REQUEST after GOAWAY") }
        highestStream = id
        var payload = try core.receiveData(frame)
        var window = ReceiveWindow(initial: Int(limits.initialStreamCredit))
        try window.receive(payload.readableBytes)
        let total = try MessageAssembly.readTotal(&payload)
        let assembly = MessageAssembly(total: total, now: core.now)

        if let refusal = refusal(ofRequestWith: total) {
            core.release(payload.readableBytes + 4)
            return try refuse(id, refusal, isComplete: isLast)
        }
        inFlightRequestBytes += total
        streams.insert(ServerStream(state: .requested, window: window, reservedBytes: total), for: id)
        idleSince = nil
        core.outbox.open(id)
        // Released with the rest of the fragment below.
        try continueRequest(id, assembly, payload, isLast: isLast, prefixBytes: 4)
    }

    /// Why a request may not come in; reserves its bytes if it may.
    private func refusal(ofRequestWith total: Int) -> ErrorBody? {
        if drain != nil {
            return ErrorBody(code: .draining, message: "this server is going away", retryable: true)
        }
        if total > Int(limits.maxMessageBytes) {
            return ErrorBody(code: .requestTooLarge, message: "the request is longer than max_message_bytes")
        }
        if openStreams >= Int(limits.maxConcurrentStreams) {
            return ErrorBody(code: .tooManyStreams, message: "as many streams as may be are open", retryable: true)
        }
        guard inFlightRequestBytes + total <= settings.maxInFlightRequestBytes, admission?.reserve(total) ?? true else {
            return ErrorBody(code: .overloaded, message: "too many bytes of requests are in flight", retryable: true, retryAfterMs: 1000)
        }
        return nil
    }

    private mutating func refuse(_ id: StreamID, _ error: ErrorBody, isComplete: Bool) throws(ConnectionBreach) {
        core.sendError(error, on: id)
        events.append(.requestRefused(id, error.code))
        guard !isComplete else { return }
        guard refusedStreams < Self.maxRefusedStreams else { throw ConnectionBreach(.abuse, "too many refused requests are incomplete") }
        refusedStreams += 1
        streams.insert(ServerStream(state: .refused, window: ReceiveWindow(initial: 0), reservedBytes: 0), for: id)
    }

    /// Refused requests of which the rest may still be to come: as many as a client may open before WELCOME.
    private static let maxRefusedStreams = Int(Limits.protocolDefault.maxConcurrentStreams)

    /// Adds a fragment that the connection's credit has paid for.
    ///
    /// - Parameter prefixBytes: bytes of its payload that were read before.
    private mutating func continueRequest(
        _ id: StreamID, _ former: MessageAssembly, _ fragment: ByteBuffer, isLast: Bool, prefixBytes: Int = 0
    ) throws(ConnectionBreach) {
        var assembly = former
        if prefixBytes == 0 {
            try streams.update(id) { (stream) throws(ConnectionBreach) in try stream.window.receive(fragment.readableBytes) }
            if fragment.readableBytes == 0 { try core.budgets.spend(\.emptyFrame, "empty frames", now: core.now) }
        }
        let message = try assembly.add(fragment, isLast: isLast)
        core.release(fragment.readableBytes + prefixBytes)
        if let message { return deliver(message, on: id) }

        let release = streams.update(id) { $0.window.release(fragment.readableBytes + prefixBytes) }
        if let release, let increment = release { core.sendCredit(increment, on: id) }
        assemblyDeadline = min(assemblyDeadline ?? assembly.deadline, assembly.deadline)
        streams.update(id) { $0.state = .receiving(assembly) }
    }

    private mutating func deliver(_ message: ByteBuffer, on id: StreamID) {
        do {
            events.append(.requestReceived(id, try Request.decode(from: message)))
            streams.update(id) { $0.state = .requested }
        } catch {
            core.sendError(ErrorBody(code: .malformedBody, message: Text("the request's body is not valid: \(error)")), on: id)
            events.append(.requestRefused(id, .malformedBody))
            removeStream(id)
        }
    }

    // MARK: - The other frames

    private mutating func receiveCancel(_ frame: Frame) throws(ConnectionBreach) {
        let id = frame.header.stream
        let cancel: Cancel = try decodeControl(.cancel, frame.payload)
        try requireOpened(id)
        let state = streams[id]?.state
        if case .refused = state { return removeStream(id) }
        try core.budgets.spend(\.cancel, "CANCEL frames", now: core.now)
        switch state {
        case .requested, .begun, .streaming, .resulted: events.append(.cancelReceived(id, cancel.reason))
        // The application does not know of it yet, or is done with it.
        case .receiving, .finishing, .refused, nil: break
        }
        removeStream(id)
    }

    private mutating func receiveCredit(_ frame: Frame) throws(ConnectionBreach) {
        let id = frame.header.stream
        guard id != .connection else { return try core.outbox.grant(try core.readCredit(frame.payload, isLate: false)) }
        try requireOpened(id)
        try core.outbox.grant(try core.readCredit(frame.payload, isLate: !streams.contains(id)), on: id)
    }

    private func requireOpened(_ id: StreamID) throws(ConnectionBreach) {
        guard id.isClientInitiated, id <= highestStream else { throw .protocolError("a frame on a stream that was never opened") }
    }

    private mutating func receiveError(_ frame: Frame) throws(ConnectionBreach) {
        guard frame.header.stream == .connection else { throw .protocolError("a client's ERROR on a stream") }
        let error: ErrorBody = try decodeControl(.error, frame.payload)
        removeAllStreams()
        events.append(.failed(error, .peer))
        close()
    }

    private mutating func receiveGoAway(_ payload: ByteBuffer) throws(ConnectionBreach) {
        let goAway: GoAway = try decodeControl(.goAway, payload)
        guard !clientIsLeaving else { return try core.budgets.spend(\.ping, "GOAWAY frames", now: core.now) }
        clientIsLeaving = true
        events.append(.goAwayReceived(goAway))
        closeIfDone()
    }
}

/// The versions of the protocol that this build speaks.
package enum ProtocolVersion {
    package static let current: UInt32 = 1
    /// The ALPN identifier of this version.
    package static let alpn = "agentshield/1"
}
