import GatewayCore
import GatewayPipeline
import NIOCore
import NIOHTTP1

// What the pipeline tells, and how answers are written.

extension RequestHandler: AnswerReceiver {
    func answerBegan(_ head: AnswerHead) {
        guard let context, let exchange else { return }
        request?.answer.began(head, wantsUsage: exchange.wantsUsage)
        perform(machine.answerBegan(head, isStreamed: exchange.isStreamed, now: context.eventLoop.now))
        armTimer()
    }

    func answerReceived(_ chunk: AnswerChunk) {
        guard let context else { return }
        perform(machine.answerReceived(chunk, now: context.eventLoop.now))
    }

    func answerEnded(_ summary: AnswerSummary) {
        guard let context else { return }
        forgetExchange()
        perform(machine.answerEnded(summary, now: context.eventLoop.now))
        armTimer()
    }

    func answerFailed(_ fault: Fault, summary: AnswerSummary) {
        guard let context else { return }
        forgetExchange()
        request?.overheadMicroseconds = summary.timings.overheadMicroseconds
        perform(machine.answerFailed(fault, rateLimit: summary.rateLimit, now: context.eventLoop.now))
        armTimer()
    }
}

extension RequestHandler {
    private static let json = "application/json"
    private static let events = "text/event-stream; charset=utf-8"

    func sendContinue() {
        guard let context, let request else { return }
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: request.version, status: .continue))), promise: nil)
    }

    // MARK: Whole answers

    func respond(_ fault: Fault, rateLimit: LimitReport?, closing: Bool) {
        guard let request = takeRequest() else { return }
        var body = ByteBuffer()
        request.answer.write(fault, into: &body)
        var headers = HTTPHeaders(
            requestID: request.id, surface: request.answer.surface, contentType: Self.json, contentLength: body.readableBytes,
            closing: closing)
        headers.add(fault, maxRetryAfterMilliseconds: request.answer.maxRetryAfterMilliseconds)
        headers.add(rateLimit, request.answer.surface, unixMilliseconds: backend.unixMilliseconds)
        if let overhead = request.overheadMicroseconds { headers.add(name: HTTPHeaders.overhead, value: String(overhead)) }
        if !request.hasBegun { backend.refused(fault.kind, at: .http) }
        if let allow = request.allow { headers.add(name: "allow", value: allow) }
        send(request, status: HTTPResponseStatus(statusCode: request.answer.status(of: fault)), headers, body, closing: closing)
    }

    /// What a path takes. No `access-control-` header comes with it: browsers do not get to call across origins.
    func respond(allow: String, closing: Bool) {
        guard let request = takeRequest() else { return }
        var headers: HTTPHeaders = ["allow": allow, "x-request-id": request.id.description]
        if closing { headers.add(name: "connection", value: "close") }
        send(request, status: .noContent, headers, nil, closing: closing)
    }

    func respond(_ body: ByteBuffer, closing: Bool) {
        guard let request = takeRequest() else { return }
        let headers = HTTPHeaders(
            requestID: request.id, surface: request.answer.surface, contentType: Self.json, contentLength: body.readableBytes,
            closing: closing)
        send(request, status: .ok, headers, body, closing: closing)
    }

    func respond(_ head: AnswerHead, _ chunk: AnswerChunk, _ summary: AnswerSummary, closing: Bool) {
        let body: ByteBuffer
        do throws(Fault) {
            guard let whole = try request?.answer.whole(chunk, summary) else { return }
            body = whole
        } catch {
            return respond(error, rateLimit: summary.rateLimit, closing: closing)
        }
        var written: EventLoopPromise<Void>?
        if let unread, let context, body.readableBytes > ShimLimits.uncountedAnswerBytes {
            let promise = context.eventLoop.makePromise(of: Void.self)
            guard unread.add(body.readableBytes, until: promise.futureResult) else {
                promise.succeed(())
                return respond(.tooMuchUnread, rateLimit: summary.rateLimit, closing: closing)
            }
            written = promise
        }
        guard let request = takeRequest() else {
            written?.succeed(())
            return
        }
        var headers = HTTPHeaders(
            requestID: request.id, surface: request.answer.surface, contentType: Self.json, contentLength: body.readableBytes,
            closing: closing)
        headers.add(head)
        headers.add(summary.rateLimit ?? head.rateLimit, request.answer.surface, unixMilliseconds: backend.unixMilliseconds)
        headers.add(summary)
        send(request, status: .ok, headers, body, written: written, closing: closing)
    }

    /// - Parameter written: fulfilled when the client has taken the body, or never will.
    private func send(
        _ request: Request, status: HTTPResponseStatus, _ headers: HTTPHeaders, _ body: ByteBuffer?, written: EventLoopPromise<Void>? = nil,
        closing: Bool
    ) {
        guard let context else {
            written?.succeed(())
            return
        }
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: request.version, status: status, headers: headers))), promise: nil)
        if let body, !request.isHead {
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: written)
        } else {
            written?.succeed(())
        }
        writeEnd(nil, closing: closing, context)
        context.flush()
    }

    /// Writes the end of an answer. Nothing of the request may be touched after this: the next one may already be under way.
    private func writeEnd(_ trailers: HTTPHeaders?, closing: Bool, _ context: ChannelHandlerContext) {
        guard closing else { return context.write(wrapOutboundOut(.end(trailers)), promise: nil) }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in
            guard let self else { return }
            perform(machine.answerFlushed())
        }
        context.write(wrapOutboundOut(.end(trailers)), promise: promise)
    }

    // MARK: Streams

    /// - Parameter head: `nil`: the answer is not there yet, and the first thing that the client hears is a comment.
    func beginStream(_ head: AnswerHead?, closing: Bool) {
        guard let context, let request else { return }
        var headers = HTTPHeaders(
            requestID: request.id, surface: request.answer.surface, contentType: Self.events, contentLength: nil, closing: closing)
        headers.add(name: "cache-control", value: "no-cache")
        // Proxies that gather answers would hold the events back.
        headers.add(name: "x-accel-buffering", value: "no")
        if let head {
            headers.add(head)
            headers.add(head.rateLimit, request.answer.surface, unixMilliseconds: backend.unixMilliseconds)
        }
        if request.acceptsTrailers { headers.add(name: "trailer", value: HTTPHeaders.trailerNames(withHead: head == nil)) }
        if head == nil { pendingEvents.writeStaticString(StreamText.comment) }
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: request.version, status: .ok, headers: headers))), promise: nil)
        scheduleFlush()
    }

    func writeEvent(_ chunk: AnswerChunk) {
        do throws(Fault) {
            try request?.answer.write(chunk, into: &pendingEvents)
            scheduleFlush()
        } catch {
            failStream(error)
        }
    }

    func writeComment() {
        pendingEvents.writeStaticString(request?.answer.keepAlive ?? StreamText.comment)
        scheduleFlush()
    }

    func endStream(_ summary: AnswerSummary, closing: Bool) {
        request?.answer.writeEnd(summary, into: &pendingEvents)
        finishStream(summary, closing: closing)
    }

    func breakStream(_ fault: Fault, closing: Bool) {
        request?.answer.writeEvent(fault, into: &pendingEvents)
        finishStream(nil, closing: closing)
    }

    private func failStream(_ fault: Fault) {
        guard let context else { return }
        cancelExchange()
        perform(machine.answerFailed(fault, rateLimit: nil, now: context.eventLoop.now))
    }

    /// The end is a clean one after an error too: the error event says what happened, and clients that meet a cut transfer throw the last
    /// bytes away, this event among them.
    private func finishStream(_ summary: AnswerSummary?, closing: Bool) {
        guard let context, let request = takeRequest() else { return }
        writePendingEvents(context)
        var trailers: HTTPHeaders?
        if request.acceptsTrailers, let summary {
            var fields = HTTPHeaders()
            if let head = request.lateHead { fields.add(head) }
            fields.add(summary)
            trailers = fields
        }
        writeEnd(trailers, closing: closing, context)
        context.flush()
    }

    private func writePendingEvents(_ context: ChannelHandlerContext) {
        guard pendingEvents.readableBytes > 0 else { return }
        let events = pendingEvents
        pendingEvents = ByteBuffer()
        // A HEAD request never streams: its only route is a GET's.
        context.write(wrapOutboundOut(.body(.byteBuffer(events))), promise: nil)
    }

    /// Writes and flushes once for everything that this tick brings.
    private func scheduleFlush() {
        guard !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self else { return }
            isFlushScheduled = false
            guard let context = self.context else { return }
            writePendingEvents(context)
            context.flush()
        }
    }
}
