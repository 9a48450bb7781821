/// Has calls answered: over the network, or inside the process.
protocol ClientTransport: Sendable {
    /// Returns at once; what becomes of the call is told through the mailbox.
    func begin(_ call: OutgoingCall) -> AnswerMailbox

    /// Takes no new calls, gives those that are open some time, then ends them. Returns when everything is closed.
    func shutdown(within grace: Duration) async

    /// The same without waiting, for a client that nobody knows any more: calls that are open may end.
    func release()
}

/// A call as the application asks for it.
struct OutgoingCall: Sendable {
    enum Operation: Sendable {
        case chat(ChatRequest, isStreamed: Bool)
        case models
        case resume(ResumePoint)
        case embeddings(EmbeddingsRequest)
        /// On an answer, by its receipt; from 0 to 1.
        case feedback(receipt: String, score: Double)
    }

    var operation: Operation
    var options: CallOptions
    /// The options' or the configuration's.
    var deadline: Duration
    /// The same in all attempts.
    var idempotencyKey: String
    var trace: TraceHeaders
    /// Told once, when the call is over.
    var onEnd: @Sendable (CallOutcome) -> Void
}

/// How a call ended.
enum CallOutcome: Sendable {
    case finished(AnswerHead, AnswerSummary)
    case failed(AgentShieldError)
    case abandoned
}
