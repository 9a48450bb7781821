public import Logging
public import NIOCore

/// Sends chats to AgentShield gateways over their wire protocol.
///
/// One client serves a whole program: its calls share a few connections, which are made when first needed, kept alive, and
/// replaced when a gateway goes away. It can be used from any task. ``shutdown(within:)`` ends it; as a `Service` it ends with its
/// `ServiceGroup`.
///
/// ```swift
/// let client = try AgentShieldClient(configuration: .init(environment: nil))
/// let answer = try await client.chat(ChatRequest(model: "smart", prompt: "Hello!"))
/// print(answer.text, answer.costUSD)
///
/// for try await event in client.stream(ChatRequest(model: "smart", prompt: "Tell me a story.")) {
///     if let text = event.text { print(text, terminator: "") }
/// }
/// await client.shutdown()
/// ```
public final class AgentShieldClient: Sendable {
    private let transport: any ClientTransport
    private let deadline: Duration
    private let maxAnswerBytes: Int

    /// No connection is made yet.
    ///
    /// - Parameters:
    ///   - logger: told of connections, at debug level; never of what conversations say.
    ///   - eventLoopGroup: where the connections run; `nil`: the process's shared group. Never shut down by the client.
    /// - Throws: ``AgentShieldError`` of the code ``AgentShieldError/Code/invalidConfiguration``.
    public convenience init(
        configuration: Configuration, logger: Logger = Logger(label: "agentshield.client"), eventLoopGroup: (any EventLoopGroup)? = nil
    ) throws {
        let transport = try NetworkTransport(configuration, group: eventLoopGroup, logger: logger)
        self.init(transport: transport, deadline: configuration.deadline, maxAnswerBytes: configuration.maxAnswerBytes)
    }

    init(transport: any ClientTransport, deadline: Duration, maxAnswerBytes: Int) {
        self.transport = transport
        self.deadline = deadline
        self.maxAnswerBytes = maxAnswerBytes
    }

    deinit {
        transport.release()
    }

    /// Sends a conversation and waits for the whole answer.
    ///
    /// - Throws: ``AgentShieldError``, or `CancellationError` if the task was cancelled; the provider's request is then closed.
    public func chat(_ request: ChatRequest, options: CallOptions = CallOptions()) async throws -> ChatAnswer {
        try Task.checkCancellation()
        let lease = CallLease(begin(.chat(request, isStreamed: false), options, name: "chat", model: request.model))
        var accumulator = AnswerAccumulator(maxBytes: maxAnswerBytes)
        var whole: [ChatAnswer.Choice]?
        while let piece = try await lease.mailbox.next() {
            switch piece {
            case .choices(let choices): whole = choices
            case .models, .embeddings, .feedbackTaken: break
            case .event(let event):
                guard var answer = try accumulator.add(event) else { continue }
                if let whole { answer.choices = whole }
                return answer.completed()
            }
        }
        throw AgentShieldError(.protocolError, "the answer has no end")
    }

    /// Sends a conversation and returns the answer as it is made. Errors come when the stream is iterated.
    public func stream(_ request: ChatRequest, options: CallOptions = CallOptions()) -> ChatStream {
        ChatStream(begin(.chat(request, isStreamed: true), options, name: "chat", model: request.model), maxAnswerBytes: maxAnswerBytes)
    }

    /// Goes on with a streamed answer behind what was read of it, also where another program read that: the gateway keeps a resumable answer for some
    /// time (15 s, if it is not configured otherwise) when its connection is lost. The first event is ``ChatEvent/begin(_:)`` again.
    ///
    /// Iterating fails with ``AgentShieldError/Code/resumeUnavailable`` where that time is over, or the answer is somebody else's.
    public func resume(_ point: ResumePoint, options: CallOptions = CallOptions()) -> ChatStream {
        ChatStream(begin(.resume(point), options, name: "chat", model: nil), maxAnswerBytes: maxAnswerBytes)
    }

    /// Turns texts into vectors.
    ///
    /// - Throws: ``AgentShieldError``, or `CancellationError` if the task was cancelled; the provider's request is then closed.
    public func embeddings(_ request: EmbeddingsRequest, options: CallOptions = CallOptions()) async throws -> EmbeddingsAnswer {
        try Task.checkCancellation()
        let lease = CallLease(begin(.embeddings(request), options, name: "embeddings", model: request.model))
        var accumulator = AnswerAccumulator(maxBytes: maxAnswerBytes)
        var vectors: [[Float]]?
        while let piece = try await lease.mailbox.next() {
            switch piece {
            case .embeddings(let told): vectors = told
            case .choices, .models, .feedbackTaken: break
            case .event(let event):
                guard let end = try accumulator.add(event) else { continue }
                guard let vectors, vectors.count == request.texts.count else {
                    throw AgentShieldError(.protocolError, "the answer has not one vector for each text")
                }
                return EmbeddingsAnswer(head: end.head, vectors: vectors, summary: end.summary)
            }
        }
        throw AgentShieldError(.protocolError, "the answer has no end")
    }

    /// The models that the credential may use.
    public func models(options: CallOptions = CallOptions()) async throws -> [Model] {
        try Task.checkCancellation()
        let lease = CallLease(begin(.models, options, name: "models", model: nil))
        var models: [Model] = []
        while let piece = try await lease.mailbox.next() {
            if case .models(let listed) = piece { models = listed }
        }
        return models
    }

    /// Says what an answer was worth, so that the gateway learns which models answer such requests well. Only answers that the gateway chose a model
    /// for can be given feedback on, once each, at any time in a week.
    ///
    /// - Parameters:
    ///   - receipt: the answer's ``AnswerSummary/receiptID``.
    ///   - score: from 0, useless, to 1.
    /// - Throws: ``AgentShieldError`` with ``AgentShieldError/Code/feedbackGiven`` for the second time,
    ///   ``AgentShieldError/Code/notArbitrated`` where there is nothing to learn, ``AgentShieldError/Code/notFound`` for a receipt that is unknown or
    ///   somebody else's.
    public func feedback(_ receipt: String, score: Double, options: CallOptions = CallOptions()) async throws {
        try Task.checkCancellation()
        let lease = CallLease(begin(.feedback(receipt: receipt, score: score), options, name: "feedback", model: nil))
        var isTaken = false
        while let piece = try await lease.mailbox.next() {
            if case .feedbackTaken = piece { isTaken = true }
        }
        guard isTaken else { throw AgentShieldError(.protocolError, "the gateway does not say that it took the feedback") }
    }

    /// Takes no new calls, gives those that are open until `grace` is over, then ends them with
    /// ``AgentShieldError/Code/clientShutDown``. Returns when every connection is closed. May be called more than once.
    public func shutdown(within grace: Duration = .seconds(30)) async {
        await transport.shutdown(within: grace)
    }

    private func begin(_ operation: OutgoingCall.Operation, _ options: CallOptions, name: String, model: String?) -> AnswerMailbox {
        let span = CallSpan(operation: name, model: model)
        return transport.begin(
            OutgoingCall(
                operation: operation, options: options, deadline: options.deadline ?? deadline,
                idempotencyKey: options.idempotencyKey ?? Self.makeIdempotencyKey(), trace: span.headers, onEnd: { span.end($0) }))
    }

    /// 128 random bits.
    private static func makeIdempotencyKey() -> String {
        var random = SystemRandomNumberGenerator()
        let halves = (0..<2).map { _ in String(random.next(), radix: 16) }
        return halves.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }
}
