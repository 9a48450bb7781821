import GatewayCore
import GatewayJSON
import GatewayPipeline
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Providers
import WireTransport

/// The Responses API on a WebSocket: each `response.create` that comes is carried out as `POST /v1/responses` would be, with `stream`, one behind the
/// other, and each event of its answer is a message of its own. Who calls the upgrade's credential says, which is looked up anew for every request, so
/// that one that has been revoked is refused at once.
final class ResponsesSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// What every request of the connection has in common: who asks, and what the upgrade's headers said.
    struct Caller {
        var credential: Credential
        var controls: RequestControls
        var clientAddress: String?
    }

    private let backend: any ShimBackend
    private let caller: Caller
    private let arriving: ArrivingBytes
    private var rules: WebSocketRules
    private var clock: SocketClock
    private var timer = LazyTimer()
    private var context: ChannelHandlerContext?

    /// Messages that wait for the answer under way.
    private var waiting: [ByteBuffer] = []
    private var current: Current?
    private var memory: ResponsesMemory
    /// Events that are written at the end of this tick, one in each line.
    private var pending = ByteBuffer()
    private var isFlushScheduled = false
    private var isLeaving = false

    /// The request under way.
    private struct Current {
        var id: RequestID
        var answer: SurfaceAnswer
        /// The items of its conversation so far.
        var items: ByteBuffer
        var exchange: (any ShimExchange)?
    }

    init(backend: any ShimBackend, caller: Caller, arriving: ArrivingBytes, now: NIODeadline) {
        self.backend = backend
        self.caller = caller
        self.arriving = arriving
        rules = WebSocketRules(.server, carries: .texts(maxBytes: backend.settings.maxRequestBytes), now: now)
        clock = SocketClock(slowTimeout: backend.settings.slowRequestTimeout, now: now)
        memory = ResponsesMemory(backend: backend)
    }

    /// Adds what a channel needs behind the HTTP upgrade.
    static func add(to channel: any Channel, backend: any ShimBackend, caller: Caller) throws {
        let pipeline = channel.pipeline.syncOperations
        let arriving = ArrivingBytes(backend: backend)
        try pipeline.addHandler(WebSocketFrameEncoder())
        try pipeline.addHandler(arriving)
        try pipeline.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: backend.settings.maxRequestBytes)))
        try pipeline.addHandler(
            ResponsesSocketHandler(backend: backend, caller: caller, arriving: arriving, now: channel.eventLoop.now))
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        armTimer()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        abandon()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        abandon()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        clock.heard(now: context.eventLoop.now)
        perform(rules.frameReceived(frame, now: context.eventLoop.now))
        arriving.frameReceived(frame.length, isInsideMessage: rules.isInsideMessage)
        if !rules.isInsideMessage { clock.messageEnded() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        clock.messageIsArriving(arriving.held > 0, bytes: arriving.held, now: context.eventLoop.now)
        if arriving.isOverBudget { close(.init(codeNumber: 1013)) }
        armTimer()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !rules.isOpen, error is ByteToMessageDecoderError { return }
        if let error = error as? NIOWebSocketError { return perform(rules.decodingFailed(error)) }
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        clock.writabilityChanged(isWritable, now: context.eventLoop.now)
        if isWritable { current?.exchange?.resume() } else { current?.exchange?.pause() }
        armTimer()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { return context.close(promise: nil) }
        if event is ChannelShouldQuiesceEvent {
            isLeaving = true
            clock.drain(until: context.eventLoop.now + backend.settings.drainDeadline + ShimLimits.lingerTimeout)
            if current == nil { close(.goingAway) }
            armTimer()
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Frames

    private func perform(_ action: WebSocketRules.Action) {
        switch action {
        case .none: break
        case .deliver(let message): receive(message)
        case .pong(let bytes):
            // Who does not read needs no answer, and many would pile up.
            if context?.channel.isWritable == true { write(.pong, bytes, flushes: true) }
        case .fail(let code): say(code)
        case .answerClose(let code):
            say(code)
            context?.close(promise: nil)
        case .end: context?.close(promise: nil)
        }
    }

    /// Ends the connection in order.
    private func close(_ code: WebSocketErrorCode) {
        flush()
        guard rules.closeRequested() else { return }
        say(code)
    }

    /// Says Close, and gives the client a while to answer it.
    private func say(_ code: WebSocketErrorCode?) {
        abandon()
        var payload = ByteBuffer()
        if let code { payload.write(webSocketErrorCode: code) }
        write(.connectionClose, payload, flushes: true)
        if let context { clock.drain(until: context.eventLoop.now + ShimLimits.lingerTimeout) }
        armTimer()
    }

    private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, flushes: Bool) {
        guard let context else { return }
        context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: payload)), promise: nil)
        if flushes { context.flush() }
    }

    // MARK: Requests

    private func receive(_ message: ByteBuffer) {
        guard !isLeaving else { return }
        guard current == nil, waiting.isEmpty else {
            guard waiting.count < ResponsesSocketLimits.maxWaiting, backend.reserveBytes(message.readableBytes) else {
                tell(.tooManyWaiting)
                return close(.policyViolation)
            }
            return waiting.append(message)
        }
        begin(message)
    }

    private func begin(_ message: ByteBuffer) {
        guard let context else { return }
        let id = backend.makeRequestID()
        let request: ResponsesMessage
        do throws(SocketFault) {
            request = try ResponsesMessage(message, memory)
        } catch {
            return tell(error)
        }
        var answer = SurfaceAnswer(.responses, id, framing: .lines)
        answer.takeEcho(of: request.body)
        current = Current(id: id, answer: answer, items: request.items)
        guard request.generates else { return warmUp(request, id, now: context.eventLoop.now) }
        switch backend.authenticate(caller.credential) {
        case .known(let principal): start(request, id, principal, since: context.eventLoop.now)
        case .refused(let fault): refuse(fault)
        case .unknown(let credential):
            let since = context.eventLoop.now
            backend.lookUp(credential, timeout: caller.controls.timeout) { [weak self] answer in
                guard let self, current?.id == id else { return }
                switch answer {
                case .success(let principal): start(request, id, principal, since: since)
                case .failure(let fault): refuse(fault)
                }
            }
        }
    }

    /// - Parameter since: when the request came.
    private func start(_ request: ResponsesMessage, _ id: RequestID, _ principal: Principal, since: NIODeadline) {
        guard let context else { return }
        let controls = caller.controls
        let exchange = backend.begin(
            CallerRequest(
                id: id, principal: principal, body: request.body, surface: .responses, dropsUnsupported: controls.dropsUnsupported,
                receivedAt: since, authenticationNanoseconds: (context.eventLoop.now - since).nanoseconds, timeout: controls.timeout,
                silenceTimeout: controls.silenceTimeout, cache: controls.cache, cacheTimeToLive: controls.cacheTimeToLive,
                callerRequestID: controls.callerRequestID, traceparent: controls.traceparent, tracestate: controls.tracestate,
                clientAddress: caller.clientAddress),
            receiver: self)
        current?.exchange = exchange
        if !context.channel.isWritable { exchange.pause() }
        exchange.start()
    }

    /// The connection's credential is good for nothing any more, or nobody can say whether it is.
    private func refuse(_ fault: Fault) {
        backend.refused(fault.kind, at: .http)
        fail(fault)
        if fault.kind == .unauthenticated { close(.policyViolation) }
    }

    /// A request that only says what the next one will go on from: there is nothing to answer.
    private func warmUp(_ request: ResponsesMessage, _ id: RequestID, now: NIODeadline) {
        let head = AnswerHead(
            requestID: id, model: request.model, provider: "", cache: .bypass, routeReason: "",
            createdUnixSeconds: id.unixMilliseconds / 1_000,
            scrubbed: [], rateLimit: nil)
        current?.answer.began(head, wantsUsage: false)
        end(AnswerSummary(requestID: id))
    }

    private func end(_ summary: AnswerSummary) {
        guard var ended = current else { return }
        current = nil
        ended.answer.writeEnd(summary, into: &pending)
        if let response = ended.answer.response { memory.keep(response.id, ended.items, response.items) }
        goOn()
    }

    /// Goes on with the next message, when the tick's events are out.
    private func goOn() {
        scheduleFlush()
        guard !isLeaving else { return close(.goingAway) }
        context?.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self, current == nil, rules.isOpen, !waiting.isEmpty else { return }
            let message = waiting.removeFirst()
            backend.releaseBytes(message.readableBytes)
            begin(message)
            if current == nil { goOn() }
        }
    }

    private func tell(_ fault: SocketFault) {
        fault.write(into: &pending)
        scheduleFlush()
    }

    /// The connection is of no more use: its request is given up, and what it holds is given back.
    private func abandon() {
        timer.cancel()
        let exchange = current?.exchange
        current = nil
        exchange?.cancel()
        for message in waiting { backend.releaseBytes(message.readableBytes) }
        waiting.removeAll()
        memory.forget()
        arriving.releaseAll()
    }

    // MARK: Events

    /// Writes and flushes once for everything that this tick brings.
    private func scheduleFlush() {
        guard !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { [weak self] in
            self?.isFlushScheduled = false
            self?.flush()
        }
    }

    private func flush() {
        guard let context, pending.readableBytes > 0 else { return }
        var events = pending
        pending = ByteBuffer()
        guard rules.isOpen else { return }
        while let length = events.readableBytesView.firstIndex(of: UInt8(ascii: "\n")).map({ $0 - events.readerIndex }),
            let event = events.readSlice(length: length)
        {
            events.moveReaderIndex(forwardBy: 1)
            write(.text, event, flushes: false)
        }
        context.flush()
    }

    // MARK: Time

    private func armTimer() {
        guard let context else { return }
        timer.ensure(clock.deadline, on: context.eventLoop) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        guard let context else { return }
        timer.fired()
        switch clock.due(now: context.eventLoop.now) {
        case .nothing: break
        case .ping: write(.ping, ByteBuffer(), flushes: true)
        case .end: context.close(promise: nil)
        case .slow: close(.policyViolation)
        case .old:
            // What is under way may end; nothing new is begun.
            isLeaving = true
            if current == nil {
                tell(.tooOld)
                close(.goingAway)
            }
        }
        armTimer()
    }
}

extension ResponsesSocketHandler: AnswerReceiver {
    func answerBegan(_ head: AnswerHead) { current?.answer.began(head, wantsUsage: false) }

    func answerReceived(_ chunk: AnswerChunk) {
        do throws(Fault) {
            try current?.answer.write(chunk, into: &pending)
            scheduleFlush()
        } catch {
            let exchange = current?.exchange
            fail(error)
            exchange?.cancel()
        }
    }

    func answerEnded(_ summary: AnswerSummary) { end(summary) }

    func answerFailed(_ fault: Fault, summary: AnswerSummary) { fail(fault) }

    private func fail(_ fault: Fault) {
        guard let failed = current else { return }
        current = nil
        failed.answer.writeEvent(fault, into: &pending)
        goOn()
    }
}
