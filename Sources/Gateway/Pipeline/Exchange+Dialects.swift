import GatewayCore
import NIOCore
import Providers

/// Between dialects: a request is scrubbed in its caller's, and translated, for each target anew, where that target speaks another.
extension Exchange {
    /// What the present target is asked and answers in.
    var dialectOfTarget: Dialect { target.flatMap { snapshot.providers[$0.provider] }.map { language(of: $0) } ?? .openAI }

    /// Providers of OpenAI's dialect are asked for completions in the words of its older API.
    func language(of binding: ProviderBinding) -> Dialect {
        request.surface == .completions && binding.dialect == .openAI ? .completions : binding.dialect
    }

    /// What the target is sent: the body as it is where caller and target speak the same dialect.
    ///
    /// - Throws: ``FaultKind/invalidRequest`` with the field that the target's dialect has no place for, unless the request allows to leave it out.
    func translated(for target: UpstreamTarget, _ binding: ProviderBinding) throws(Fault) -> ByteBuffer {
        dropped = []
        guard language(of: binding) != request.surface else { return suited(to: binding) }
        let began = NIODeadline.now()
        defer { summary.timings[.route] += (NIODeadline.now() - began).nanoseconds }
        var gaps = TranslationGaps(drops: request.dropsUnsupported || target.settings.dropsUnsupported)
        defer { dropped = gaps.dropped }
        let model = target.upstreamModel
        guard request.operation != .embeddings else {
            return try EmbeddingsTranslation.body(of: body, model: model, for: binding.dialect, gaps: &gaps, index: &loop.answerIndex)
        }
        let chat = try canonical(for: target, binding.dialect, &gaps)
        do {
            return try translated(chat.body, model: model, for: binding, &gaps)
        } catch {
            throw chat.names.inCallersWords(error)
        }
    }

    /// A chat completion in the provider's dialect.
    private func translated(
        _ chat: ByteBuffer, model: String, for binding: ProviderBinding, _ gaps: inout TranslationGaps
    ) throws(Fault) -> ByteBuffer {
        switch binding.dialect {
        case .openAI, .responses, .completions:
            return binding.refusesStreamOptions ? loop.workspace.removing("stream_options", from: chat) : chat
        case .anthropic:
            return try ChatToMessages.body(
                of: chat, model: model, maxTokens: max(4_096, snapshot.limits.assumedOutputTokens), gaps: &gaps, index: &loop.answerIndex)
        case .ollama: return try ChatToOllama.body(of: chat, model: model, gaps: &gaps, index: &loop.answerIndex)
        case .gemini:
            return try ChatToGemini.body(of: chat, model: model, isCounting: isCounting, gaps: &gaps, index: &loop.answerIndex)
        }
    }

    /// The request as a chat completion, from which every other dialect is translated, and what the caller calls its fields.
    private func canonical(
        for target: UpstreamTarget, _ dialect: Dialect, _ gaps: inout TranslationGaps
    ) throws(Fault) -> (body: ByteBuffer, names: CallerNames) {
        switch request.surface {
        case .openAI, .ollama, .gemini: return (body, CallerNames())
        case .anthropic:
            let chat = try MessagesToChat.body(of: body, model: target.upstreamModel, for: dialect, gaps: &gaps, index: &loop.answerIndex)
            return (chat, gaps.names)
        case .responses:
            let chat = try ResponsesToChat.body(
                of: body, model: target.upstreamModel, target: dialect, gaps: &gaps, index: &loop.answerIndex)
            gaps.names = chat.names
            return chat
        case .completions:
            let chat = try CompletionsToChat.body(of: body, model: target.upstreamModel, gaps: &gaps, index: &loop.answerIndex)
            gaps.names = chat.names
            return chat
        }
    }

    /// The body for a provider of the caller's own dialect.
    private func suited(to binding: ProviderBinding) -> ByteBuffer {
        if binding.dialect == .anthropic { return loop.workspace.removingForeignThinking(from: body) }
        return binding.refusesStreamOptions && envelope.isStreamed ? loop.workspace.removing("stream_options", from: body) : body
    }

    /// Where Anthropic's API is asked for a version, this one is meant where the caller names none.
    private static let anthropicVersion = "2023-06-01"

    func add(dialectHeadersFor dialect: Dialect, to headers: inout UpstreamHeaders) {
        guard dialect == .anthropic else { return }
        let passed = request.surface == dialect ? request.dialectHeaders : []
        for header in passed { try? headers.add(header.name, header.value) }
        if !passed.contains(where: { $0.name == "anthropic-version" }) { try? headers.add("anthropic-version", Self.anthropicVersion) }
    }

    /// - Parameter dialect: of the answer.
    func makeRewriter(for dialect: Dialect) -> AnswerRewriter {
        switch request.surface {
        case .openAI, .completions, .ollama, .gemini:
            AnswerRewriter(placeholders: placeholders, rules: rules, scrubbers: loop.answerScrubbers)
        case .anthropic:
            AnswerRewriter(
                placeholders: placeholders, rules: rules, scrubbers: loop.answerScrubbers, keepsReasoning: dialect == .anthropic,
                turns: dialect == .anthropic ? .beside : .behind)
        case .responses:
            AnswerRewriter(
                placeholders: placeholders, rules: rules, scrubbers: loop.answerScrubbers, keepsReasoning: dialect == .anthropic,
                turns: .callsBeside)
        }
    }

    /// What changes an answer and stands beside the body.
    var surfaceKey: String {
        let drops = request.dropsUnsupported ? "-" : ""
        return request.dialectHeaders.reduce("\(request.surface.rawValue)\(drops)") { "\($0)\n\($1.name):\($1.value)" }
    }
}

extension ProviderBinding {
    /// Where a request goes, behind the path of the provider's base URL, which in Anthropic's dialect may or may not hold the API's version.
    ///
    /// - Parameter language: what the provider is asked in.
    func path(to model: String, _ operation: RequestOperation, in language: Dialect, isStreamed: Bool) -> String {
        switch dialect {
        case .ollama: return (endpoint.basePath.hasSuffix("/api") ? "" : "/api") + (operation == .embeddings ? "/embed" : "/chat")
        case .gemini:
            let version = endpoint.basePath.split(separator: "/").contains { $0.hasPrefix("v1") } ? "" : "/v1beta"
            let resource = GeminiModel.path(of: model).split(separator: "/").map { Self.percentEncoded(String($0)) }.joined(separator: "/")
            return "\(version)/\(resource):\(Self.geminiMethod(operation, isStreamed: isStreamed))"
        case .openAI, .completions, .responses:
            let answerPath = language == .completions ? "/completions" : "/chat/completions"
            let path = operation == .embeddings ? "/embeddings" : answerPath
            guard let deploymentsVersion else { return path }
            return "/deployments/\(Self.percentEncoded(model))\(path)?api-version=\(deploymentsVersion)"
        case .anthropic:
            return (endpoint.basePath.hasSuffix("/v1") ? "/messages" : "/v1/messages") + (operation == .countTokens ? "/count_tokens" : "")
        }
    }

    private static func geminiMethod(_ operation: RequestOperation, isStreamed: Bool) -> String {
        switch operation {
        case .embeddings: "batchEmbedContents"
        case .countTokens: "countTokens"
        default: isStreamed ? "streamGenerateContent?alt=sse" : "generateContent"
        }
    }

    /// A name as one segment of a path.
    private static func percentEncoded(_ name: String) -> String {
        var encoded = ""
        for byte in name.utf8 {
            let scalar = Unicode.Scalar(byte)
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte) || "-._~".utf8.contains(byte))
            if isPlain {
                encoded.unicodeScalars.append(scalar)
            } else {
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
