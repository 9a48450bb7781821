import GatewayCore
import NIOCore
import Providers

/// Requests whose answer is one document without a text of the model's: counts of tokens, and embeddings. They are read, scrubbed and limited as all
/// are; nothing of their answers is scrubbed, restored or cached.
extension Exchange {
    var isCounting: Bool { request.operation == .countTokens }
    var asksForDocument: Bool { request.operation != .answer }

    /// Answers in place of a provider that cannot be asked; false where it can.
    ///
    /// Tokens are estimated by the rule that they are estimated by everywhere, the bytes by the model's rate.
    func answersItself(_ target: UpstreamTarget, _ dialect: Dialect) throws(Fault) -> Bool {
        switch (request.operation, dialect) {
        case (.countTokens, .openAI), (.countTokens, .responses), (.countTokens, .completions), (.countTokens, .ollama):
            let estimate = target.settings.traits.tokenRates.tokens(bytes: body.readableBytes)
            tell(AnswerChunk(raw: ByteBuffer(string: #"{"input_tokens":\#(estimate)}"#), dialect: .anthropic), of: target)
            return true
        case (.embeddings, .anthropic):
            throw .invalidField("model", "is one of the provider `\(target.provider)`, whose API has no embeddings")
        default: return false
        }
    }

    /// The provider's answer is there.
    func documentWasReceived() throws(Fault) {
        try reader?.finish()
        guard let target, case .chunk(let document) = try reader?.next(index: &loop.answerIndex) else { return }
        if let told = document.usage { usage = told }
        keep(document)
        tell(document, of: target)
    }

    /// For requests that repeat this one.
    private func keep(_ document: AnswerChunk) {
        stored?.dialect = document.dialect
        stored?.append(document.raw)
        if let answer = stored, answer.cost > snapshot.pipeline.maxAnswerBytes { stored = nil }
        answerRepetitions()
    }

    /// Tells a document again that an earlier request was answered with.
    func tellDocument(_ answer: StoredAnswer, as status: CacheStatus) {
        usage = answer.usage
        // The next who repeats it asks this request's process, or waits for it.
        stored = answer
        begin(cache: status, model: answer.model, provider: answer.provider)
        deliver(AnswerChunk(raw: answer.bytes, dialect: answer.dialect))
        answerRepetitions()
        end()
    }

    private func tell(_ document: AnswerChunk, of target: UpstreamTarget) {
        begin(cache: .bypass, model: target.model, provider: target.provider)
        deliver(document)
        end()
    }
}
