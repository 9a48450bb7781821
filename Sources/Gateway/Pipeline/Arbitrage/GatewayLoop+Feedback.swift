import EmbeddedStore
package import GatewayCore
import NIOCore

extension GatewayLoop {
    /// Takes a caller's word for what an answer of its tenant's was worth, without holding up the loop.
    ///
    /// - Parameters:
    ///   - score: from 0, useless, to 1.
    ///   - completion: called once, on the loop, perhaps from inside.
    package func feedback(
        _ id: RequestID, score: Double, for principal: Principal, completion: @escaping (Result<Void, Fault>) -> Void
    ) {
        guard (0...1).contains(score) else { return completion(.failure(.invalidField("score", "must be a number from 0 to 1"))) }
        guard let learner = arbitrage.learner else { return completion(.failure(.unknownReceipt)) }
        let tenant = principal.tenant
        let promise = eventLoop.makePromise(of: FeedbackClaim.self)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error as ArbitrageStoreError) where error.mayHaveRun: completion(.failure(.feedbackUncertain))
            case .failure: completion(.failure(.feedbackNotTaken))
            case .success(.given): completion(.failure(.feedbackGiven))
            case .success(.answer(let answer)): completion(.success(bound.value.learn(answer, score, learner)))
            case .success(.unknown):
                // Either there is no such receipt, or nothing was chosen for it.
                bound.value.receipt(id, for: principal) { found in
                    completion(.failure((try? found.get()) == nil ? .unknownReceipt : .notArbitrated))
                }
            }
        }
        promise.completeWithTask { try await learner.claim(id, tenant: tenant) }
    }

    private func learn(_ answer: ArbitratedAnswer, _ score: Double, _ learner: ArbitrageLearner) {
        let signal = ObservedQuality(.feedback, quality: score, weight: 1)
        let hour = RouteStatistics.Hour(unixSeconds: Int64(clamping: clock.unixMilliseconds() / 1_000))
        learner.observe(answer, quality: signal.quality, weight: signal.weight, hour: hour)
        journal.append(.reward(LedgerReward(answer, signal)))
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
    fileprivate static let feedbackUncertain = Fault(
        .deadlineExceeded, origin: .gateway,
        message: "The store did not say in time whether the feedback counts. Giving it again changes nothing if it does.")
}
