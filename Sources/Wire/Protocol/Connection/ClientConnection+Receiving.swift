import NIOCore

extension ClientConnection {
    /// Acts on a frame whose header is valid.
    mutating func receive(_ type: FrameType, _ frame: Frame) throws(ConnectionBreach) {
        let id = frame.header.stream
        if state == .awaitingWelcome {
            switch type {
            case .welcome, .goAway: break
            case .error where id == .connection: break
            default: throw .protocolError("the first frame is not WELCOME")
            }
        }
        switch type {
        case .welcome: try receiveWelcome(frame.payload)
        case .goAway: try receiveGoAway(frame.payload)
        case .credit: try receiveCredit(frame)
        case .error where id == .connection: end(with: try decodeControl(.error, frame.payload), .peer)
        case .begin, .delta, .result, .end, .error: try receiveAnswer(type, frame)
        case .ping, .pong, .hello, .request, .cancel: throw .protocolError("a \(type) frame from the wrong side")
        }
    }

    private mutating func receiveWelcome(_ payload: ByteBuffer) throws(ConnectionBreach) {
        guard state == .awaitingWelcome else { throw .protocolError("a second WELCOME") }
        var welcome: Welcome = try decodeControl(.welcome, payload)
        guard welcome.version == ProtocolVersion.current else {
            throw ConnectionBreach(.unsupportedVersion, "WELCOME has a version that was not offered")
        }
        let resolved = (welcome.limits ?? Limits()).resolved
        try resolved.validate(minimum: .welcomeMinimum)
        welcome.limits = resolved
        core.features = Features(rawValue: welcome.features).intersection(settings.features)
        core.outbox.compressedTypes = core.features.contains(.lz4) ? [.request] : []
        try core.outbox.raise(to: resolved, from: serverLimits)
        serverLimits = resolved
        welcomeDeadline = nil
        state = .open
        events.append(.welcomeReceived(welcome))
    }

    private mutating func receiveGoAway(_ payload: ByteBuffer) throws(ConnectionBreach) {
        let goAway: GoAway = try decodeControl(.goAway, payload)
        let last = StreamID(rawValue: goAway.lastStream)
        if let lastAccepted {
            guard last <= lastAccepted else { throw .protocolError("a GOAWAY with a higher last_stream than before") }
            try core.budgets.spend(\.ping, "GOAWAY frames", now: core.now)
        }
        lastAccepted = last
        events.append(.goAwayReceived(goAway))
        for id in streams.ids where id > last {
            events.append(.streamRefused(id))
            removeStream(id)
        }
        closeIfDone()
    }

    private mutating func receiveCredit(_ frame: Frame) throws(ConnectionBreach) {
        let id = frame.header.stream
        guard id != .connection else { return try core.outbox.grant(try core.readCredit(frame.payload, isLate: false)) }
        try requireOpened(id)
        try core.outbox.grant(try core.readCredit(frame.payload, isLate: !streams.contains(id)), on: id)
    }

    private func requireOpened(_ id: StreamID) throws(ConnectionBreach) {
        guard id.isClientInitiated, nextStream.map({ id < $0 }) ?? true else {
            throw .protocolError("a frame on a stream that was never opened")
        }
    }

    // MARK: - Answers

    private mutating func receiveAnswer(_ type: FrameType, _ frame: Frame) throws(ConnectionBreach) {
        let id = frame.header.stream
        try requireOpened(id)
        guard let state = streams[id]?.state else {
            // Late: the stream was given up here, or the server said more after the end.
            if type == .delta || type == .result { _ = try core.swallowData(frame) }
            return
        }
        switch (type, state) {
        case (.begin, .requested):
            guard !core.outbox.isOpen(id) else { throw .protocolError("BEGIN before the whole request was sent") }
            guard let begin: Begin = decodeAnswer(frame.payload, id) else { return }
            streams.update(id) { $0.state = .begun }
            events.append(.beginReceived(id, begin))
        case (.delta, .begun), (.delta, .streaming): try receiveDelta(frame, id)
        case (.result, .begun):
            try receiveResult(frame, id, former: nil)
        case (.result, .assembling(let assembly)):
            // Taken out of the table, so that its buffer is not shared and grows in place.
            streams.update(id) { $0.state = .resulted }
            try receiveResult(frame, id, former: assembly)
        case (.end, .begun), (.end, .streaming), (.end, .resulted):
            guard let end: End = decodeAnswer(frame.payload, id) else { return }
            events.append(.endReceived(id, end))
            removeStream(id)
        case (.error, _):
            try receiveStreamError(frame.payload, id)
        default: throw .protocolError("a \(type) frame out of order")
        }
    }

    private mutating func receiveStreamError(_ payload: ByteBuffer, _ id: StreamID) throws(ConnectionBreach) {
        let error: ErrorBody = try decodeControl(.error, payload)
        events.append(.errorReceived(id, error))
        // Lets the server forget a request of which it will not see the rest.
        if core.outbox.isOpen(id) { sendCancel(id, .caller) }
        removeStream(id)
    }

    private mutating func receiveDelta(_ frame: Frame, _ id: StreamID) throws(ConnectionBreach) {
        let payload = try core.receiveData(frame)
        let cost = payload.readableBytes
        try streams.update(id) { (stream) throws(ConnectionBreach) in try stream.window.receive(cost) }
        core.release(cost)
        guard let delta: Delta = decodeAnswer(payload, id) else { return }
        guard let expected = streams[id]?.nextSequence, delta.sequence == expected else {
            return giveUp(id, ErrorBody(code: .malformedBody, message: "a DELTA is out of sequence"))
        }
        streams.update(id) { stream in
            stream.nextSequence = expected &+ 1
            stream.state = .streaming
        }
        events.append(.deltaReceived(id, delta, cost: cost))
    }

    private mutating func receiveResult(_ frame: Frame, _ id: StreamID, former: MessageAssembly?) throws(ConnectionBreach) {
        var fragment = try core.receiveData(frame)
        let cost = fragment.readableBytes
        try streams.update(id) { (stream) throws(ConnectionBreach) in try stream.window.receive(cost) }
        core.release(cost)

        var assembly: MessageAssembly
        if let former {
            assembly = former
            if cost == 0 { try core.budgets.spend(\.emptyFrame, "empty frames", now: core.now) }
        } else {
            assembly = MessageAssembly(total: try MessageAssembly.readTotal(&fragment), now: core.now)
            guard assembly.total <= Int(limits.maxMessageBytes) else {
                return giveUp(id, ErrorBody(code: .answerTooLarge, message: "a RESULT is longer than max_message_bytes"))
            }
        }
        guard let message = try assembly.add(fragment, isLast: !frame.header.flags.contains(.more)) else {
            assemblyDeadline = min(assemblyDeadline ?? assembly.deadline, assembly.deadline)
            streams.update(id) { $0.state = .assembling(assembly) }
            let release = streams.update(id) { $0.window.release(cost) }
            if let release, let increment = release { core.sendCredit(increment, on: id) }
            return
        }
        guard let result: ResultBody = decodeAnswer(message, id) else { return }
        streams.update(id) { $0.state = .resulted }
        events.append(.resultReceived(id, result))
    }

    /// A body of an answer. One that cannot be decoded ends its stream, not the connection: `nil`.
    private mutating func decodeAnswer<Message: WireMessage>(_ payload: ByteBuffer, _ id: StreamID) -> Message? {
        do {
            return try Message.decode(from: payload)
        } catch {
            giveUp(id, ErrorBody(code: .malformedBody, message: Text("the answer cannot be decoded: \(error)")))
            return nil
        }
    }

    private mutating func giveUp(_ id: StreamID, _ error: ErrorBody) {
        sendCancel(id, .invalidAnswer)
        events.append(.streamFailed(id, error))
        removeStream(id)
    }
}
