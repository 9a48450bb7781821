import NIOCore
import Wire

extension OutgoingCall {
    /// The request on the wire, but for the deadline, which is what is left of it when the request is sent.
    var wireRequest: Wire.Request {
        var request = Wire.Request(
            idempotencyKey: Text(idempotencyKey), resumable: isResumable, endUser: Text(options.endUser ?? ""),
            traceparent: Text(trace.traceparent), tracestate: Text(trace.tracestate), cache: options.cache.wire,
            route: Text(options.route ?? ""),
            cacheTtlMs: options.cacheTimeToLive.map { UInt32(clamping: max(1, Int64($0 / .milliseconds(1)))) } ?? 0)
        switch operation {
        case .chat(let chat, let isStreamed): request.operation = .chat(chat.wire(isStreamed: isStreamed))
        case .models: request.operation = .models(ModelsRequest())
        case .embeddings(let embeddings): request.operation = .embeddings(embeddings.wire)
        case .feedback(let receipt, let score):
            request.operation = .feedback(FeedbackRequest(receiptID: Text(receipt), score: score))
        case .resume(let point):
            request.operation = .resume(ResumeRequest(responseID: Text(point.responseID), lastSequence: point.sequence))
            request.idempotencyKey = Text()
        }
        return request
    }

    /// A whole answer is not resumed but asked for again, under the same key.
    private var isResumable: Bool {
        switch operation {
        case .chat(_, let isStreamed): options.isResumable && isStreamed
        case .models, .embeddings, .feedback: false
        case .resume: true
        }
    }
}

extension CacheDirective {
    fileprivate var wire: Wire.CacheDirective {
        switch self {
        case .default: .default
        case .use: .use
        case .off: .off
        case .refresh: .refresh
        case .only: .only
        }
    }
}

extension ChatRequest {
    fileprivate func wire(isStreamed: Bool) -> Wire.ChatRequest {
        Wire.ChatRequest(
            model: Text(model), messages: messages.map(\.wire), stream: isStreamed,
            maxOutputTokens: maxOutputTokens.map { UInt32(clamping: $0) }, temperature: temperature, topP: topP,
            stop: stop.map { Text($0) },
            choices: choices.map { UInt32(clamping: $0) }, tools: tools.map(\.wire), toolChoice: toolChoice?.wire,
            parallelToolCalls: parallelToolCalls, responseFormat: responseFormat?.wire, seed: seed,
            reasoningEffort: Text(reasoningEffort ?? ""), extraJSON: extraJSON.map { ByteBuffer(string: $0) } ?? ByteBuffer())
    }
}

extension EmbeddingsRequest {
    fileprivate var wire: Wire.EmbeddingsRequest {
        Wire.EmbeddingsRequest(
            model: Text(model), input: texts.map { Text($0) }, dimensions: dimensions.map { UInt32(clamping: $0) },
            extraJSON: extraJSON.map { ByteBuffer(string: $0) } ?? ByteBuffer())
    }
}

extension Message {
    fileprivate var wire: ChatMessage {
        ChatMessage(
            role: role.wire, parts: parts.map(\.wire), name: Text(name ?? ""),
            toolCalls: toolCalls.map { Wire.ToolCall(id: Text($0.id), name: Text($0.name), arguments: Text($0.arguments)) },
            toolCallID: Text(toolCallID ?? ""))
    }
}

extension Message.Role {
    fileprivate var wire: Wire.Role {
        switch self {
        case .system: .system
        case .developer: .developer
        case .user: .user
        case .assistant: .assistant
        case .tool: .tool
        }
    }
}

extension Part {
    fileprivate var wire: Wire.Part {
        switch self {
        case .text(let text): Wire.Part(.text(Text(text)))
        case .refusal(let text): Wire.Part(.refusal(Text(text)))
        case .reasoning(let text): Wire.Part(.reasoning(Text(text)))
        case .image(let media): Wire.Part(.image(media.wire))
        case .audio(let media): Wire.Part(.audio(media.wire))
        case .file(let media): Wire.Part(.file(media.wire))
        case .providerBlock(let block):
            Wire.Part(
                .providerBlock(
                    Wire.ProviderBlock(provider: Text(block.provider), type: Text(block.type), data: ByteBuffer(bytes: block.data))))
        }
    }
}

extension Media {
    fileprivate var wire: Wire.Media {
        let wireSource: Wire.Media.Source =
            switch source {
            case .url(let url): .url(Text(url))
            case .data(let bytes): .data(ByteBuffer(bytes: bytes))
            }
        return Wire.Media(
            source: wireSource, mediaType: Text(mediaType), detail: Text(detail ?? ""), filename: Text(filename ?? ""))
    }
}

extension Tool {
    fileprivate var wire: ToolDefinition {
        ToolDefinition(
            name: Text(name), description: Text(description), parametersJSON: parameters.map { ByteBuffer(string: $0) } ?? ByteBuffer(),
            strict: isStrict)
    }
}

extension ToolChoice {
    fileprivate var wire: Wire.ToolChoice {
        switch self {
        case .auto: Wire.ToolChoice(mode: .auto)
        case .none: Wire.ToolChoice(mode: Wire.ToolChoice.Mode.none)
        case .required: Wire.ToolChoice(mode: .required)
        case .named(let name): Wire.ToolChoice(mode: .named, name: Text(name))
        }
    }
}

extension ResponseFormat {
    fileprivate var wire: Wire.ResponseFormat {
        switch self {
        case .text: Wire.ResponseFormat(kind: .text)
        case .jsonObject: Wire.ResponseFormat(kind: .jsonObject)
        case .jsonSchema(let name, let schema, let description, let isStrict):
            Wire.ResponseFormat(
                kind: .jsonSchema, name: Text(name), description: Text(description), schemaJSON: ByteBuffer(string: schema),
                strict: isStrict)
        }
    }
}
