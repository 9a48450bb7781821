import NIOCore

/// A connection as its node sees it.
protocol RedisConnectionOwner: AnyObject {
    /// The channel is open and the greeting goes out.
    func connectionStarted(_ connection: RedisConnection)
    func connectionGreeted(_ connection: RedisConnection)
    func connectionReplied(_ connection: RedisConnection, call: RedisCall, reply: RedisReply, latency: TimeAmount)
    func connectionExpired(_ connection: RedisConnection, call: RedisCall)
    /// Told once, of a connection that started. The calls have no answer and will get none.
    func connectionEnded(_ connection: RedisConnection, failure: RedisFailure, calls: [RedisCall])
}

/// The last handler of a connection to Redis: writes what is sent in one piece each tick of the loop, and tells its owner what the machine says.
final class RedisConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Which of its owner's attempts to connect this comes from.
    let attempt: Int
    private let options: RedisOptions
    private let eventLoop: any EventLoop
    private weak var owner: (any RedisConnectionOwner)?
    private var machine: RedisConnectionMachine<RedisCall>
    private var context: ChannelHandlerContext?
    private var pending = ByteBuffer()
    private var isFlushScheduled = false
    private var isReading = false
    private var hasStarted = false
    private var hasEnded = false
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    private(set) var greetedAt = NIODeadline.distantFuture

    init(options: RedisOptions, eventLoop: any EventLoop, owner: any RedisConnectionOwner, attempt: Int) {
        self.attempt = attempt
        self.options = options
        self.eventLoop = eventLoop
        self.owner = owner
        machine = RedisConnectionMachine(limits: options.limits)
    }

    var outstandingCount: Int { machine.outstandingCount }

    /// Sends a command, or says why not. Only after the greeting.
    func send(_ call: RedisCall) -> RedisFailure.Refusal? {
        guard let command = call.command, !hasEnded else { return .closed }
        let bytes = command.encodedBytes + (call.sendsScriptText ? command.script?.text.utf8.count ?? 0 : 0)
        if let refusal = machine.refusal(of: bytes) { return refusal }
        if call.isAsking {
            RedisCommand("ASKING").encode(into: &pending, sendsScriptText: false)
        }
        command.encode(into: &pending, sendsScriptText: call.sendsScriptText)
        machine.sent(call, bytes: bytes, deadline: call.deadline, afterAsking: call.isAsking, now: eventLoop.now)
        watch(call.deadline)
        flushLater()
        return nil
    }

    /// Ends the connection; its calls are handed back.
    func end(_ failure: RedisFailure) {
        guard !hasEnded else { return }
        hasEnded = true
        timer?.cancel()
        timer = nil
        // The channel may take its time with TLS's goodbyes; nobody waits for that.
        context?.close(promise: nil)
        if hasStarted {
            owner?.connectionEnded(self, failure: failure, calls: machine.end())
        }
        owner = nil
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { greet() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.connectionLost(wasSent: true))
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        greet()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.connectionLost(wasSent: true))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.connectionLost(wasSent: true))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded else { return }
        isReading = true
        if let failure = machine.received(unwrapInboundIn(data)) { return end(failure) }
        let now = eventLoop.now
        while !hasEnded, let event = machine.next(now: now) {
            switch event {
            case .greeted:
                greetedAt = now
                owner?.connectionGreeted(self)
            case .replied(let call, let reply, let latency):
                owner?.connectionReplied(self, call: call, reply: reply, latency: latency)
            case .failed(let failure):
                end(failure)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    private func greet() {
        guard !hasStarted, !hasEnded else { return }
        hasStarted = true
        owner?.connectionStarted(self)
        guard !hasEnded else { return }
        machine.greet(options, into: &pending, now: eventLoop.now)
        flush()
    }

    // MARK: Writing

    private func flushLater() {
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        guard pending.readableBytes > 0, let context, !hasEnded else { return }
        context.writeAndFlush(wrapOutboundOut(pending), promise: nil)
        // The socket has usually taken everything by now, and the memory is ours again.
        pending.clear(minimumCapacity: 0)
    }

    // MARK: Time

    /// One timer for all commands: most have their answers long before it fires.
    private func watch(_ deadline: NIODeadline) {
        guard deadline < timerDeadline else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in timerFired() }
    }

    private func timerFired() {
        timer = nil
        timerDeadline = .distantFuture
        let now = eventLoop.now
        var expired: [RedisCall] = []
        machine.expire(now: now) { expired.append($0) }
        for call in expired { owner?.connectionExpired(self, call: call) }
        if machine.isSilent(now: now) { return end(.connectionLost(wasSent: true)) }
        if !hasEnded, let next = machine.nextDeadline { watch(next) }
    }
}
