import DequeModule
import NIOCore
import NIOPosix

/// Where a node's calls end.
protocol RedisNodeOwner: AnyObject {
    func nodeAnswered(_ node: RedisNode, call: RedisCall, _ result: Result<RedisReply, RedisFailure>)
}

/// One Redis server as one event loop sees it: a connection, made anew when it is lost, and the commands that wait for it.
final class RedisNode: RedisConnectionOwner {
    let address: RedisAddress
    private let options: RedisOptions
    private let eventLoop: any EventLoop
    private weak var owner: (any RedisNodeOwner)?
    private var machine: RedisNodeMachine
    private var connection: RedisConnection?
    /// Connections of the current attempt that have not greeted yet.
    private var candidates: [RedisConnection] = []
    private var queue: Deque<RedisCall> = []
    private var queueTimer: Scheduled<Void>?
    private var connectTimer: Scheduled<Void>?
    /// Counts attempts, so that a late one is known.
    private var attempt = 0

    init(address: RedisAddress, options: RedisOptions, eventLoop: any EventLoop, owner: any RedisNodeOwner) {
        self.address = address
        self.options = options
        self.eventLoop = eventLoop
        self.owner = owner
        machine = RedisNodeMachine(limits: options.limits)
    }

    var breakerState: RedisBreaker.State { machine.breaker.state }
    var isBusy: Bool { !queue.isEmpty || (connection?.outstandingCount ?? 0) > 0 }

    func submit(_ call: RedisCall) {
        let now = eventLoop.now
        guard call.deadline > now else { return answer(call, .failure(.deadlineExceeded(wasSent: false))) }
        switch machine.submitted(queued: queue.count, now: now) {
        case .send:
            send(call)
        case .wait(let connectsNow):
            queue.append(call)
            watchQueue()
            if connectsNow { connect() }
        case .refuse(let refusal):
            answer(call, .failure(.refused(refusal)))
        }
    }

    /// Ends everything; commands without an answer are told so.
    func close() {
        machine.closed()
        connectTimer?.cancel()
        connection?.end(.connectionLost(wasSent: true))
        endCandidates(but: nil)
        answerQueue(.refused(.closed))
    }

    private func send(_ call: RedisCall) {
        if let refusal = connection?.send(call) ?? (connection == nil ? .closed : nil) {
            answer(call, .failure(.refused(refusal)))
        }
    }

    private func answer(_ call: RedisCall, _ result: Result<RedisReply, RedisFailure>) {
        owner?.nodeAnswered(self, call: call, result)
    }

    // MARK: Connecting

    private func connect() {
        attempt += 1
        let attempt = attempt
        let isolated = eventLoop.assumeIsolated()
        connectTimer = isolated.scheduleTask(in: options.limits.connectTimeout) { [self] in attemptFailed(attempt) }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .connectTimeout(options.limits.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.install(in: channel, attempt: attempt) }
            }
        bootstrap.connect(host: address.host, port: address.port).assumeIsolated().whenFailure { [self] _ in
            attemptFailed(attempt)
        }
    }

    private func install(in channel: any Channel, attempt: Int) throws {
        let connection = RedisConnection(options: options, eventLoop: eventLoop, owner: self, attempt: attempt)
        if let tls = options.tls {
            try channel.pipeline.syncOperations.addHandler(tls.makeHandler(host: address.host))
        }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    private func attemptFailed(_ attempt: Int) {
        guard attempt == self.attempt, machine.state == .connecting else { return }
        ended(.connectionLost(wasSent: false))
    }

    func connectionStarted(_ connection: RedisConnection) {
        guard connection.attempt == attempt, machine.state == .connecting else { return connection.end(.refused(.closed)) }
        candidates.append(connection)
    }

    func connectionGreeted(_ connection: RedisConnection) {
        guard candidates.contains(where: { $0 === connection }) else { return connection.end(.refused(.closed)) }
        connectTimer?.cancel()
        self.connection = connection
        machine.greeted()
        // A name with several addresses may have brought several connections; the first that greets stays.
        endCandidates(but: connection)
        queueTimer?.cancel()
        queueTimer = nil
        while let call = queue.popFirst() {
            send(call)
        }
    }

    func connectionEnded(_ connection: RedisConnection, failure: RedisFailure, calls: [RedisCall]) {
        if connection === self.connection {
            self.connection = nil
            ended(failure)
        } else if let index = candidates.firstIndex(where: { $0 === connection }) {
            candidates.remove(at: index)
            if failure != .connectionLost(wasSent: true) {
                // The server's answer to the greeting.
                ended(failure)
            } else if candidates.isEmpty {
                attemptFailed(attempt)
            }
        }
        for call in calls { answer(call, .failure(failure)) }
    }

    private func endCandidates(but kept: RedisConnection?) {
        let left = candidates
        candidates.removeAll()
        for candidate in left where candidate !== kept { candidate.end(.refused(.closed)) }
    }

    private func ended(_ failure: RedisFailure) {
        attempt += 1
        connectTimer?.cancel()
        endCandidates(but: nil)
        // Whom the server refused by name need not wait for its deadline to hear it.
        if case .connectionLost = failure {} else { answerQueue(failure) }
        guard let delay = machine.ended(now: eventLoop.now, random: Double.random(in: 0...1)) else { return }
        connectTimer = eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
            if machine.waited() { connect() }
        }
    }

    // MARK: Replies

    func connectionReplied(_ connection: RedisConnection, call: RedisCall, reply: RedisReply, latency: TimeAmount) {
        let now = eventLoop.now
        let error = reply.value.error
        machine.replied(error, latency: latency, now: now)
        guard let error else { return answer(call, .success(reply)) }
        answer(call, .failure(.server(error)))
        // The name may lead to another server by now; a young connection has just been made from it.
        if error.kind == .readOnly, connection.greetedAt + .seconds(5) < now {
            connection.end(.connectionLost(wasSent: true))
        }
    }

    func connectionExpired(_ connection: RedisConnection, call: RedisCall) {
        machine.expired(now: eventLoop.now)
        answer(call, .failure(.deadlineExceeded(wasSent: true)))
    }

    // MARK: The queue

    private func answerQueue(_ failure: RedisFailure) {
        queueTimer?.cancel()
        queueTimer = nil
        let calls = queue
        queue.removeAll()
        for call in calls { answer(call, .failure(failure)) }
    }

    private func watchQueue() {
        guard queueTimer == nil, let next = queue.lazy.map(\.deadline).min() else { return }
        queueTimer = eventLoop.assumeIsolated().scheduleTask(deadline: next) { [self] in queueTimerFired() }
    }

    private func queueTimerFired() {
        queueTimer = nil
        let now = eventLoop.now
        let expired = queue.filter { $0.deadline <= now }
        queue.removeAll { $0.deadline <= now }
        for call in expired {
            machine.expired(now: now)
            answer(call, .failure(.deadlineExceeded(wasSent: false)))
        }
        watchQueue()
    }
}
