import GatewayCore
import GatewayJSON
import NIOCore
import Scrubbing

/// What follows when a request's body has been scrubbed.
enum AfterScrub {
    /// The limits are asked: nobody has the request yet.
    case limit
    /// Another target is called, where other rules are kept.
    case call(UpstreamTarget)
}

/// The scrubbing of a large body.
struct SlicedScrub {
    let target: UpstreamTarget
    var scrubber: RequestScrubber
}

/// The phase `scrub`: the request is read, its model resolved, and its body scrubbed and written as the provider will see it.
///
/// A body of more than ``ScanProgress/slice`` bytes goes through the loop's ``SliceLane``, all others through it at once.
extension Exchange {
    private var isLarge: Bool { request.body.readableBytes > ScanProgress.slice }

    /// Reads and scrubs the request, and goes on with its limits.
    func prepare() throws(Fault) {
        guard !isLarge else { return scrubInSlices(.limit) }
        try scrub(for: try read(with: &loop.workspace))
        try limit()
    }

    /// Calls another target: with the body as it is but for the model's name, or scrubbed anew where other rules are kept there.
    func call(behindFailure next: UpstreamTarget) throws(Fault) {
        guard scrubRules(for: next) !== rules else {
            body = loop.workspace.rerender(body, as: request.surface, upstreamModel: next.upstreamModel, maxTokens: addedMaxTokens)
            return call(next)
        }
        keepToItself()
        guard !isLarge else { return scrubInSlices(.call(next)) }
        _ = try loop.workspace.read(request.body, as: request.surface, for: request.operation)
        try scrub(for: next)
        call(next)
    }

    func scrubRules(for target: UpstreamTarget) -> ScrubRules { target.settings.scrub ?? request.principal.scrub }

    private func read(with workspace: inout RequestWorkspace) throws(Fault) -> UpstreamTarget {
        let began = NIODeadline.now()
        defer { summary.timings[.route] += (NIODeadline.now() - began).nanoseconds }
        envelope = try workspace.read(request.body, as: request.surface, for: request.operation)
        if request.surface == .anthropic, request.operation == .answer, envelope.maxOutputTokens == nil {
            throw .invalidField("max_tokens", "is required: the most tokens that the answer may have")
        }
        if isCounting { envelope.isStreamed = false }
        let plan = try arbitrated(
            snapshot.models.resolve(envelope.model, for: request.principal, substitutes: request.operation == .answer).get())
        var sequence = AttemptSequence(plan: plan, policy: snapshot.resilience.retries)
        guard case .call(let target) = sequence.start() else {
            throw Fault(.internalError, origin: .gateway, message: "The route has no target.")
        }
        try checkPrices(of: plan)
        route = plan
        capOutput()
        self.sequence = sequence
        self.target = target
        summary.routeReason = sequence.reason
        return target
    }

    /// Anthropic's API tells a stream's usage unasked; what is translated asks in the other dialect's words.
    private var asksForUsage: Bool { envelope.isStreamed && (request.surface == .openAI || request.surface == .completions) }

    /// Scrubs the body that the loop's workspace has just read, by the rules for `target`, and writes it for that target.
    private func scrub(for target: UpstreamTarget) throws(Fault) {
        let began = NIODeadline.now()
        defer { summary.timings[.scrub] += (NIODeadline.now() - began).nanoseconds }
        rules = scrubRules(for: target)
        try loop.withScrubber(rules) { scrubber throws(Fault) in
            defer { take(scrubber, loop.workspace.skippedMedia) }
            try loop.workspace.scrub(request.body, with: &scrubber)
        }
        body = loop.workspace.render(
            request.body, as: request.surface, upstreamModel: target.upstreamModel, asksForUsage: asksForUsage, maxTokens: addedMaxTokens)
    }

    /// Takes what a scrubber knows when the body is through, or refused.
    private func take(_ scrubber: borrowing RequestScrubber, _ skippedMedia: Int) {
        placeholders = scrubber.placeholders
        requestCounts = scrubber.counts
        tellCounts(of: EntityCounts())
        loop.metrics.mediaSkipped(skippedMedia)
    }

    /// Puts the findings in the request and `answer`'s together.
    func tellCounts(of answer: EntityCounts) {
        var counts = requestCounts
        counts.add(answer)
        summary.scrubbed = counts.map { ScrubCount(kind: rules.policy.name(of: $0.kind), count: $0.count) }
    }

    // MARK: in slices

    private func scrubInSlices(_ next: AfterScrub) {
        state = .scrubbing(next)
        loop.sliceLane.add(self)
    }

    /// Takes a slice of the body's scrubbing, or of an answer's long chunk. True when there are no more, or the request has ended.
    func takeSlice(_ workspace: inout RequestWorkspace) -> Bool {
        guard case .scrubbing(let next) = state else { return takeAnswerSlice() }
        do {
            return try scrubSlice(next, &workspace)
        } catch {
            fail(error)
            return true
        }
    }

    private func scrubSlice(_ next: AfterScrub, _ workspace: inout RequestWorkspace) throws(Fault) -> Bool {
        guard var scrub = slicedScrub else {
            let target: UpstreamTarget
            switch next {
            case .limit: target = try read(with: &workspace)
            case .call(let other):
                _ = try workspace.read(request.body, as: request.surface, for: request.operation)
                target = other
            }
            rules = scrubRules(for: target)
            slicedScrub = SlicedScrub(target: target, scrubber: RequestScrubber(policy: rules.policy))
            return false
        }
        let began = NIODeadline.now()
        defer { summary.timings[.scrub] += (NIODeadline.now() - began).nanoseconds }
        // The only owner of the scrubber's memory.
        slicedScrub = nil
        do {
            guard try workspace.scrubSlice(request.body, with: &scrub.scrubber) else {
                slicedScrub = scrub
                return false
            }
        } catch {
            take(scrub.scrubber, workspace.skippedMedia)
            throw error
        }
        take(scrub.scrubber, workspace.skippedMedia)
        body = workspace.render(
            request.body, as: request.surface, upstreamModel: scrub.target.upstreamModel, asksForUsage: asksForUsage,
            maxTokens: addedMaxTokens)
        return true
    }

    /// Goes on behind the last slice.
    func slicesEnded() {
        guard case .scrubbing(let next) = state else { return answerSlicesEnded() }
        state = .new
        do {
            switch next {
            case .limit: try limit()
            case .call(let target): call(target)
            }
        } catch {
            fail(error)
        }
    }
}
