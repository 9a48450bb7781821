package import NIOCore

extension ClientConnection {
    /// Opens a stream with a request. It goes out in fragments as the server's credit allows.
    package mutating func send(_ request: Request) throws(OpenStreamFailure) -> StreamID {
        guard state != .closed else { throw .closed }
        guard lastAccepted == nil, !isLeaving else { throw .goingAway }
        guard let id = nextStream else { throw .streamsExhausted }
        guard streams.count < Int(serverLimits.maxConcurrentStreams) else {
            owesRoom = true
            throw .tooManyStreams
        }
        let length = request.encodedLength
        guard length <= Int(serverLimits.maxMessageBytes) else { throw .requestTooLarge(limit: Int(serverLimits.maxMessageBytes)) }

        nextStream = id.rawValue <= UInt32.max - 2 ? StreamID(rawValue: id.rawValue + 2) : nil
        idleSince = nil
        let window = ReceiveWindow(initial: Int(limits.initialStreamCredit))
        streams.insert(ClientStream(window: window, nextSequence: request.firstSequence), for: id)
        core.outbox.open(id)
        core.outbox.sendMessage(.request, request, length: length, isLast: true, on: id)
        return id
    }

    /// Gives a stream up. It is over at once; nothing more of it is told.
    package mutating func cancel(_ id: StreamID, reason: Cancel.Reason) {
        guard streams.contains(id) else { return }
        // Of a stream that still waits for its first credit, the server knows nothing.
        if !core.outbox.isOpen(id) || core.outbox.hasSent(on: id) { sendCancel(id, reason) }
        removeStream(id)
    }

    /// The application took bytes of a stream: the `cost` of its deltas.
    package mutating func consumed(_ bytes: Int, on id: StreamID) {
        guard let release = streams.update(id, { $0.window.release(bytes) }), let increment = release else { return }
        core.sendCredit(increment, on: id)
    }

    /// Opens no more streams, and closes when those that are open have ended.
    package mutating func goAway(reason: GoAway.Reason = .unspecified) {
        guard state != .closed, !isLeaving else { return }
        isLeaving = true
        core.sendGoAway(GoAway(reason: reason))
        closeIfDone()
    }

    /// Ends the connection with an error.
    package mutating func fail(_ error: ErrorBody) {
        guard state != .closed else { return }
        core.sendError(error, on: .connection)
        end(with: error, .local)
    }

    mutating func end(with error: ErrorBody, _ origin: ConnectionFailure.Origin) {
        streams.removeAll()
        core.outbox.closeAll()
        events.append(.failed(error, origin))
        close()
    }

    mutating func sendCancel(_ id: StreamID, _ reason: Cancel.Reason) {
        let cancel = Cancel(reason: reason)
        core.outbox.writeControl(.cancel, on: id) { cancel.encode(into: &$0) }
    }

    mutating func removeStream(_ id: StreamID) {
        guard streams.remove(id) != nil else { return }
        core.outbox.close(id)
        if streams.isEmpty { idleSince = core.now }
        if owesRoom, canOpenStream {
            owesRoom = false
            events.append(.streamsAvailable)
        }
        closeIfDone()
    }

    mutating func closeIfDone() {
        guard isLeaving || lastAccepted != nil, streams.isEmpty else { return }
        close()
    }

    mutating func close() {
        guard state != .closed else { return }
        state = .closed
        core.parser.removeAll()
        events.append(.closed)
    }

    // MARK: - Time

    package var nextDeadline: NIODeadline? {
        guard state != .closed else { return nil }
        let liveness = state == .open ? core.liveness.nextDeadline : nil
        return earlier(earlier(welcomeDeadline, liveness), earlier(idleDeadline, assemblyDeadline))
    }

    private var idleDeadline: NIODeadline? {
        guard let idleSince, let idleTimeout = settings.common.idleTimeout else { return nil }
        return idleSince + idleTimeout
    }

    package mutating func timerFired(now: NIODeadline) {
        core.advance(to: now)
        guard state != .closed else { return }
        if let welcomeDeadline, core.now >= welcomeDeadline {
            return fail(ConnectionBreach(.timeout, "WELCOME did not come in time").body)
        }
        if let idleDeadline, core.now >= idleDeadline { return goAway(reason: .idle) }
        if state == .open, !core.checkLiveness() { return fail(ConnectionBreach(.timeout, "PING was not answered").body) }
        checkAssemblies()
    }

    private mutating func checkAssemblies() {
        guard let assemblyDeadline, core.now >= assemblyDeadline else { return }
        var earliest: NIODeadline?
        for case .assembling(let assembly) in streams.values.map(\.state) {
            if core.now >= assembly.deadline {
                return fail(ConnectionBreach(.timeout, "the rest of a RESULT did not come in time").body)
            }
            earliest = min(earliest ?? assembly.deadline, assembly.deadline)
        }
        self.assemblyDeadline = earliest
    }
}

extension Request {
    /// The sequence that the first DELTA of the answer has.
    fileprivate var firstSequence: UInt64 {
        guard case .resume(let resume) = operation else { return 1 }
        return resume.lastSequence < .max ? resume.lastSequence + 1 : .max
    }
}
