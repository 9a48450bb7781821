import DequeModule
package import GatewayCore
import GatewayJSON
package import GatewayPipeline
import NIOCore
package import Wire
package import WireTransport

/// One connection of the wire protocol: hands its requests to the pipeline and the answers back. Confined to the connection's event loop.
package final class WireDoor: WireDelegate {
    package typealias Machine = ServerConnection

    let loop: GatewayLoop
    private var credential: Credential?
    var works: [StreamID: any StreamWork] = [:]
    /// Answers that were told to their end, and that the client may not have all the same. Bound: ``maxTold``.
    private var told = Deque<ResumableReader>()
    private static let maxTold = 64
    /// The client said that it goes.
    private var isLeft = false
    /// Streams whose requests wait for the store's word on their credentials. Bound: the connection's open streams.
    private var unrecognised: Set<StreamID> = []
    /// Streams whose feedback is on its way to the store. Bound: as above.
    var givingFeedback: Set<StreamID> = []
    /// Requests that came while the store was asked about HELLO's credential: WELCOME goes first. Bound: as above. `nil`: HELLO waits for nobody.
    private var early: [(stream: StreamID, request: Request, receivedAt: NIODeadline)]?
    private var isClosed = false
    private var extraIndex = JSONIndex()
    private weak var handler: WireServerHandler?
    private let connections: WireConnections

    let resumable: ResumableAnswers
    private let clientAddress: String?
    private let refusal: Fault?

    private init(
        loop: GatewayLoop, connections: WireConnections, resumable: ResumableAnswers, clientAddress: String?, refusal: Fault?
    ) {
        self.loop = loop
        self.resumable = resumable
        self.refusal = refusal
        self.clientAddress = clientAddress
        self.connections = connections
    }

    /// The handler for a channel that has agreed on `agentshield/1`. It goes last into the pipeline.
    ///
    /// - Parameters:
    ///   - resumable: the process' answers that other connections may go on with.
    ///   - clientAddress: the socket's, for the log.
    ///   - refusal: what HELLO is answered with, whatever it says; `nil`: the connection may go on.
    package static func makeHandler(
        loop: GatewayLoop, compressor: LZ4Compressor, connections: WireConnections, resumable: ResumableAnswers, clientAddress: String?,
        refusal: Fault? = nil
    ) -> WireServerHandler {
        let settings = Self.serverSettings(loop.settings)
        let door = WireDoor(
            loop: loop, connections: connections, resumable: resumable, clientAddress: clientAddress, refusal: refusal)
        let handler = WireServerHandler(
            ServerConnection(settings: settings, compressor: compressor, admission: loop, now: .now()), delegate: door)
        door.handler = handler
        connections.add(door)
        return handler
    }

    private static func serverSettings(_ door: DoorSettings) -> ServerSettings {
        var settings = ServerSettings()
        settings.limits.maxMessageBytes = UInt32(clamping: door.maxRequestBytes)
        settings.limits.maxFrameBytes = UInt32(clamping: door.wire.maxFrameBytes)
        settings.limits.initialStreamCredit = UInt32(clamping: door.wire.initialStreamCredit)
        settings.limits.initialConnectionCredit = UInt32(clamping: door.wire.initialConnectionCredit)
        settings.limits.idleTimeoutMs = UInt32(clamping: door.wire.idleTimeout.nanoseconds / 1_000_000)
        settings.common.idleTimeout = door.wire.idleTimeout
        settings.maxInFlightRequestBytes = max(settings.maxInFlightRequestBytes, door.maxRequestBytes)
        settings.limits.maxConcurrentStreams = UInt32(clamping: door.maxConcurrentStreams)
        settings.helloTimeout = door.slowRequestTimeout
        return settings
    }

    /// Tells the peer to go elsewhere and gives accepted requests until the drain deadline.
    package func drain() {
        handler?.perform { $0.goAway(.drain, message: "The replica is going away.", drainWithin: loop.settings.drainDeadline) }
    }

    // MARK: WireDelegate

    package func eventReceived(_ event: ServerEvent, from handler: WireServerHandler) {
        switch event {
        case .helloReceived(let hello): helloReceived(hello, handler)
        case .requestReceived(let stream, let request): requestReceived(request, on: stream, handler)
        case .cancelReceived(let stream, _), .streamAborted(let stream, _):
            early?.removeAll { $0.stream == stream }
            unrecognised.remove(stream)
            givingFeedback.remove(stream)
            works.removeValue(forKey: stream)?.cancel()
        case .streamWritable(let stream): works[stream]?.resume()
        case .failed: endAll()
        case .goAwayReceived: isLeft = true
        case .requestRefused, .closed: break
        }
    }

    package func connectionClosed(_ handler: WireServerHandler, error: (any Error)?) {
        connections.remove(self)
        endAll()
    }

    /// An answer was told to its end.
    func tellingEnded(_ reader: ResumableReader, on stream: StreamID) {
        works[stream] = nil
        guard !isClosed else { return }
        if told.count >= Self.maxTold { told.removeFirst() }
        told.append(reader)
    }

    private func endAll() {
        isClosed = true
        early = nil
        unrecognised.removeAll()
        givingFeedback.removeAll()
        let (open, told) = (works, told)
        works.removeAll()
        self.told.removeAll()
        for work in open.values { work.connectionLost() }
        // Who says goodbye has what was sent before.
        if !isLeft { told.forEach { $0.connectionLost() } }
    }

    // MARK: requests

    private func helloReceived(_ hello: Hello, _ handler: WireServerHandler) {
        if let refusal { return reject(refusal, handler) }
        guard !hello.credential.isEmpty else { return reject(.missingCredential, handler) }
        switch hello.credential.withUnsafeBytes(loop.authenticate) {
        case .known: accept(hello, handler)
        case .refused(let fault): reject(fault, handler)
        case .unknown(let credential):
            early = []
            loop.lookUp(credential) { [weak self, weak handler] answer in
                guard let self, let handler, !isClosed else { return }
                let waiting = early ?? []
                early = nil
                guard case .success = answer else {
                    if case .failure(let fault) = answer { reject(fault, handler) }
                    return
                }
                accept(hello, handler)
                for (stream, request, receivedAt) in waiting { self.answer(request, receivedAt: receivedAt, on: stream, handler) }
            }
        }
    }

    private func accept(_ hello: Hello, _ handler: WireServerHandler) {
        credential = hello.credential.withUnsafeBytes(loop.credential)
        let settings = loop.settings
        handler.perform {
            $0.accept(region: Text(settings.region), replicaID: Text(settings.replicaID), serverVersion: Text(settings.serverVersion))
            if loop.isDraining { $0.goAway(.drain, drainWithin: settings.drainDeadline) }
        }
    }

    private func reject(_ fault: Fault, _ handler: WireServerHandler) {
        loop.refused(fault.kind, at: .wire)
        handler.perform { $0.reject(ErrorBody(fault, requestID: nil)) }
    }

    private func requestReceived(_ request: Request, on stream: StreamID, _ handler: WireServerHandler) {
        let receivedAt = NIODeadline.now()
        guard early == nil else {
            early?.append((stream, request, receivedAt))
            return
        }
        answer(request, receivedAt: receivedAt, on: stream, handler)
    }

    private func answer(_ request: Request, receivedAt: NIODeadline, on stream: StreamID, _ handler: WireServerHandler) {
        switch recognise(request) {
        case .known(let principal): answer(request, of: principal, receivedAt: receivedAt, on: stream, handler)
        case .refused(let fault): refuse(request, fault, on: stream, handler)
        case .unknown(let credential):
            unrecognised.insert(stream)
            // What is left of the request's own time.
            let timeout = deadline(of: request, receivedAt).map { $0 - NIODeadline.now() }
            loop.lookUp(credential, timeout: timeout.map { max($0, .zero) }) { [weak self, weak handler] answer in
                guard let self, let handler, unrecognised.remove(stream) != nil else { return }
                switch answer {
                case .success(let principal): self.answer(request, of: principal, receivedAt: receivedAt, on: stream, handler)
                case .failure(let fault): refuse(request, fault, on: stream, handler)
                }
            }
        }
    }

    /// `nil`: the request names none.
    private func deadline(of request: Request, _ receivedAt: NIODeadline) -> NIODeadline? {
        request.deadlineMs > 0 ? receivedAt + .milliseconds(Int64(request.deadlineMs)) : nil
    }

    /// Authority is looked up anew for each request, so that a key that has been revoked is refused at once.
    private func recognise(_ request: Request) -> Recognition {
        guard request.credential.isEmpty else { return request.credential.withUnsafeBytes(loop.authenticate) }
        guard let credential else { return .refused(.missingCredential) }
        return loop.authenticate(credential)
    }

    private func refuse(_ request: Request, _ fault: Fault, on stream: StreamID, _ handler: WireServerHandler) {
        if request.credential.isEmpty, credential != nil, fault.kind == .unauthenticated {
            handler.perform {
                $0.goAway(
                    .reauthenticate, message: "The connection's credential is no longer valid.", drainWithin: loop.settings.drainDeadline)
            }
        }
        loop.refused(fault.kind, at: .wire)
        handler.perform { $0.sendError(ErrorBody(fault, requestID: loop.makeRequestID()), on: stream) }
    }

    private func answer(
        _ request: Request, of principal: Principal, receivedAt: NIODeadline, on stream: StreamID, _ handler: WireServerHandler
    ) {
        let authenticated = NIODeadline.now() - receivedAt
        let id = loop.makeRequestID()
        do throws(Fault) {
            switch request.operation {
            case .chat(let chat):
                guard request.route.isEmpty else { throw .invalidField("route", "names no route: this gateway has none") }
                let idempotencyKey = try idempotencyKey(of: request)
                let body = try ChatTranslation.body(of: chat, extra: &extraIndex)
                begin(
                    chat.stream ? .deltas : .chat, request, on: stream, handler,
                    CallerRequest(
                        id: id, principal: principal, body: body, receivedAt: receivedAt,
                        authenticationNanoseconds: authenticated.nanoseconds, idempotencyKey: idempotencyKey,
                        clientAddress: clientAddress))
            case .embeddings(let embeddings):
                guard request.route.isEmpty else { throw .invalidField("route", "names no route: this gateway has none") }
                let idempotencyKey = try idempotencyKey(of: request)
                let body = try EmbeddingsTranslation.body(of: embeddings, extra: &extraIndex)
                begin(
                    .embeddings, request, on: stream, handler,
                    CallerRequest(
                        id: id, operation: .embeddings, principal: principal, body: body, receivedAt: receivedAt,
                        authenticationNanoseconds: authenticated.nanoseconds, idempotencyKey: idempotencyKey,
                        clientAddress: clientAddress))
            case .models(let models):
                tellModels(matching: models.id.string, to: principal, id, on: stream, handler)
            case .resume(let resume): try continueAnswer(resume, of: principal, on: stream, handler)
            case .feedback(let feedback):
                try take(feedback, of: principal, id, until: deadline(of: request, receivedAt), on: stream, handler)
            case nil:
                throw Fault(.unsupported, origin: .downstream, message: "The request names no operation that this gateway knows.")
            }
        } catch {
            loop.refused(error.kind, at: .wire)
            handler.perform { $0.sendError(ErrorBody(error, requestID: id), on: stream) }
        }
    }

    private func idempotencyKey(of request: Request) throws(Fault) -> String? {
        guard !request.idempotencyKey.isEmpty else { return nil }
        let key = request.idempotencyKey.string
        guard IdempotencyClaim.isKey(key) else {
            throw .invalidField("idempotency_key", "has 1 to \(IdempotencyClaim.maxKeyBytes) visible ASCII characters")
        }
        return key
    }

    private func begin(
        _ form: WireExchange.Form, _ request: Request, on stream: StreamID, _ handler: WireServerHandler, _ call: CallerRequest
    ) {
        var call = call
        call.door = .wire
        if request.deadlineMs > 0 { call.timeout = .milliseconds(Int64(request.deadlineMs)) }
        call.cache = GatewayCore.CacheDirective(request.cache)
        if request.cacheTtlMs > 0 { call.cacheTimeToLive = .milliseconds(Int64(request.cacheTtlMs)) }
        call.endUser = request.endUser.isEmpty ? nil : request.endUser.string
        let traceparent = request.traceparent.isEmpty ? "" : request.traceparent.string
        // An unusable trace context is dropped, as the W3C's recommendation says, never an error.
        if !traceparent.isEmpty, let context = TraceContext(traceparent) {
            call.traceparent = context.header
            let state = request.tracestate.string
            if TraceContext.isState(state) { call.tracestate = state }
        }
        if request.resumable, form == .deltas, beginResumable(call, on: stream, handler) { return }
        let exchange = WireExchange(stream: stream, form: form, handler: handler) { [weak self] in
            self?.works[stream] = nil
        }
        works[stream] = exchange
        exchange.start(loop.begin(call, receiver: exchange))
    }

    private func tellModels(
        matching id: String, to principal: Principal, _ request: RequestID, on stream: StreamID, _ handler: WireServerHandler
    ) {
        let all = id.isEmpty ? loop.models(for: principal) : [loop.model(id, for: principal)].compactMap { $0 }
        guard id.isEmpty || !all.isEmpty else {
            let fault = Fault(.modelNotFound, origin: .downstream, message: "There is no such model for this key.", parameter: "models.id")
            return handler.perform { $0.sendError(ErrorBody(fault, requestID: request), on: stream) }
        }
        let result = ModelsResult(models: all.map { ModelEntry(id: Text($0.name), ownedBy: Text($0.owner)) })
        handler.perform {
            $0.sendBegin(Begin(responseID: Text(request.description), cache: .bypass, requestID: Text(request.description)), on: stream)
            $0.sendResult(ResultBody(.models(result)), on: stream)
            $0.sendEnd(End(receiptID: Text(request.description)), on: stream)
        }
    }
}

extension Fault {
    fileprivate static let missingCredential = Fault(
        .unauthenticated, origin: .downstream,
        message:
            "No credential was sent. HELLO or each REQUEST must carry a key of this gateway, or a token that it believes, as its credential."
    )
}

/// The open connections of one event loop, so that a drain reaches them all. Bound: the listener's own limit of connections.
package final class WireConnections {
    private var doors: [ObjectIdentifier: WireDoor] = [:]

    package init() {}

    package var count: Int { doors.count }

    package func drain() {
        for door in doors.values { door.drain() }
    }

    func add(_ door: WireDoor) { doors[ObjectIdentifier(door)] = door }
    func remove(_ door: WireDoor) { doors[ObjectIdentifier(door)] = nil }
}
