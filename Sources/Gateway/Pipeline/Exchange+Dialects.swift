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
        switch (request.surface, binding.dialect) {
        case (.openAI, .anthropic):
            return try ChatToMessages.body(
                of: body, model: target.upstreamModel, maxTokens: max(4_096, snapshot.limits.assumedOutputTokens), gaps: &gaps,
                index: &loop.answerIndex)
        case (.anthropic, .openAI):
            let chat = try MessagesToChat.body(of: body, model: target.upstreamModel, gaps: &gaps, index: &loop.answerIndex)
            return binding.refusesStreamOptions ? loop.workspace.removing("stream_options", from: chat) : chat
        case (.openAI, .openAI), (.anthropic, .anthropic): return body
        }
    }

    /// The body for a provider of the caller's own dialect.
    private func suited(to binding: ProviderBinding) -> ByteBuffer {
        binding.refusesStreamOptions && envelope.isStreamed ? loop.workspace.removing("stream_options", from: body) : body
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
    func path(to model: String, _ operation: RequestOperation) -> String {
        switch dialect {
        case .openAI:
            let path = operation == .embeddings ? "/embeddings" : "/chat/completions"
            guard let deploymentsVersion else { return path }
            return "/deployments/\(Self.percentEncoded(model))\(path)?api-version=\(deploymentsVersion)"
        case .anthropic:
            return (endpoint.basePath.hasSuffix("/v1") ? "/messages" : "/v1/messages") + (operation == .countTokens ? "/count_tokens" : "")
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
