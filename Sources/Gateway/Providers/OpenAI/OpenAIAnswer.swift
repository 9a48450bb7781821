package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what servers of OpenAI's chat completion dialect answer, without taking it apart: see ``AnswerChunk``.
///
/// What is read: the choices' text, reasoning (DeepSeek's and vLLM's `reasoning_content`, OpenRouter's `reasoning` and
/// `reasoning_details`), refusal and tool calls (the
/// older `function_call` too), finish reasons and usage. Everything else stays in `raw` untouched: log probabilities, audio, annotations,
/// fingerprints, fields that nobody knows yet.
package enum OpenAIAnswer {
    /// Reads the JSON text of one event of a stream.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for anything that is no chunk; for an error inside the stream what it stands for, see
    ///   ``OpenAIError``.
    package static func chunk(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        try read(raw, message: "delta", index: &index)
    }

    /// Reads the body of an unstreamed answer.
    ///
    /// - Throws: as ``chunk(_:index:)``; an answer with no text, call or finish in it is no answer.
    package static func whole(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        let chunk = try read(raw, message: "message", index: &index)
        guard !chunk.finishes.isEmpty || !chunk.fragments.isEmpty else { throw .unreadableAnswer("there is no answer in it") }
        return chunk
    }

    /// Values of an answer with embeddings: as numbers they are many, in base64 one for each text.
    private static let embeddingLimits = JSONLimits(maxNodes: 2 << 20)

    /// Reads the answer to a request for embeddings: its usage, and that it is one.
    package static func embeddings(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw, limits: embeddingLimits)
        } catch {
            throw .unreadableAnswer("it is not valid JSON, or has more than \(embeddingLimits.maxNodes) values: ask for base64")
        }
        return try index.read(raw) { root throws(Fault) in
            if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
            guard root.isObject, try root.only("data")?.isArray == true else { throw .unreadableAnswer("there are no embeddings in it") }
            let usage = try root.only("usage").flatMap { usage throws(Fault) in try TokenUsage(openAI: usage) }
            return AnswerChunk(raw: raw, usage: usage)
        }
    }

    private static func read(_ raw: ByteBuffer, message: StaticString, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
        return try index.read(raw) { root throws(Fault) in
            guard root.isObject else { throw .unreadableAnswer("it is no JSON object") }
            var reader = OpenAIAnswerReader(raw: raw, message: message)
            return try reader.read(root)
        }
    }
}

extension Fault {
    static func unreadableAnswer(_ reason: String) -> Fault {
        Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider sent an answer that cannot be used: \(reason).")
    }
}
