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
        guard binding.dialect != request.surface else { return body }
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
            return try MessagesToChat.body(of: body, model: target.upstreamModel, gaps: &gaps, index: &loop.answerIndex)
        case (.openAI, .openAI), (.anthropic, .anthropic): return body
        }
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
        AnswerRewriter(placeholders: placeholders, rules: rules, keepsReasoning: dialect == .anthropic && request.surface == .anthropic)
    }

    /// What changes an answer and stands beside the body.
    var surfaceKey: String {
        let drops = request.dropsUnsupported ? "-" : ""
        return request.dialectHeaders.reduce("\(request.surface.rawValue)\(drops)") { "\($0)\n\($1.name):\($1.value)" }
    }
}

extension Dialect {
    /// Where a request goes, behind the path of the provider's base URL, which in Anthropic's dialect may or may not hold the API's version.
    func path(behind basePath: String) -> String {
        switch self {
        case .openAI: "/chat/completions"
        case .anthropic: basePath.hasSuffix("/v1") ? "/messages" : "/v1/messages"
        }
    }
}
