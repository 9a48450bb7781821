package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what servers of OpenAI's older completions answer: the choices' texts, finish reasons and usage. Everything else stays in `raw` untouched.
package enum CompletionsAnswer {
    private static let maxNumber = 1 << 14

    /// Reads the JSON text of one event of a stream, or the body of an unstreamed answer, which are alike.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for anything that is no completion; for an error inside a stream what it stands for, see
    ///   ``OpenAIError``.
    package static func chunk(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
        return try index.read(raw) { root throws(Fault) in
            guard root.isObject else { throw .unreadableAnswer("it is no JSON object") }
            if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
            return try read(root, raw)
        }
    }

    private static func read(_ root: JSONValue, _ raw: ByteBuffer) throws(Fault) -> AnswerChunk {
        var chunk = AnswerChunk(raw: raw, dialect: .completions)
        chunk.usage = try root.only("usage").flatMap { usage throws(Fault) in try TokenUsage(openAI: usage) }
        let choices = try root.only("choices")
        guard choices?.isArray == true || chunk.usage != nil else { throw .unreadableAnswer("it is no completion") }
        for choice in choices?.elements ?? root.elements {
            guard choice.isObject else { throw .unreadableAnswer("one of its choices is no object") }
            let number = try Self.number(of: choice)
            if let text = try choice.only("text"), !text.isNull {
                guard text.isString else { throw .unreadableAnswer("a text in it is no string") }
                chunk.fragments.append(
                    AnswerFragment(key: AnswerItemKey(choice: number, kind: .text), text: text.text(in: raw), rawRange: text.range))
            }
            if let reason = try choice.only("finish_reason")?.name(maxBytes: 64) {
                chunk.finishes.append(AnswerFinish(choice: number, reason: FinishReason(openAI: reason), providerReason: reason))
            }
        }
        chunk.isUsageOnly = chunk.usage != nil && (choices?.isArray != true || choices?.isEmpty == true)
        return chunk
    }

    private static func number(of choice: JSONValue) throws(Fault) -> Int {
        guard let value = try choice.only("index"), !value.isNull else { return 0 }
        guard let number = value.int, (0..<Int64(maxNumber)).contains(number) else {
            throw .unreadableAnswer("one of its indexes is no whole number from 0 to \(maxNumber - 1)")
        }
        return Int(number)
    }
}
