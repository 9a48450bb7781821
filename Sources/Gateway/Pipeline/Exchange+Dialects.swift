import GatewayCore
import NIOCore
import Providers

/// Between dialects: a request is scrubbed in its caller's, and translated, for each target anew, where that target speaks another.
extension Exchange {
    var dialectOfTarget: Dialect { target.flatMap { snapshot.providers[$0.provider]?.dialect } ?? .openAI }

    /// What the target is sent: the body as it is where caller and target speak the same dialect.
    ///
    /// - Throws: ``FaultKind/invalidRequest`` with the field that the target's dialect has no place for, unless the request allows to leave it out.
    func translated(for target: UpstreamTarget, _ binding: ProviderBinding) throws(Fault) -> ByteBuffer {
        dropped = []
        guard binding.dialect != request.surface else { return suited(to: binding) }
        let began = NIODeadline.now()
        defer { summary.timings[.route] += (NIODeadline.now() - began).nanoseconds }
        var gaps = TranslationGaps(drops: request.dropsUnsupported || target.settings.dropsUnsupported)
        defer { dropped = gaps.dropped }
        let model = target.upstreamModel
        guard request.operation != .embeddings else {
            return try EmbeddingsTranslation.body(of: body, model: model, for: binding.dialect, gaps: &gaps, index: &loop.answerIndex)
        }
        // Between two dialects neither of which is OpenAI's, its form is the one in the middle.
        let chat =
            request.surface == .anthropic
            ? try MessagesToChat.body(
                of: body, model: model, for: binding.dialect, gaps: &gaps, index: &loop.answerIndex) : body
        switch binding.dialect {
        case .openAI: return binding.refusesStreamOptions ? loop.workspace.removing("stream_options", from: chat) : chat
        case .anthropic:
            return try ChatToMessages.body(
                of: chat, model: model, maxTokens: max(4_096, snapshot.limits.assumedOutputTokens), gaps: &gaps, index: &loop.answerIndex)
        case .ollama: return try ChatToOllama.body(of: chat, model: model, gaps: &gaps, index: &loop.answerIndex)
        case .gemini:
            return try ChatToGemini.body(of: chat, model: model, isCounting: isCounting, gaps: &gaps, index: &loop.answerIndex)
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
        let isMessages = request.surface == .anthropic
        return AnswerRewriter(
            placeholders: placeholders, rules: rules, keepsReasoning: isMessages && dialect == .anthropic,
            takesTurns: isMessages && dialect != .anthropic)
    }

    /// What changes an answer and stands beside the body.
    var surfaceKey: String {
        let drops = request.dropsUnsupported ? "-" : ""
        return request.dialectHeaders.reduce("\(request.surface.rawValue)\(drops)") { "\($0)\n\($1.name):\($1.value)" }
    }
}

extension ProviderBinding {
    /// Where a request goes, behind the path of the provider's base URL, which in Anthropic's dialect may or may not hold the API's version.
    func path(to model: String, _ operation: RequestOperation, isStreamed: Bool) -> String {
        switch dialect {
        case .ollama: return (endpoint.basePath.hasSuffix("/api") ? "" : "/api") + (operation == .embeddings ? "/embed" : "/chat")
        case .gemini:
            let version = endpoint.basePath.split(separator: "/").contains { $0.hasPrefix("v1") } ? "" : "/v1beta"
            let resource = GeminiModel.path(of: model).split(separator: "/").map { Self.percentEncoded(String($0)) }.joined(separator: "/")
            return "\(version)/\(resource):\(Self.geminiMethod(operation, isStreamed: isStreamed))"
        case .openAI:
            let path = operation == .embeddings ? "/embeddings" : "/chat/completions"
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
