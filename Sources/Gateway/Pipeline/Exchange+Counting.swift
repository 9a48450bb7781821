import GatewayCore
import NIOCore
import Providers

/// Requests that ask how many tokens another one would have: read, scrubbed and limited as that one would be, and answered by its provider, which
/// charges nothing for it.
extension Exchange {
    var isCounting: Bool { request.operation == .countTokens }

    /// Answers in place of a provider whose dialect knows no such question: by the rule that tokens are estimated by everywhere, a quarter of the bytes.
    func tellEstimate(for target: UpstreamTarget) {
        let estimate = (body.readableBytes + 3) / 4
        tell(count: AnswerChunk(raw: ByteBuffer(string: #"{"input_tokens":\#(estimate)}"#), dialect: .anthropic), of: target)
    }

    /// The provider's answer is there.
    func countWasReceived() throws(Fault) {
        try reader?.finish()
        guard let target, case .chunk(let count) = try reader?.next(index: &loop.answerIndex) else { return }
        tell(count: count, of: target)
    }

    private func tell(count: AnswerChunk, of target: UpstreamTarget) {
        begin(cache: .bypass, model: target.model, provider: target.provider)
        deliver(count)
        end()
    }
}
