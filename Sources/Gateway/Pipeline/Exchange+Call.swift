import GatewayCore
import GatewayJSON
package import NIOCore
package import NIOHTTP1
package import Providers

/// The phases `route`, `call` and `answer`: which provider is asked, and what is made of what it says.
extension Exchange: UpstreamReceiver {
    /// Bytes of an error answer that are read for its message.
    private static let maxErrorBytes = 64 << 10
    /// Chunks without content (a role, a ping) that are kept back so that a failure behind them can still go to another provider.
    private static let maxHeldChunks = 16

    func call(_ target: UpstreamTarget) {
        guard let binding = snapshot.providers[target.provider] else {
            return fail(Fault(.internalError, origin: .gateway, message: "The route's provider is not configured."))
        }
        self.target = target
        let outgoing: ByteBuffer
        do {
            if try answersItself(target, binding.dialect) { return }
            outgoing = try translated(for: target, binding)
        } catch {
            return untranslatable(error)
        }
        state = .calling
        reader = nil
        errorStatus = nil
        errorBody.clear()
        heldChunks.removeAll()
        summary.finishes.removeAll()
        usage = isCounting ? TokenUsage() : nil
        outputBytes = 0
        calls += 1
        wasRead = false
        rewriter = makeRewriter(for: binding.dialect)
        let isKept = isShared && (cachePlan.stores || heldClaim != nil)
        stored =
            isKept
            ? StoredAnswer(isStreamed: envelope.isStreamed, dialect: binding.dialect, model: target.model, provider: target.provider) : nil
        var headers = binding.headers
        add(dialectHeadersFor: binding.dialect, to: &headers)
        if let traceparent = request.traceparent { try? headers.add("traceparent", traceparent) }
        if let tracestate = request.tracestate { try? headers.add("tracestate", tracestate) }
        var timeouts = binding.endpoint.timeouts
        timeouts.firstByte = .nanoseconds(target.settings.firstByteTimeoutNanoseconds)
        timeouts.idle = .nanoseconds(target.settings.idleTimeoutNanoseconds)
        callStartedAt = .now()
        call = loop.pool.send(
            UpstreamRequest(
                endpoint: binding.endpoint, path: binding.path(to: target.upstreamModel, request.operation), headers: headers,
                body: outgoing,
                timeouts: timeouts),
            receiver: self)
        if isPaused { call?.pauseReading() }
    }

    /// The target's dialect has no place for something in the request. Behind another target's failure that is passed over: the caller, whose request was
    /// good for the model that it named, hears of the failure.
    private func untranslatable(_ fault: Fault) {
        guard let failure else { return fail(fault) }
        attemptFailed(failure)
    }

    /// The call gave no answer: another target, or the end.
    private func attemptFailed(_ fault: Fault) {
        guard !isOver, let target else { return }
        call?.cancel()
        if call != nil { summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds }
        call = nil
        let began = NIODeadline.now()
        failure = fault
        let decision = sequence?.failed(fault, contentWasDelivered: hasBegun) ?? .fail(fault)
        switch decision {
        case .fail(let fault): fail(fault)
        case .call(let next):
            loop.logFallback(request.id, from: target, to: next, fault: fault)
            summary.routeReason = sequence?.reason ?? summary.routeReason
            summary.timings[.route] += (NIODeadline.now() - began).nanoseconds
            do {
                try call(behindFailure: next)
            } catch {
                fail(error)
            }
        }
    }

    // MARK: UpstreamReceiver

    package func upstreamHeadReceived(status: Int, headers: HTTPHeaders) {
        guard case .calling = state else { return }
        let retryAfter = RetryAfter.milliseconds(
            headers.first(name: "retry-after"), milliseconds: headers.first(name: "retry-after-ms"),
            unixSeconds: Int64(clamping: loop.clock.unixMilliseconds() / 1_000))
        guard (200..<300).contains(status) else {
            errorStatus = (status, retryAfter)
            return
        }
        let isEventStream = headers.first(name: "content-type")?.lowercased().hasPrefix("text/event-stream") ?? false
        guard isEventStream == envelope.isStreamed else {
            return attemptFailed(.badAnswer(target, "its content type is not the one that was asked for"))
        }
        reader = AnswerReader(
            dialectOfTarget, request.operation, isStreamed: envelope.isStreamed, maxBytes: snapshot.pipeline.maxAnswerBytes)
    }

    package func upstreamBodyReceived(_ bytes: ByteBuffer) {
        guard case .calling = state else { return }
        guard errorStatus == nil else {
            var bytes = bytes
            if let slice = bytes.readSlice(length: min(bytes.readableBytes, Self.maxErrorBytes - errorBody.readableBytes)) {
                errorBody.writeImmutableBuffer(slice)
            }
            return
        }
        guard envelope.isStreamed || hold(bytes.readableBytes) else { return fail(.overloaded) }
        let began = NIODeadline.now()
        defer { summary.timings[.answer] += (NIODeadline.now() - began).nanoseconds }
        do {
            try reader?.receive(bytes)
            try drainReader()
        } catch {
            attemptFailed(hasBegun ? .broken(error, target) : error.naming(target))
        }
    }

    /// Counts an unstreamed answer's bytes, which are all kept until it is whole, against the in-flight budget.
    private func hold(_ count: Int) -> Bool {
        guard loop.budget.extend(reservedBytes, by: count) else { return false }
        reservedBytes += count
        return true
    }

    package func upstreamEnded() {
        guard case .calling = state else { return }
        if let errorStatus {
            let error = OpenAIError.parse(errorBody, index: &loop.answerIndex)
            return attemptFailed(
                .upstreamStatus(
                    errorStatus.status, error: error, retryAfterMilliseconds: errorStatus.retryAfterMilliseconds,
                    provider: target?.provider ?? ""))
        }
        do {
            guard !asksForDocument else { return try documentWasReceived() }
            try reader?.finish()
            try drainReader()
        } catch {
            return attemptFailed(hasBegun ? .broken(error, target) : error.naming(target))
        }
        answerWasRead()
    }

    /// Every chunk of a provider's answer has been taken, the last one perhaps not yet delivered.
    private func answerWasRead() {
        guard !isOver else { return }
        tellEnd()
        guard !isRewriting, behind.isEmpty else {
            wasRead = true
            return
        }
        guard !summary.finishes.isEmpty else {
            let fault = Fault.badAnswer(target, "it ended before the answer did")
            return attemptFailed(hasBegun ? .broken(fault, target) : fault)
        }
        answerIsWhole()
    }

    package func upstreamFailed(_ failure: UpstreamFailure) {
        guard case .calling = state else { return }
        let fault = failure.fault.naming(target)
        attemptFailed(hasBegun ? .broken(fault, target) : fault)
    }

    // MARK: chunks

    private func drainReader() throws(Fault) {
        while case .calling = state, !isRewriting, !wasRead, let event = try reader?.next(index: &loop.answerIndex) {
            switch event {
            case .chunk(let chunk):
                guard isBeyondCap(chunk) else {
                    take(chunk)
                    continue
                }
                cut(before: chunk)
                answerWasRead()
            case .done:
                guard !summary.finishes.isEmpty else { throw .badAnswer(target, "it ended before the answer did") }
                answerWasRead()
            }
        }
    }

    func take(_ chunk: AnswerChunk) {
        if let told = chunk.usage { usage = told }
        // One for each choice, whatever a provider repeats.
        for finish in chunk.finishes where !summary.finishes.contains(where: { $0.choice == finish.choice }) {
            summary.finishes.append(finish)
        }
        stored?.append(chunk.raw)
        if let answer = stored, answer.cost > snapshot.pipeline.maxAnswerBytes { stored = nil }
        outputBytes += chunk.textBytes
        guard hasBegun || chunk.hasContent || heldChunks.count >= Self.maxHeldChunks else {
            heldChunks.append(chunk)
            return
        }
        if !hasBegun, let target {
            begin(cache: cachePlan.isBypass ? .bypass : .miss, model: target.model, provider: target.provider)
            startRelay()
            for held in heldChunks { pass(on: held) }
            heldChunks.removeAll()
        }
        pass(on: chunk)
    }

    /// Goes on with what came while a long chunk was being rewritten; what comes later is held by the call, which is paused.
    func continueReading() {
        guard catchUp() else { return }
        do {
            try drainReader()
        } catch {
            return attemptFailed(hasBegun ? .broken(error, target) : error.naming(target))
        }
        guard !isRewriting else { return }
        if wasRead { answerWasRead() } else if !isPaused || isFollowed { call?.resumeReading() }
    }

    private func answerIsWhole() {
        guard finishRewriting() else { return }
        stored?.finishes = summary.finishes
        answerRepetitions()
        share()
        end()
    }
}

extension AnswerChunk {
    /// Whether there is anything in it that a reader would miss.
    var hasContent: Bool {
        !finishes.isEmpty || fragments.contains { $0.text.readableBytes > 0 || $0.name != nil || $0.callID != nil }
    }

    /// Bytes that a model wrote: text, names and arguments.
    var textBytes: Int {
        fragments.reduce(0) { $1.key.kind == .block ? $0 : $0 + $1.text.readableBytes + ($1.name?.utf8.count ?? 0) }
    }
}

extension Fault {
    static func badAnswer(_ target: UpstreamTarget?, _ reason: String) -> Fault {
        Fault(
            .upstreamBadAnswer, origin: .upstream,
            message: "The answer of the provider `\(target?.provider ?? "")` cannot be used: \(reason).")
    }

    /// A part of the answer has been delivered, so nobody else can be asked.
    static func broken(_ fault: Fault, _ target: UpstreamTarget?) -> Fault {
        Fault(
            .streamBroken, origin: fault.origin,
            message: "The stream of the provider `\(target?.provider ?? "")` broke before the answer's end.",
            retryAfterMilliseconds: fault.retryAfterMilliseconds)
    }

    func naming(_ target: UpstreamTarget?) -> Fault {
        var fault = self
        if let target, origin == .upstream, !message.contains("`") {
            fault.message = message.replacing("The provider", with: "The provider `\(target.provider)`", maxReplacements: 1)
        }
        return fault
    }
}
