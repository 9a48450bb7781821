import NIOCore

extension ServerConnection {
    /// Answers HELLO with WELCOME.
    package mutating func accept(region: Text = Text(), replicaID: Text = Text(), serverVersion: Text = Text()) {
        guard state == .awaitingAcceptance else { return }
        let welcome = Welcome(
            version: ProtocolVersion.current, limits: limits, features: core.features.rawValue, region: region.prefix(maxBytes: 256),
            replicaID: replicaID.prefix(maxBytes: 256), serverVersion: serverVersion.prefix(maxBytes: 256))
        core.outbox.writeControl(.welcome, on: .connection) { welcome.encode(into: &$0) }
        state = .open
        helloDeadline = nil
        idleSince = core.now
    }

    /// Answers HELLO with an error, which ends the connection.
    package mutating func reject(_ error: ErrorBody) {
        guard state == .awaitingAcceptance else { return }
        core.sendError(error, on: .connection)
        close()
    }

    /// Whether the stream is open and next to nothing of it waits. If not, no more should be produced for it until `streamWritable`.
    package func isWritable(_ id: StreamID) -> Bool {
        core.outbox.hasRoom(id)
    }

    /// Sends the head of an answer.
    ///
    /// - Parameter firstSequence: the sequence of the answer's first DELTA: 1, or for a resumed answer what the client lacks.
    package mutating func sendBegin(_ begin: Begin, on id: StreamID, firstSequence: UInt64 = 1) {
        guard case .requested = streams[id]?.state else { return requireOver(id) }
        guard core.outbox.writeControl(.begin, on: id, encode: { begin.encode(into: &$0) }) else {
            return abort(id, .tooLong("BEGIN"))
        }
        streams.update(id) { $0.state = .begun }
        streams.update(id) { $0.nextSequence = firstSequence }
    }

    /// Sends a piece of a streamed answer, in several frames if it is too long for one.
    ///
    /// - Parameter delta: its sequence and padding are set here.
    /// - Returns: the last sequence that it took; 0 if the stream is over.
    @discardableResult
    package mutating func sendDelta(_ delta: Delta, on id: StreamID) -> UInt64 {
        switch streams[id]?.state {
        case .begun, .streaming: break
        default:
            requireOver(id)
            return 0
        }
        streams.update(id) { $0.state = .streaming }
        var splitter = DeltaSplitter(delta, maxPayload: core.outbox.maxDataPayload)
        while var piece = splitter.next() {
            guard let sequence = streams[id]?.nextSequence else { return 0 }
            piece.sequence = sequence
            if core.features.contains(.padding) { piece.pad(maxPayload: core.outbox.maxDataPayload) }
            guard core.outbox.send(.delta, piece, on: id) != .full else {
                abort(id, ErrorBody(code: .answerTooLarge, message: "the answer outran the client's credit"))
                return 0
            }
            streams.update(id) { $0.nextSequence = sequence + 1 }
        }
        guard !splitter.isStuck else {
            abort(id, .tooLong("DELTA"))
            return 0
        }
        collectFromOutbox()
        return (streams[id]?.nextSequence ?? 1) - 1
    }

    /// Sends a whole answer, in fragments as the client's credit allows.
    ///
    /// What waits for credit is reserved like a request. A client that gives no credit has its answers up to a bound, and no more.
    package mutating func sendResult(_ result: ResultBody, on id: StreamID) {
        guard case .begun = streams[id]?.state else { return requireOver(id) }
        let length = result.encodedLength
        guard length <= clientMaxMessageBytes else {
            return abort(id, ErrorBody(code: .answerTooLarge, message: "the answer is longer than the client's max_message_bytes"))
        }
        guard waitingResultBytes == 0 || waitingResultBytes + length <= settings.maxWaitingResultBytes else {
            return abort(id, ErrorBody(code: .answerTooLarge, message: "too many bytes of answers wait for the client's credit"))
        }
        streams.update(id) { $0.state = .resulted }
        core.outbox.sendMessage(.result, result, length: length, isLast: false, on: id)
        if !core.outbox.isDrained(id) {
            guard admission?.reserve(length) ?? true else {
                return abort(id, ErrorBody(code: .overloaded, message: "too many bytes are in flight", retryable: true, retryAfterMs: 1000))
            }
            waitingResultBytes += length
            streams.update(id) { $0.waitingBytes = length }
        }
        collectFromOutbox()
    }

    /// Sends the foot of an answer, behind what waits.
    package mutating func sendEnd(_ end: End, on id: StreamID) {
        switch streams[id]?.state {
        case .begun, .streaming, .resulted: break
        default: return requireOver(id)
        }
        guard core.outbox.sendLast(.end, end, on: id) || core.outbox.sendLast(.end, end.withoutDiagnostics, on: id) else {
            return abort(id, .tooLong("END"))
        }
        streams.update(id) { $0.state = .finishing }
        collectFromOutbox()
    }

    /// Ends a stream with an error, behind what waits, or at once.
    ///
    /// - Parameter discardingQueued: what waits for credit is dropped. For deadlines: a client that gives no credit would
    ///   otherwise hold the error back.
    package mutating func sendError(_ error: ErrorBody, on id: StreamID, discardingQueued: Bool = false) {
        switch streams[id]?.state {
        case .requested, .begun, .streaming, .resulted: break
        default: return requireOver(id)
        }
        if discardingQueued {
            core.sendError(error, on: id)
            removeStream(id)
        } else {
            streams.update(id) { $0.state = .finishing }
            _ = core.outbox.sendLast(.error, error.fittingControlFrame, on: id)
            collectFromOutbox()
        }
    }

    /// Calls on a stream that is over are ignored: its end may have crossed them. Any other is a fault of our own.
    private func requireOver(_ id: StreamID) {
        assert(!streams.contains(id) || isFinishing(id), "BEGIN, then DELTAs or one RESULT, then END")
    }

    private func isFinishing(_ id: StreamID) -> Bool {
        if case .finishing = streams[id]?.state { return true }
        return false
    }

    /// Ends a stream on our own account. The application hears of it if it has the request and is not done with it.
    mutating func abort(_ id: StreamID, _ error: ErrorBody) {
        switch streams[id]?.state {
        case .refused, nil: return
        case .receiving, .finishing: core.sendError(error, on: id)
        case .requested, .begun, .streaming, .resulted:
            core.sendError(error, on: id)
            events.append(.streamAborted(id, error))
        }
        removeStream(id)
    }
}

extension ErrorBody {
    fileprivate static func tooLong(_ frame: String) -> ErrorBody {
        ErrorBody(code: .internalError, message: Text("a \(frame) frame would be too long"), retryable: true)
    }
}

extension End {
    /// The same without what is only for people to look at, for an END that would be too long.
    fileprivate var withoutDiagnostics: End {
        var end = self
        end.timings = []
        end.scrubbed = []
        end.routeReason = Text()
        for index in end.finishes.indices { end.finishes[index].providerReason = Text() }
        return end
    }
}
