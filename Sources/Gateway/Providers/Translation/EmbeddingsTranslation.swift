package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Embeddings of providers that do not speak OpenAI's dialect: the request in theirs, and their vectors in OpenAI's. Pure.
package enum EmbeddingsTranslation {
    /// Values of an answer, each number one.
    private static let limits = JSONLimits(maxNodes: 2 << 20)

    /// - Parameters:
    ///   - request: to `/v1/embeddings`, read and checked.
    ///   - model: the provider's name for the model.
    package static func body(
        of request: ByteBuffer, model: String, for dialect: Dialect, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> ByteBuffer {
        do {
            try index.scan(request)
        } catch {
            throw Fault.malformedJSON(error)
        }
        return try index.read(request) { root throws(Fault) in
            try gaps.refuseOthers(
                in: root, but: ["model", "input", "encoding_format", "dimensions", "user", "truncate", "keep_alive", "options"])
            return try dialect == .gemini ? gemini(root, model, &gaps) : ollama(root, model)
        }
    }

    private static func ollama(_ root: JSONValue, _ model: String) throws(Fault) -> ByteBuffer {
        var json = JSONWriter()
        json.beginObject()
        json.member("model", model)
        for member in root.members where !member.value.isNull {
            if member.key.equals("input") { json.member("input", member.value) }
            if member.key.equals("dimensions") { json.member("dimensions", member.value) }
            if member.key.equals("truncate") { json.member("truncate", member.value) }
            if member.key.equals("keep_alive") { json.member("keep_alive", member.value) }
            if member.key.equals("options") { json.member("options", member.value) }
        }
        json.endObject()
        return json.buffer
    }

    private static func gemini(_ root: JSONValue, _ model: String, _ gaps: inout TranslationGaps) throws(Fault) -> ByteBuffer {
        for member in root.members where !member.value.saysNothing {
            if member.key.equals("truncate") || member.key.equals("keep_alive") || member.key.equals("options") {
                try gaps.refuse(member.value)
            }
        }
        guard let input = try root.field("input") else { throw .invalidField("input", "is required") }
        let dimensions = try root.field("dimensions")
        var json = JSONWriter()
        json.beginObject()
        json.key("requests")
        json.beginArray()
        for text in input.isString ? [input] : Array(input.elements) {
            json.object { json in
                json.member("model", GeminiModel.path(of: model))
                json.key("content")
                json.object { json in
                    json.key("parts")
                    json.array { json in json.object { $0.member("text", text) } }
                }
                if let dimensions { json.member("outputDimensionality", dimensions) }
            }
        }
        json.endArray()
        json.endObject()
        return json.buffer
    }

    // MARK: the answer

    /// Reads what a provider answers, and writes it as OpenAI's API does.
    ///
    /// - Parameters:
    ///   - model: the model's name here.
    ///   - inBase64: as the bytes of 32-bit floating-point numbers, the lowest first, which OpenAI's clients ask for; or as numbers, as they came.
    package static func answer(
        _ raw: ByteBuffer, from dialect: Dialect, model: String, inBase64: Bool, index: inout JSONIndex
    ) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw, limits: limits)
        } catch {
            throw .unreadableAnswer("it is not valid JSON, or has more than \(limits.maxNodes) values")
        }
        return try index.read(raw) { root throws(Fault) in
            if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
            guard root.isObject, let vectors = try root.only("embeddings"), vectors.isArray else {
                throw .unreadableAnswer("there are no embeddings in it")
            }
            let count = try dialect == .gemini ? root.only("usageMetadata")?.count("promptTokenCount") : root.count("prompt_eval_count")
            let json = try write(vectors, from: dialect, model, count, inBase64: inBase64)
            return AnswerChunk(raw: json, usage: count.map { TokenUsage(input: $0) })
        }
    }

    private static func write(
        _ vectors: JSONValue, from dialect: Dialect, _ model: String, _ count: UInt64?, inBase64: Bool
    ) throws(Fault) -> ByteBuffer {
        var json = JSONWriter()
        json.beginObject()
        json.member("object", "list")
        json.key("data")
        json.beginArray()
        for (number, element) in vectors.elements.enumerated() {
            guard let vector = try dialect == .gemini ? element.only("values") : element, vector.isArray else {
                throw .unreadableAnswer("one of its embeddings is no array")
            }
            guard vector.elements.allSatisfy(\.isNumber) else {
                throw .unreadableAnswer("an embedding in it has a value that is no number")
            }
            json.object { json in
                json.member("object", "embedding")
                json.member("index", Int64(number))
                json.key("embedding")
                if inBase64 { json.string(base64(vector)) } else { json.raw(vector) }
            }
        }
        json.endArray()
        json.member("model", model)
        json.key("usage")
        json.object { json in
            json.member("prompt_tokens", Int64(clamping: count ?? 0))
            json.member("total_tokens", Int64(clamping: count ?? 0))
        }
        json.endObject()
        return json.buffer
    }

    private static func base64(_ vector: JSONValue) -> ByteBuffer {
        var bytes = ByteBuffer()
        for element in vector.elements { bytes.writeInteger(Float(element.double ?? 0).bitPattern, endianness: .little) }
        return Base64.encoded(bytes)
    }
}
