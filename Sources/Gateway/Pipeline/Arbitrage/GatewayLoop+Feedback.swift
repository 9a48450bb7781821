import EmbeddedStore
package import GatewayCore
package import NIOCore

extension GatewayLoop {
    /// Takes a caller's word for what an answer of its tenant's was worth, without holding up the loop. It is told to be taken when its row is durable and it
    /// was learned; before, whoever repeats it with the same score has it carried out again, and the row is the same one.
    ///
    /// - Parameters:
    ///   - score: from 0, useless, to 1.
    ///   - timeout: how long the caller waits; `nil`: it does not say. It is told no later, and after 10 s at the latest.
    ///   - completion: called once, on the loop, perhaps from inside.
    package func feedback(
        _ id: RequestID, score: Double, for principal: Principal, timeout: TimeAmount?, completion: @escaping (Result<Void, Fault>) -> Void
    ) {
        guard (0...1).contains(score) else { return completion(.failure(.invalidField("score", "must be a number from 0 to 1"))) }
        guard let learner = arbitrage.learner else { return completion(.failure(.unknownReceipt)) }
        do throws(Fault) {
            try checkAuthority(of: principal)
            try journal.checkRoom(tenant: principal.tenant)
        } catch {
            return completion(.failure(error))
        }
        guard openPlace() else { return completion(.failure(.overloaded)) }
        FeedbackCall(
            id: id, signal: ObservedQuality(.feedback, quality: score, weight: 1), principal: principal, loop: self, learner: learner,
            completion: completion
        ).start(timeout)
    }
}

/// One feedback on its way: claimed, written, learned, settled. Confined to its loop; holds a place of the in-flight budget to its end, which the stores'
/// own limits of time bring, also when the caller was told before that nobody knows.
private final class FeedbackCall {
    /// After it a caller that names no time is told that it is not known whether the feedback counts.
    private static let defaultTimeout = TimeAmount.seconds(5)
    /// Two thirds of a lease: who is told later could have carried out what another one has claimed meanwhile.
    private static let maxTimeout = TimeAmount.milliseconds(FeedbackClaim.leaseMilliseconds * 2 / 3)

    private let id: RequestID
    private let signal: ObservedQuality
    private let principal: Principal
    private let loop: GatewayLoop
    private let learner: ArbitrageLearner
    /// `nil`: it was called.
    private var completion: ((Result<Void, Fault>) -> Void)?
    private var timer: Scheduled<Void>?
    private var hasPlace = true

    init(
        id: RequestID, signal: ObservedQuality, principal: Principal, loop: GatewayLoop, learner: ArbitrageLearner,
        completion: @escaping (Result<Void, Fault>) -> Void
    ) {
        (self.id, self.signal, self.principal, self.loop, self.learner) = (id, signal, principal, loop, learner)
        self.completion = completion
    }

    func start(_ timeout: TimeAmount?) {
        let wait = min(max(.zero, timeout ?? Self.defaultTimeout), Self.maxTimeout)
        timer = loop.eventLoop.assumeIsolated().scheduleTask(in: wait) { [self] in tell(.failure(.feedbackUncertain)) }
        let (id, tenant, score, learner) = (id, principal.tenant, signal.qualityMillionths, learner)
        let promise = loop.eventLoop.makePromise(of: FeedbackClaim.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] result in claimed(result) }
        promise.completeWithTask { try await learner.claim(id, tenant: tenant, scoreMillionths: score) }
    }

    private func claimed(_ result: Result<FeedbackClaim, any Error>) {
        switch result {
        case .failure(let error as ArbitrageStoreError) where error.mayHaveRun: end(.failure(.feedbackUncertain))
        case .failure: end(.failure(.feedbackNotTaken))
        case .success(.given): end(.failure(.feedbackGiven))
        case .success(.underWay): end(.failure(.feedbackUnderWay))
        case .success(.answer(let answer)): write(answer)
        case .success(.unknown):
            // Either there is no such receipt, or nothing was chosen for it.
            loop.receipt(id, for: principal) { [self] found in
                switch found {
                case .failure(let fault): end(.failure(fault))
                case .success(nil): end(.failure(.unknownReceipt))
                case .success: end(.failure(.notArbitrated))
                }
            }
        }
    }

    private func write(_ answer: ArbitratedAnswer) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let waiter = DurabilityWaiter(eventLoop: loop.eventLoop) { isDurable in
            if isDurable { bound.value.learn(answer) } else { bound.value.end(.failure(.feedbackUncertain)) }
        }
        if loop.journal.append(.reward(LedgerReward(answer, signal)), waiter: waiter) { learn(answer) }
    }

    private func learn(_ answer: ArbitratedAnswer) {
        // Whoever was told that nobody knows may give it again, and then it is learned.
        guard completion != nil else { return end(.failure(.feedbackUncertain)) }
        let (signal, learner) = (signal, learner)
        let hour = RouteStatistics.Hour(unixSeconds: Int64(clamping: loop.clock.unixMilliseconds() / 1_000))
        let promise = loop.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] result in end(result.mapError { _ in .feedbackUncertain }) }
        promise.completeWithTask { try await learner.learn(answer, signal, hour: hour) }
    }

    private func end(_ result: Result<Void, Fault>) {
        if hasPlace {
            hasPlace = false
            loop.closePlace()
        }
        tell(result)
    }

    private func tell(_ result: Result<Void, Fault>) {
        timer?.cancel()
        timer = nil
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }
}

extension Fault {
    fileprivate static let unknownReceipt = Fault(
        .notFound, origin: .downstream,
        message: "There is no receipt of this id that feedback could be given on, or it is too old.", parameter: "receipt")
    fileprivate static let notArbitrated = Fault(
        .notArbitrated, origin: .downstream,
        message: "The receipt's request was not arbitrated, came from the cache, failed or is too old: there is nothing to learn.",
        parameter: "receipt")
    fileprivate static let feedbackGiven = Fault(
        .feedbackGiven, origin: .downstream, message: "Feedback on this receipt was given before; it counts once.", parameter: "receipt")
    fileprivate static let feedbackNotTaken = Fault(
        .overloaded, origin: .gateway, message: "Feedback cannot be taken at present. Nothing was done; try again shortly.",
        retryAfterMilliseconds: 1_000)
    fileprivate static let feedbackUnderWay = Fault(
        .overloaded, origin: .gateway,
        message: "The same feedback was given a moment ago, and is not known to count yet. Give it again shortly.",
        retryAfterMilliseconds: FeedbackClaim.leaseMilliseconds)
    fileprivate static let feedbackUncertain = Fault(
        .deadlineExceeded, origin: .gateway,
        message: "It did not become known in time whether the feedback counts. Give it again with the same score: it counts once.")
}
