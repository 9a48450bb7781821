import DequeModule
package import NIOCore

extension ServerConnection {
    // MARK: - Ends

    /// Takes no new streams any more, and closes when those that are open have ended, at the latest after `timeout`. Said again,
    /// it can only bring the deadline forward.
    package mutating func goAway(_ reason: GoAway.Reason, message: Text = Text(), drainWithin timeout: TimeAmount) {
        guard state != .closed else { return }
        let deadline = core.now + timeout
        if let drain, drain.deadline <= deadline { return }
        let drain = Drain(lastStream: drain?.lastStream ?? highestStream, deadline: deadline)
        self.drain = drain
        let milliseconds = max(0, (drain.deadline - core.now).nanoseconds / 1_000_000)
        core.sendGoAway(
            GoAway(
                lastStream: drain.lastStream.rawValue, reason: reason, drainDeadlineMs: UInt32(clamping: milliseconds),
                message: message.prefix(maxBytes: 1024)))
        closeIfDone()
    }

    /// Ends the connection with an error.
    package mutating func fail(_ error: ErrorBody) {
        guard state != .closed else { return }
        core.sendError(error, on: .connection)
        if state == .open {
            // Never higher than in an earlier GOAWAY.
            let lastStream = drain?.lastStream ?? highestStream
            core.sendGoAway(GoAway(lastStream: lastStream.rawValue, reason: .protocolError))
        }
        removeAllStreams()
        events.append(.failed(error, .local))
        close()
    }

    mutating func close() {
        guard state != .closed else { return }
        state = .closed
        core.parser.removeAll()
        events.append(.closed)
    }

    /// Closes a connection that takes no new streams once none is open.
    mutating func closeIfDone() {
        guard drain != nil || clientIsLeaving, openStreams == 0 else { return }
        close()
    }

    // MARK: - Streams

    mutating func removeStream(_ id: StreamID) {
        guard let stream = streams.remove(id) else { return }
        core.outbox.close(id)
        if case .refused = stream.state {
            refusedStreams -= 1
            return
        }
        giveBack(stream)
        if openStreams == 0 { idleSince = core.now }
        closeIfDone()
    }

    mutating func removeAllStreams() {
        for stream in streams.values { giveBack(stream) }
        streams.removeAll()
        refusedStreams = 0
        core.outbox.closeAll()
    }

    private mutating func giveBack(_ stream: ServerStream) {
        let reserved = stream.reservedBytes + stream.waitingBytes
        guard reserved > 0 else { return }
        inFlightRequestBytes -= stream.reservedBytes
        waitingResultBytes -= stream.waitingBytes
        admission?.release(reserved)
    }

    /// Acts on what the outbox sent from its queues.
    mutating func collectFromOutbox() {
        while let id = core.outbox.drained.popFirst() {
            switch streams[id]?.state {
            case .begun, .streaming: events.append(.streamWritable(id))
            default: break
            }
        }
        while let id = core.outbox.finished.popFirst() { removeStream(id) }
    }

    // MARK: - Time

    package var nextDeadline: NIODeadline? {
        switch state {
        case .closed: nil
        case .awaitingHello, .awaitingAcceptance: earlier(helloDeadline, drain?.deadline)
        case .open:
            earlier(
                earlier(earlier(core.liveness.nextDeadline, idleDeadline), earlier(stallDeadline, assemblyDeadline)), drain?.deadline)
        }
    }

    private var idleDeadline: NIODeadline? {
        guard let idleSince, let idleTimeout = settings.common.idleTimeout else { return nil }
        return idleSince + idleTimeout
    }

    private var stallDeadline: NIODeadline? {
        core.outbox.earliestWait.map { $0 + settings.stallTimeout }
    }

    package mutating func timerFired(now: NIODeadline) {
        core.advance(to: now)
        guard state != .closed else { return }
        if let helloDeadline, core.now >= helloDeadline {
            return fail(ConnectionBreach(.timeout, "HELLO did not come in time").body)
        }
        if let drain, core.now >= drain.deadline { return endDrain() }
        guard state == .open else { return }
        if let idleDeadline, core.now >= idleDeadline {
            return goAway(.idle, drainWithin: .zero)
        }
        guard core.checkLiveness() else { return fail(ConnectionBreach(.timeout, "PING was not answered").body) }
        checkAssemblies()
        if let stallDeadline, core.now >= stallDeadline { endStalledStreams() }
    }

    private mutating func endDrain() {
        let error = ErrorBody(code: .draining, message: "the drain deadline passed", retryable: true)
        for id in streams.ids { abort(id, error) }
        close()
    }

    private mutating func endStalledStreams() {
        let error = ErrorBody(code: .stalled, message: "the client took nothing of the answer for too long")
        for id in core.outbox.streamsWaiting(since: core.now - settings.stallTimeout) { abort(id, error) }
        core.outbox.recountWaits()
    }

    private mutating func checkAssemblies() {
        guard let assemblyDeadline, core.now >= assemblyDeadline else { return }
        var earliest: NIODeadline?
        for case .receiving(let assembly) in streams.values.map(\.state) {
            if core.now >= assembly.deadline {
                return fail(ConnectionBreach(.timeout, "the rest of a REQUEST did not come in time").body)
            }
            earliest = min(earliest ?? assembly.deadline, assembly.deadline)
        }
        self.assemblyDeadline = earliest
    }
}
