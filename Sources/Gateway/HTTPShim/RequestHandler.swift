import GatewayCore
import GatewayDecompression
import GatewayPipeline
import NIOCore
import NIOHTTP1

/// Carries out what ``RequestMachine`` decides, on an HTTP/1.1 connection or an HTTP/2 stream.
final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// What the handler's requests come on.
    enum Kind {
        /// An HTTP/1.1 connection: one request after the other, one of which may ask for another protocol.
        case connection(ProtocolSwitch, ByteWatch)
        /// A stream of an HTTP/2 connection, which shares the account of unread answers with the others.
        case stream(UnreadAnswers)
    }

    /// The request under way, from its head to its answer.
    struct Request {
        var id: RequestID
        var version: HTTPVersion
        var isHead: Bool
        var acceptsTrailers: Bool
        /// How its answer is written.
        var answer: SurfaceAnswer
        var body = ByteBuffer()
        /// Bytes of `body` that are reserved in the backend's budget.
        var reserved = 0
        /// `nil`: the request was refused at its head, or waits for the store's word on its credential.
        var plan: Plan?
        /// What the plan will be made of once the store has told who calls.
        var unplanned: Unplanned?
        /// The head of an answer whose stream had begun before it was there: told in trailers.
        var lateHead: AnswerHead?
        /// The pipeline has it, and counts how it ends.
        var hasBegun = false
        /// What the gateway's own work on a request took that failed, in microseconds.
        var overheadMicroseconds: UInt32?
        /// The one header that belongs to a refusal alone.
        var allow: String?
        /// The request's own head, if it asks for a WebSocket.
        var upgrade: HTTPRequestHead?
        /// How the body is compressed; `nil`: it is not.
        var coding: Inflater.Coding?
        /// What undoes that, from the body's first byte on.
        var expansion: BodyExpansion?

        init(
            id: RequestID, version: HTTPVersion, isHead: Bool, acceptsTrailers: Bool, surface: Dialect, coding: Inflater.Coding? = nil
        ) {
            self.coding = coding
            self.id = id
            self.version = version
            self.isHead = isHead
            self.acceptsTrailers = acceptsTrailers
            answer = SurfaceAnswer(surface, id)
        }
    }

    /// What an accepted request asks.
    struct Plan {
        var operation: Operation
        /// `nil`: the operation needs none.
        var principal: Principal?
        var controls: RequestControls
        var declaredLength: Int?
        var authenticationNanoseconds: Int64
        var clientAddress: String?
    }

    /// A request of a caller that only the store knows. Its body may come meanwhile, within the bounds of any body.
    struct Unplanned {
        var operation: Operation
        var headers: RequestHeaders
        var declaredLength: Int?
        var clientAddress: String?
        var since: NIODeadline
        /// The request is whole and only waits for its plan.
        var isDispatchDue = false
    }

    let backend: any ShimBackend
    private let routes: RouteTable
    private let isMultiplexed: Bool
    /// `nil`: the connection has one answer at a time.
    let unread: UnreadAnswers?
    private let protocolSwitch: ProtocolSwitch?
    /// `nil`: an HTTP/2 stream.
    private let watch: ByteWatch?
    private let edge: EdgeGate
    var machine: RequestMachine
    var request: Request?
    private(set) var exchange: (any ShimExchange)?
    private(set) var context: ChannelHandlerContext?
    private var timer = LazyTimer()
    /// Events of a stream that are written at the end of this tick, together.
    var pendingEvents = ByteBuffer()
    var isFlushScheduled = false

    /// - Parameter edge: how the connection's requests may have come here.
    init(backend: any ShimBackend, routes: RouteTable, kind: Kind, edge: EdgeGate) {
        self.edge = edge
        self.backend = backend
        self.routes = routes
        switch kind {
        case .connection(let protocolSwitch, let watch):
            self.protocolSwitch = protocolSwitch
            self.watch = watch
            unread = nil
        case .stream(let unread):
            protocolSwitch = nil
            watch = nil
            self.unread = unread
        }
        isMultiplexed = unread != nil
        machine = RequestMachine(isMultiplexed: isMultiplexed, settings: backend.settings)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        perform(machine.clientGone())
        timer.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        perform(machine.clientGone())
        timer.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = context.eventLoop.now
        switch unwrapInboundIn(data) {
        case .head(let head): receive(head, now: now)
        case .body(let bytes): receive(bytes, now: now)
        case .end:
            finishExpansion(now: now)
            perform(machine.requestEnded(now: now))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        armTimer()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        perform(machine.writabilityChanged(context.channel.isWritable, now: context.eventLoop.now))
        armTimer()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that has closed its side waits for nothing any more: HTTP libraries close sockets so when a call is cancelled.
        if case ChannelEvent.inputClosed = event { perform(machine.connectionFailed()) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return perform(machine.connectionFailed()) }
        if request == nil {
            request = Request(id: backend.makeRequestID(), version: .http1_1, isHead: false, acceptsTrailers: false, surface: .openAI)
        }
        perform(machine.parserFailed(.syntax(error, line: watch?.line ?? RequestLine()), now: context.eventLoop.now))
    }

    // MARK: Request

    private func receive(_ head: HTTPRequestHead, now: NIODeadline) {
        let headers = RequestHeaders(head.headers)
        let flaw = headers.syntaxFault(head.version, isMultiplexed: isMultiplexed)
        let keepsAlive = head.isKeepAlive && head.version != .http1_0 && head.method != .CONNECT && flaw == nil && !backend.isDraining
        let framing = headers.framing(keepsAlive: keepsAlive, endsUnknown: isMultiplexed)
        let route = routes.resolve(head.method, uri: head.uri)
        var request = Request(
            id: backend.makeRequestID(), version: head.version, isHead: head.method == .HEAD, acceptsTrailers: headers.acceptsTrailers,
            surface: route.surface ?? RouteTable.surface(of: head.uri) ?? headers.surface, coding: headers.bodyCoding)
        let verdict: Result<Bool, Fault>
        var unknown: Credential?
        do throws(Fault) {
            if let flaw { throw flaw }
            // The way through the edge, route, credential, then the rest of the head, so that a caller without the proof or without a key
            // learns nothing but that. A probe of `/healthz` needs neither.
            let address = try route == .success(.health) ? nil : edge.clientAddress(headers, backend: backend)
            let operation = try operation(route, &request)
            if operation.isUpgrade {
                let subprotocol = operation == .webSocket ? WebSocketUpgrade.subprotocol : nil
                try WebSocketUpgrade.check(head, framing, subprotocol: subprotocol, isMultiplexed: isMultiplexed)
                request.upgrade = head
            }
            switch try recognise(headers, for: operation) {
            case .nobody: request.plan = try plan(operation, nil, headers, framing.length, address, since: now)
            case .caller(.known(let principal)):
                request.plan = try plan(operation, principal, headers, framing.length, address, since: now)
            case .caller(.refused(let fault)): throw fault
            case .caller(.unknown(let credential)):
                request.unplanned = Unplanned(
                    operation: operation, headers: headers, declaredLength: framing.length, clientAddress: address, since: now)
                unknown = credential
            }
            verdict = .success(operation.waitsForEnd)
        } catch {
            verdict = .failure(error)
        }
        self.request = request
        perform(machine.headReceived(verdict, framing: framing, settings: backend.settings, now: now))
        if let unknown { lookUp(unknown, for: request.id, timeout: (try? headers.controls())?.timeout) }
    }

    private func operation(_ route: Result<Operation, RouteRefusal>, _ request: inout Request) throws(Fault) -> Operation {
        switch route {
        case .success(let found): return found
        case .failure(let refusal):
            if case .methodNotAllowed(let allow) = refusal { request.allow = allow }
            throw refusal.fault
        }
    }

    private enum Asker {
        /// The operation asks for no credential.
        case nobody
        case caller(Recognition)
    }

    private func recognise(_ headers: RequestHeaders, for operation: Operation) throws(Fault) -> Asker {
        guard operation.needsCredential else { return .nobody }
        var credential = try headers.credential()
        return .caller(credential.withUTF8 { backend.authenticate(UnsafeRawBufferPointer($0)) })
    }

    private func plan(
        _ operation: Operation, _ principal: Principal?, _ headers: RequestHeaders, _ declaredLength: Int?, _ clientAddress: String?,
        since: NIODeadline
    ) throws(Fault) -> Plan {
        let authenticated = context?.eventLoop.now ?? since
        let controls = try headers.controls()
        try headers.checkExpectation()
        if operation.takesBody { try headers.checkBodyKind() }
        return Plan(
            operation: operation, principal: principal, controls: controls, declaredLength: declaredLength,
            authenticationNanoseconds: (authenticated - since).nanoseconds, clientAddress: clientAddress)
    }

    /// - Parameter timeout: the request's own, if it has a good one.
    private func lookUp(_ credential: Credential, for id: RequestID, timeout: TimeAmount?) {
        backend.lookUp(credential, timeout: timeout) { [weak self] answer in
            guard let self, let unplanned = request?.unplanned, request?.id == id, let now = context?.eventLoop.now else { return }
            request?.unplanned = nil
            do throws(Fault) {
                let principal = try answer.get()
                request?.plan = try plan(
                    unplanned.operation, principal, unplanned.headers, unplanned.declaredLength, unplanned.clientAddress,
                    since: unplanned.since)
                if unplanned.isDispatchDue { dispatch() }
            } catch {
                perform(machine.refuse(error, now: now))
            }
            armTimer()
        }
    }

    private func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        let action = machine.bodyReceived(bytes.readableBytes, now: now)
        guard action == .keepBytes else { return perform(action) }
        do throws(Fault) {
            if request?.coding == nil { try keep(bytes) } else { try expand(bytes) }
        } catch {
            perform(machine.refuse(error, now: now))
        }
    }

    private func keep(_ bytes: ByteBuffer) throws(Fault) {
        guard backend.reserveBytes(bytes.readableBytes) else { throw .overloaded }
        request?.keep(bytes)
    }

    private func expand(_ bytes: ByteBuffer) throws(Fault) {
        guard let coding = request?.coding else { return }
        if request?.expansion == nil {
            guard backend.reserveBytes(BodyExpansion.reservedBytes) else { throw .overloaded }
            request?.expansion = BodyExpansion(coding)
        }
        var rest = bytes
        while let piece = try request?.expansion?.next(&rest) {
            try machine.checkBody(of: (request?.body.readableBytes ?? 0) + piece.readableBytes)
            try keep(piece)
        }
    }

    /// Lets go of what expanded the body, and refuses the request if its compressed data was not whole.
    private func finishExpansion(now: NIODeadline) {
        guard let request, request.coding != nil, (request.plan?.operation ?? request.unplanned?.operation)?.takesBody == true else {
            return
        }
        do throws(Fault) {
            try (request.expansion ?? BodyExpansion(.gzip)).finish()
            endExpansion()
        } catch {
            perform(machine.refuse(error, now: now))
        }
    }

    private func endExpansion() {
        guard request?.expansion != nil else { return }
        request?.expansion = nil
        backend.releaseBytes(BodyExpansion.reservedBytes)
    }

    // MARK: Actions

    func perform(_ action: RequestMachine.Action) {
        switch action {
        case .none, .keepBytes: break
        case .sendContinue: sendContinue()
        case .dispatch: dispatch()
        case .respond(let fault, let rateLimit, let closing): respond(fault, rateLimit: rateLimit, closing: closing)
        case .respondWhole(let head, let chunk, let summary, let closing): respond(head, chunk, summary, closing: closing)
        case .beginStream(let head, let closing): beginStream(head, closing: closing)
        case .keepHead(let head): request?.lateHead = head
        case .writeEvent(let chunk): writeEvent(chunk)
        case .writeComment: writeComment()
        case .endStream(let summary, let closing): endStream(summary, closing: closing)
        case .breakStream(let fault, let closing): breakStream(fault, closing: closing)
        case .pauseExchange: exchange?.pause()
        case .resumeExchange: exchange?.resume()
        case .abandon: abandon()
        case .abandonAndClose:
            abandon()
            context?.close(promise: nil)
        case .close: context?.close(promise: nil)
        }
    }

    private func dispatch() {
        request?.unplanned?.isDispatchDue = true
        guard let context, let plan = request?.plan else { return }
        if let head = request?.upgrade, let protocolSwitch { return upgrade(head, protocolSwitch, plan, context) }
        if let operation = plan.operation.request, let principal = plan.principal { return begin(operation, plan, principal, context) }
        switch (plan.operation, plan.principal) {
        case (.showReceipt(let id), let principal?): showReceipt(id, principal)
        case (.feedback, let principal?): takeFeedback(principal, timeout: plan.controls.timeout)
        case (.options(let allow), _): respond(allow: allow, closing: machine.answered(now: context.eventLoop.now))
        default: answer(listing(plan))
        }
    }

    private func upgrade(_ head: HTTPRequestHead, _ protocolSwitch: ProtocolSwitch, _ plan: Plan, _ context: ChannelHandlerContext) {
        _ = takeRequest()
        guard plan.operation == .responseSocket else {
            return protocolSwitch.upgrade(head, subprotocol: WebSocketUpgrade.subprotocol, last: self, context) {
                [wire = protocolSwitch.wire] in
                try wire($0, plan.clientAddress)
            }
        }
        var bytes = (try? RequestHeaders(head.headers).credential()) ?? ""
        guard let credential = bytes.withUTF8({ backend.credential(UnsafeRawBufferPointer($0)) }) else {
            return context.close(promise: nil)
        }
        let caller = ResponsesSocketHandler.Caller(credential: credential, controls: plan.controls, clientAddress: plan.clientAddress)
        protocolSwitch.upgrade(head, subprotocol: nil, last: self, context) { [backend] in
            try ResponsesSocketHandler.add(to: $0, backend: backend, caller: caller)
        }
    }

    func answer(_ listing: Result<ByteBuffer, Fault>) {
        guard let now = context?.eventLoop.now else { return }
        switch listing {
        case .success(let body): respond(body, closing: machine.answered(now: now))
        case .failure(let fault): perform(machine.refuse(fault, now: now))
        }
    }

    /// The ledger may take its time; the request waits like one for a provider.
    private func showReceipt(_ text: String, _ principal: Principal) {
        guard let id = RequestID(text), let asking = request?.id else { return answer(.failure(.unknownReceipt)) }
        backend.receipt(id, for: principal) { [weak self] found in
            guard let self, request?.id == asking else { return }
            answer(found.flatMap { record in record.map { .success($0.receiptObject) } ?? .failure(.unknownReceipt) })
            armTimer()
        }
    }

    private func begin(_ operation: RequestOperation, _ plan: Plan, _ principal: Principal, _ context: ChannelHandlerContext) {
        guard let request else { return }
        let call = CallerRequest(
            id: request.id, operation: operation, principal: principal, body: request.body,
            surface: request.answer.surface,
            dialectHeaders: plan.controls.dialectHeaders, dropsUnsupported: plan.controls.dropsUnsupported,
            receivedAt: context.eventLoop.now,
            authenticationNanoseconds: plan.authenticationNanoseconds, timeout: plan.controls.timeout,
            silenceTimeout: plan.controls.silenceTimeout, cache: plan.controls.cache,
            cacheTimeToLive: plan.controls.cacheTimeToLive, idempotencyKey: plan.controls.idempotencyKey,
            callerRequestID: plan.controls.callerRequestID,
            traceparent: plan.controls.traceparent, tracestate: plan.controls.tracestate, clientAddress: plan.clientAddress)
        self.request?.answer.takeEcho(of: request.body)
        self.request?.hasBegun = true
        // From here on the pipeline counts the bytes.
        releaseBody()
        let exchange = backend.begin(call, receiver: self)
        self.exchange = exchange
        if !context.channel.isWritable { exchange.pause() }
        exchange.start()
        // An answer from the cache may be over by now, and the next request under way.
        guard self.exchange === exchange else { return }
        machine.exchangeStarted(isStreamed: exchange.isStreamed, now: context.eventLoop.now)
        armTimer()
    }

    /// What is answered from here, without a provider.
    private func listing(_ plan: Plan) -> Result<ByteBuffer, Fault> {
        switch (plan.operation, plan.principal) {
        case (.listModels(let query), let principal?):
            let models = backend.models(for: principal)
            guard request?.answer.surface == .anthropic else { return .success(models.listObject) }
            return Result { () throws(Fault) in try ListPage(query).take(of: models) }.map(\.messagesObject)
        case (.showModel(let name), let principal?):
            guard let model = backend.model(name, for: principal) else { return .failure(.unknownModel) }
            return .success(request?.answer.surface == .anthropic ? model.messagesObject : model.object)
        case (.health, _): return .success(ByteBuffer(string: #"{"status":"ok"}"#))
        case (.chatCompletion, _), (.completion, _), (.response, _), (.messages, _), (.countTokens, _), (.embeddings, _),
            (.listModels, nil), (.showModel, nil), (.showReceipt, _), (.feedback, _), (.webSocket, _), (.responseSocket, _), (.options, _):
            return .failure(.misrouted)
        }
    }

    /// Gives the body's bytes back to the budget and lets go of them.
    func releaseBody() {
        endExpansion()
        guard let reserved = request?.reserved else { return }
        request?.body = ByteBuffer()
        request?.reserved = 0
        if reserved > 0 { backend.releaseBytes(reserved) }
    }

    private func abandon() {
        _ = takeRequest()
        let exchange = self.exchange
        self.exchange = nil
        exchange?.cancel()
    }

    /// Ends the door's part of the request, before its last bytes are written: writing them may bring the next request at once.
    func takeRequest() -> Request? {
        releaseBody()
        let taken = request
        request = nil
        return taken
    }

    func forgetExchange() { exchange = nil }

    /// Cancels the exchange of an answer that the door itself cannot go on with.
    func cancelExchange() {
        let exchange = self.exchange
        self.exchange = nil
        exchange?.cancel()
    }

    // MARK: Timer

    func armTimer() {
        guard let context else { return }
        timer.ensure(machine.deadline, on: context.eventLoop) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        guard let context else { return }
        timer.fired()
        perform(machine.timerFired(now: context.eventLoop.now))
        armTimer()
    }
}

extension Fault {
    fileprivate static let unknownModel = Fault(
        .modelNotFound, origin: .downstream, message: "No model of this name is configured, or the key may not use it.")
    fileprivate static let unknownReceipt = Fault(
        .notFound, origin: .downstream, message: "There is no receipt of this id, or it is no longer kept here.")
    fileprivate static let misrouted = Fault(.internalError, origin: .gateway, message: "The operation was routed wrongly.")
}
