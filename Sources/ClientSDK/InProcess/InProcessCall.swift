/// A call that the program's own code answers in the place of a gateway.
public struct InProcessCall: Sendable {
    public let request: ChatRequest
    public let options: CallOptions
    private let mailbox: AnswerMailbox
    private let gate: AnswerGate

    init(request: ChatRequest, options: CallOptions, mailbox: AnswerMailbox, gate: AnswerGate) {
        self.request = request
        self.options = options
        self.mailbox = mailbox
        self.gate = gate
    }

    /// Sends the next event, and returns when the caller has taken it: the caller's pace is the handler's.
    ///
    /// - Throws: `CancellationError` when the caller has gone, or the answer has ended.
    public func send(_ event: ChatEvent) async throws {
        try Task.checkCancellation()
        if case .finish(let summary) = event { return finish(summary) }
        gate.close()
        guard mailbox.put(.event(event), cost: 1) else { throw CancellationError() }
        await gate.pass()
        try Task.checkCancellation()
    }

    /// Sends a piece of the answer's text.
    public func send(_ text: String) async throws {
        try await send(.text(text))
    }

    /// The first call ends the answer; a handler that returns without one ends it with an empty summary.
    public func finish(_ summary: AnswerSummary) {
        mailbox.finishOnce(summary)
    }
}

extension AgentShieldClient {
    /// A client without a network, for a program's own tests: `handler` answers each chat.
    ///
    /// ```swift
    /// let client = AgentShieldClient.inProcess { call in
    ///     try await call.send("You said: \(call.request.messages.count) messages")
    /// }
    /// ```
    ///
    /// The handler runs in a task that is cancelled when the caller gives up. What it throws of type ``AgentShieldError`` is
    /// what the caller gets.
    ///
    /// - Parameter embeddings: makes a vector of each text; without it, embeddings are ``AgentShieldError/Code/unsupported``.
    public static func inProcess(
        models: [Model] = [], embeddings: (@Sendable (EmbeddingsRequest) async throws -> [[Float]])? = nil,
        handler: @escaping @Sendable (InProcessCall) async throws -> Void
    ) -> AgentShieldClient {
        AgentShieldClient(
            transport: InProcessTransport(models: models, embeddings: embeddings, handler: handler), deadline: .seconds(120),
            maxAnswerBytes: 16_777_216)
    }
}
