import DequeModule
import NIOConcurrencyHelpers

/// A piece of an answer on its way to the caller.
enum AnswerPiece: Sendable, Equatable {
    case event(ChatEvent)
    /// The whole content of an answer that was not streamed.
    case choices([ChatAnswer.Choice])
    case models([Model])
    /// In the order of the texts.
    case embeddings([[Float]])
    case feedbackTaken
}

/// What a mailbox's reader causes on the other side.
protocol CallControl: Sendable {
    /// The application took pieces that had cost so many bytes of credit.
    func consumed(_ bytes: Int)
    /// Nobody waits for the answer any more. Told at most once, and only while the answer has not ended.
    func abandon()
}

/// Hands the pieces of one answer from where they arrive to the task that reads them.
///
/// A lock and not an actor: pieces arrive on an event loop, which must not wait, and leave in the caller's task, which then does
/// not hop for each of them. What waits here is bounded by the stream's credit, which is given back as pieces are taken.
final class AnswerMailbox: Sendable {
    private enum Ending {
        case finished
        case failed(any Error)
    }

    private struct State {
        var pieces = Deque<(piece: AnswerPiece, cost: Int, sequence: UInt64)>()
        /// Behind what was taken.
        var point: ResumePoint?
        var ending: Ending?
        var waiter: CheckedContinuation<AnswerPiece?, any Error>?
        /// Cost of pieces that were taken and not reported yet.
        var unreported = 0
    }

    private enum Step {
        case piece(AnswerPiece, report: Int)
        case failure(any Error)
        case finished
        case wait
    }

    private let state = NIOLockedValueBox(State())
    private let control: any CallControl
    private let reportThreshold: Int
    private let onEnd: @Sendable (CallOutcome) -> Void

    /// - Parameter reportThreshold: taken bytes are reported from here on, together; far below the stream's credit.
    init(control: any CallControl, reportThreshold: Int, onEnd: @escaping @Sendable (CallOutcome) -> Void) {
        self.control = control
        self.reportThreshold = reportThreshold
        self.onEnd = onEnd
    }

    // MARK: - Where pieces arrive

    /// - Parameter sequence: of the last piece of the answer that this one completes.
    /// - Returns: `false` if the answer has ended, and the piece is dropped.
    @discardableResult
    func put(_ piece: AnswerPiece, cost: Int = 0, sequence: UInt64 = 0) -> Bool {
        var report = 0
        var isAccepted = false
        let waiter = state.withLockedValue { state -> CheckedContinuation<AnswerPiece?, any Error>? in
            guard state.ending == nil else { return nil }
            isAccepted = true
            guard let waiter = state.waiter else {
                state.pieces.append((piece, cost, sequence))
                return nil
            }
            state.waiter = nil
            report = take(piece, cost, sequence, &state)
            return waiter
        }
        if report > 0 { control.consumed(report) }
        waiter?.resume(returning: piece)
        return isAccepted
    }

    /// The last piece is there.
    func finish(_ head: AnswerHead, _ summary: AnswerSummary) {
        end(.finished, .finished(head, summary))
    }

    /// Puts the last piece and ends the answer, unless it has ended.
    func finishOnce(_ summary: AnswerSummary) {
        put(.event(.finish(summary)))
        finish(AnswerHead(), summary)
    }

    func fail(_ error: AgentShieldError) {
        end(.failed(error), .failed(error))
    }

    private func end(_ ending: Ending, _ outcome: CallOutcome) {
        let (isFirst, waiter) = state.withLockedValue { state -> (Bool, CheckedContinuation<AnswerPiece?, any Error>?) in
            guard state.ending == nil else { return (false, nil) }
            state.ending = ending
            defer { state.waiter = nil }
            return (true, state.waiter)
        }
        guard isFirst else { return }
        onEnd(outcome)
        switch ending {
        case .finished: waiter?.resume(returning: nil)
        case .failed(let error): waiter?.resume(throwing: error)
        }
    }

    // MARK: - Where they are read

    /// Behind the last piece that was read; `nil`: none was.
    var point: ResumePoint? { state.withLockedValue { $0.point } }

    /// The next piece; `nil` after the last. One reader at a time.
    func next(isolation actor: isolated (any Actor)? = #isolation) async throws -> AnswerPiece? {
        if Task.isCancelled {
            abandon()
            throw CancellationError()
        }
        switch state.withLockedValue({ nextStep(&$0) }) {
        case .piece(let piece, let report):
            if report > 0 { control.consumed(report) }
            return piece
        case .failure(let error): throw error
        case .finished: return nil
        case .wait: return try await wait(isolation: actor)
        }
    }

    private func wait(isolation actor: isolated (any Actor)?) async throws -> AnswerPiece? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation(isolation: actor) { continuation in
                let step = state.withLockedValue { state -> Step in
                    let step = nextStep(&state)
                    if case .wait = step {
                        guard state.waiter == nil else {
                            return .failure(AgentShieldError(.invalidRequest, "the stream has two readers"))
                        }
                        state.waiter = continuation
                    }
                    return step
                }
                switch step {
                case .piece(let piece, let report):
                    if report > 0 { control.consumed(report) }
                    continuation.resume(returning: piece)
                case .failure(let error): continuation.resume(throwing: error)
                case .finished: continuation.resume(returning: nil)
                case .wait: break
                }
            }
        } onCancel: {
            abandon()
        }
    }

    private func nextStep(_ state: inout State) -> Step {
        if let (piece, cost, sequence) = state.pieces.popFirst() {
            return .piece(piece, report: take(piece, cost, sequence, &state))
        }
        switch state.ending {
        case .finished: return .finished
        case .failed(let error): return .failure(error)
        case nil: return .wait
        }
    }

    /// - Returns: what is to be reported now.
    private func take(_ piece: AnswerPiece, _ cost: Int, _ sequence: UInt64, _ state: inout State) -> Int {
        if case .event(.begin(let head)) = piece { state.point = ResumePoint(responseID: head.responseID, sequence: sequence) }
        state.point?.sequence = sequence
        state.unreported += cost
        guard state.unreported >= reportThreshold else { return 0 }
        defer { state.unreported = 0 }
        return state.unreported
    }

    /// Nobody reads any more. What waits is dropped, and the call is given up unless it has ended.
    func abandon() {
        let (isFirst, waiter) = state.withLockedValue { state -> (Bool, CheckedContinuation<AnswerPiece?, any Error>?) in
            state.pieces.removeAll()
            guard state.ending == nil else { return (false, nil) }
            state.ending = .failed(CancellationError())
            defer { state.waiter = nil }
            return (true, state.waiter)
        }
        guard isFirst else { return }
        onEnd(.abandoned)
        control.abandon()
        waiter?.resume(throwing: CancellationError())
    }
}
