package import NIOCore

/// Redis for one event loop: a server, or a cluster that is found out by its redirections. All of it is used on that loop only.
///
/// A command is sent once. It is sent again only where Redis said that it did nothing (`NOSCRIPT`, `MOVED`, `ASK`); everything else is the caller's
/// to decide, for whom `RedisFailure.mayHaveRun` and `RedisServerError.retry` tell what is known.
package final class RedisClient: RedisNodeOwner, RedisReceiver {
    package let eventLoop: any EventLoop
    private let options: RedisOptions
    private var nodes: [RedisAddress: RedisNode] = [:]
    private var seed: RedisNode?
    private var slots: RedisSlotMap
    private var isRefreshing = false
    /// The node that is asked for its map.
    private var refreshSource: RedisAddress?
    private var nextRefresh = NIODeadline.uptimeNanoseconds(0)
    /// Which node was asked last when the map is to be learnt from another.
    private var refreshTurn = 0
    private var idleCalls: [RedisCall] = []
    private var isClosed = false

    package init(options: RedisOptions, eventLoop: any EventLoop) {
        self.options = options
        self.eventLoop = eventLoop
        slots = RedisSlotMap(maxNodes: options.limits.maxNodes)
        let seed = RedisNode(address: options.address, options: options, eventLoop: eventLoop, owner: self)
        self.seed = seed
        nodes[options.address] = seed
    }

    /// Sends a command; the receiver gets one answer, at the deadline at the latest.
    package func send(_ command: RedisCommand, deadline: NIODeadline, to receiver: any RedisReceiver, tag: UInt64 = 0) {
        let call = idleCalls.popLast() ?? RedisCall()
        call.command = command
        call.deadline = deadline
        call.receiver = receiver
        call.tag = tag
        call.sendsScriptText = false
        call.isAsking = false
        call.redirections = 0
        guard !isClosed, let node = node(for: command.slot) else { return finish(call, .failure(.refused(.closed))) }
        node.submit(call)
    }

    /// The same with a future, for what is not on a request's way.
    package func send(_ command: RedisCommand, timeout: TimeAmount) -> EventLoopFuture<RedisReply> {
        let receiver = RedisPromise(eventLoop.makePromise())
        send(command, deadline: eventLoop.now + timeout, to: receiver)
        return receiver.promise.futureResult
    }

    /// Closes every connection; what has no answer is told so.
    package func close() {
        isClosed = true
        for node in nodes.values { node.close() }
    }

    /// The breaker of the configured address, for metrics.
    package var breakerState: RedisBreaker.State { seed?.breakerState ?? .closed(failures: 0, slow: 0) }

    /// Nodes that there are connections to, for metrics.
    package var knownNodes: Int { nodes.count }

    /// Sends to one node whatever the slot, for checks at start.
    package func send(_ command: RedisCommand, to address: RedisAddress, timeout: TimeAmount) -> EventLoopFuture<RedisReply> {
        let receiver = RedisPromise(eventLoop.makePromise())
        let call = RedisCall()
        call.command = command
        call.deadline = eventLoop.now + timeout
        call.receiver = receiver
        // Answers of this node count, wherever it points to.
        call.redirections = options.limits.maxRedirections
        if let node = node(at: address) {
            node.submit(call)
        } else {
            receiver.redisAnswered(.failure(.refused(.closed)), tag: 0)
        }
        return receiver.promise.futureResult
    }

    // MARK: Nodes

    private func node(for slot: UInt16?) -> RedisNode? {
        slot.flatMap { slots.owner(of: $0) }.flatMap { node(at: $0) } ?? seed
    }

    private func node(at address: RedisAddress) -> RedisNode? {
        if let node = nodes[address] { return node }
        guard !isClosed, nodes.count <= options.limits.maxNodes else { return nil }
        let node = RedisNode(address: address, options: options, eventLoop: eventLoop, owner: self)
        nodes[address] = node
        return node
    }

    // MARK: Answers

    func nodeAnswered(_ node: RedisNode, call: RedisCall, _ result: Result<RedisReply, RedisFailure>) {
        switch result {
        case .failure(.server(let error)):
            switch error.kind {
            case .noScript where call.command?.script != nil && !call.sendsScriptText:
                call.sendsScriptText = true
                node.submit(call)
            case .moved(let slot, let host, let port, let isAsk):
                let address = RedisAddress(host: host.isEmpty ? node.address.host : host, port: Int(port))
                redirected(call, slot: slot, to: address, isAsk: isAsk)
            default:
                finish(call, result)
            }
        case .failure(.connectionLost), .failure(.deadlineExceeded), .failure(.refused(.breakerOpen)):
            // The node's slots may have another owner soon.
            if !slots.nodes.isEmpty { refreshSlots(avoiding: node.address) }
            finish(call, result)
        default:
            finish(call, result)
        }
    }

    private func redirected(_ call: RedisCall, slot: UInt16, to address: RedisAddress, isAsk: Bool) {
        if !isAsk, slots.assign(slot...slot, to: address) {
            refreshSlots(from: address)
        }
        guard call.redirections < options.limits.maxRedirections else { return finish(call, .failure(.tooManyRedirections)) }
        guard let node = node(at: address) else { return finish(call, .failure(.refused(.closed))) }
        call.redirections += 1
        call.isAsking = isAsk
        node.submit(call)
    }

    private func finish(_ call: RedisCall, _ result: Result<RedisReply, RedisFailure>) {
        let (receiver, tag) = (call.receiver, call.tag)
        call.receiver = nil
        call.command = nil
        if idleCalls.count < 256 {
            idleCalls.append(call)
        }
        receiver?.redisAnswered(result, tag: tag)
    }

    // MARK: The slot map

    /// At most once a second: what a redirection said is in the map already.
    private func refreshSlots(from address: RedisAddress) {
        let now = eventLoop.now
        guard !isRefreshing, now >= nextRefresh, let node = node(at: address) else { return }
        isRefreshing = true
        nextRefresh = now + .seconds(1)
        let call = RedisCall()
        call.command = RedisCommand("CLUSTER", "SLOTS")
        call.deadline = now + options.limits.connectTimeout
        call.receiver = self
        refreshSource = address
        node.submit(call)
    }

    private func refreshSlots(avoiding failed: RedisAddress) {
        let others = (slots.nodes + [options.address]).filter { $0 != failed }
        guard !others.isEmpty else { return }
        refreshTurn &+= 1
        refreshSlots(from: others[Int(UInt(bitPattern: refreshTurn) % UInt(others.count))])
    }

    /// The cluster's answer about its slots.
    package func redisAnswered(_ result: Result<RedisReply, RedisFailure>, tag: UInt64) {
        isRefreshing = false
        guard case .success(let reply) = result, let asked = refreshSource,
            let map = RedisSlotMap.read(reply.value, asked: asked, maxNodes: options.limits.maxNodes)
        else { return }
        slots = map
        let kept = Set(map.nodes + [options.address])
        for (address, node) in nodes where !kept.contains(address) && !node.isBusy {
            node.close()
            nodes[address] = nil
        }
    }
}

/// A receiver that fulfils a promise.
private final class RedisPromise: RedisReceiver {
    let promise: EventLoopPromise<RedisReply>

    init(_ promise: EventLoopPromise<RedisReply>) {
        self.promise = promise
    }

    func redisAnswered(_ result: Result<RedisReply, RedisFailure>, tag: UInt64) {
        promise.completeWith(result.mapError { $0 as any Error })
    }
}
