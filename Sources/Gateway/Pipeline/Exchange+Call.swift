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
        guard !awaitsChoice else { return callChosen() }
        guard let provider = snapshot.providers[target.provider] else {
            return fail(Fault(.internalError, origin: .gateway, message: "The route's provider is not configured."))
        }
        self.target = target
        let outgoing: ByteBuffer
        do {
            if try answersItself(target, provider.dialect) { return }
            outgoing = try translated(for: target, provider)
        } catch {
            return untranslatable(error)
        }
        guard let binding = chooseEndpoint(of: target, provider) else { return }
        state = .calling
        calls += 1
        arbitration?.called = target
        prepareForAnswer(of: target)
        callStartedAt = .now()
        stopwatch = UpstreamStopwatch(began: callStartedAt)
        call = loop.pool.send(upstreamRequest(to: target, binding, outgoing, for: upstream), receiver: self)
        if isPaused { pauseCall() }
        armHedge(provider, outgoing)
    }

    /// - Parameter upstream: what the call is called among those under way.
    func upstreamRequest(
        to target: UpstreamTarget, _ binding: ProviderBinding, _ body: ByteBuffer, for upstream: UpstreamHealth.Call?
    ) -> UpstreamRequest {
        var headers = binding.headers
        add(dialectHeadersFor: binding.dialect, to: &headers)
        let traced = upstream.flatMap {
            trace?.callBegan(
                $0, of: target, request.operation.spanName(request.surface), at: binding.endpoint, random: &loop.random)
        }
        if let traceparent = traced ?? request.traceparent { try? headers.add("traceparent", traceparent) }
        if let tracestate = request.tracestate { try? headers.add("tracestate", tracestate) }
        var timeouts = binding.endpoint.timeouts
        timeouts.firstByte = .nanoseconds(target.settings.firstByteTimeoutNanoseconds)
        timeouts.idle = .nanoseconds(target.settings.idleTimeoutNanoseconds)
        return UpstreamRequest(
            endpoint: binding.endpoint,
            path: binding.path(to: target.upstreamModel, request.operation, in: language(of: binding), isStreamed: envelope.isStreamed),
            headers: headers, body: body, timeouts: timeouts)
    }

    /// Forgets what came of another call's answer.
    func prepareForAnswer(of target: UpstreamTarget) {
        reader = nil
        errorStatus = nil
        errorBody.clear()
        heldChunks.removeAll()
        summary.finishes.removeAll()
        usage = isCounting ? TokenUsage() : nil
        usageSoFar = nil
        outputBytes = 0
        wasRead = false
        let dialect = dialectOfTarget
        rewriter = makeRewriter(for: dialect)
        let isKept = isShared && (cachePlan.stores || heldClaim != nil)
        stored =
            isKept ? StoredAnswer(isStreamed: envelope.isStreamed, dialect: dialect, model: target.model, provider: target.provider) : nil
    }

    // MARK: UpstreamReceiver

    package func upstreamHeadReceived(status: Int, headers: HTTPHeaders) {
        guard case .calling = state else { return }
        let retryAfter = retryAfter(headers, isLimited: status == 429, from: upstream)
        guard (200..<300).contains(status) else {
            errorStatus = (status, retryAfter, headers.first(name: "x-should-retry") == "false")
            return
        }
        if let fault = fault(ofHead: status, headers, from: upstream) { return attemptFailed(fault) }
        reader = AnswerReader(
            dialectOfTarget, request.operation, isStreamed: envelope.isStreamed, maxBytes: snapshot.pipeline.maxAnswerBytes,
            embeddings: AnswerReader.EmbeddingsForm(model: target?.model ?? "", inBase64: envelope.wantsBase64))
    }

    /// What is wrong with an answer whose head says so.
    func fault(ofHead status: Int, _ headers: HTTPHeaders, from upstream: UpstreamHealth.Call?) -> Fault? {
        guard (200..<300).contains(status) else {
            return .upstreamStatus(
                status, error: nil, retryAfterMilliseconds: retryAfter(headers, isLimited: status == 429, from: upstream),
                provider: target?.provider ?? "")
        }
        let isEventStream = headers.first(name: "content-type")?.isEventStream ?? false
        // Ollama's streams are lines.
        let wantsEvents = envelope.isStreamed && dialectOfTarget != .ollama
        return isEventStream == wantsEvents ? nil : .badAnswer(target, "its content type is not the one that was asked for")
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
        guard reserve(count) else { return false }
        heldAnswerBytes += count
        return true
    }

    package func upstreamEnded() {
        guard case .calling = state else { return }
        if let errorStatus {
            let error = OpenAIError.parse(errorBody, index: &loop.answerIndex)
            return attemptFailed(
                .upstreamStatus(
                    errorStatus.status, error: error, retryAfterMilliseconds: errorStatus.retryAfterMilliseconds,
                    provider: target?.provider ?? ""), isAdvisedAgainst: errorStatus.isAdvisedAgainst)
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
        stopwatch?.end(.now())
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
        attemptFailed(hasBegun ? .broken(fault, target) : fault, wasGivenUp: failure.isGivenUp)
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
        if let told = chunk.usageSoFar { usageSoFar = told }
        // One for each choice, whatever a provider repeats.
        for finish in chunk.finishes where !summary.finishes.contains(where: { $0.choice == finish.choice }) {
            summary.finishes.append(finish)
        }
        judge(chunk)
        stored?.append(chunk.raw)
        if let answer = stored, answer.cost > snapshot.pipeline.maxAnswerBytes { stored = nil }
        outputBytes += chunk.textBytes
        guard hasBegun || chunk.hasContent || heldChunks.count >= Self.maxHeldChunks else {
            heldChunks.append(chunk)
            return
        }
        if !hasBegun, let target {
            contentCame()
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
        if wasRead { answerWasRead() } else if !isPaused || isFollowed { resumeCall() }
    }

    /// Reads the call's answer no further for now. The pause is no time of the provider's.
    func pauseCall() {
        call?.pauseReading()
        stopwatch?.pause(.now())
    }

    func resumeCall() {
        stopwatch?.resume(.now())
        call?.resumeReading()
    }

    private func answerIsWhole() {
        guard finishRewriting() else { return }
        stored?.finishes = summary.finishes
        answerRepetitions()
        share()
        end()
    }
}

extension String {
    /// Whether this media type, of any case and with any parameters, is that of server-sent events.
    fileprivate var isEventStream: Bool {
        let type: StaticString = "text/event-stream"
        return utf8.count >= type.utf8CodeUnitCount
            && type.withUTF8Buffer { zip(utf8, $0).allSatisfy { $0 == $1 || ($0 | 0x20 == $1 && $0.isLetter) } }
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
}

extension AnswerChunk {
    /// Whether there is anything in it that a reader would miss.
    var hasContent: Bool {
        !finishes.isEmpty || fragments.contains { $0.text.readableBytes > 0 || $0.name != nil || $0.callID != nil }
    }

    /// Bytes that a model wrote: text, names and arguments.
    var textBytes: Int {
        fragments.reduce(0) {
            $1.key.kind == .block || $1.key.kind == .aside ? $0 : $0 + $1.text.readableBytes + ($1.name?.utf8.count ?? 0)
        }
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
