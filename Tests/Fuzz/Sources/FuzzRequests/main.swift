// What callers ask, in each dialect, for a provider of each: it is refused by a fault that is the caller's, or what the provider is sent is one JSON
// object without a key twice, and no text of it that has been scrubbed is there.
//
// Input: the caller's dialect and the operation, the provider's dialect and whether fields may be left out, then the body.
import FuzzDriver
import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Scrubbing

/// Of the callers; the other dialects are providers' alone.
let surfaces: [(dialect: Dialect, operation: RequestOperation)] = [
    (.openAI, .answer), (.completions, .answer), (.responses, .answer), (.anthropic, .answer), (.anthropic, .countTokens),
    (.openAI, .embeddings),
]

/// The caller's request as a chat completion.
func canonical(
    _ body: ByteBuffer, _ surface: Dialect, for target: Dialect, _ gaps: inout TranslationGaps, _ index: inout JSONIndex
) throws(Fault) -> ByteBuffer {
    switch surface {
    case .anthropic: try MessagesToChat.body(of: body, model: "m", for: target, gaps: &gaps, index: &index)
    case .responses: try ResponsesToChat.body(of: body, model: "m", target: target, gaps: &gaps, index: &index).body
    case .completions: try CompletionsToChat.body(of: body, model: "m", gaps: &gaps, index: &index).body
    case .openAI, .ollama, .gemini: body
    }
}

func translated(
    _ body: ByteBuffer, _ surface: Dialect, _ operation: RequestOperation, for target: Dialect, _ gaps: inout TranslationGaps
) throws(Fault) -> ByteBuffer {
    var index = JSONIndex()
    guard operation != .embeddings else {
        return try EmbeddingsTranslation.body(of: body, model: "m", for: target, gaps: &gaps, index: &index)
    }
    let chat = try canonical(body, surface, for: target, &gaps, &index)
    switch target {
    case .openAI, .responses, .completions: return chat
    case .anthropic: return try ChatToMessages.body(of: chat, model: "m", maxTokens: 4_096, gaps: &gaps, index: &index)
    case .ollama: return try ChatToOllama.body(of: chat, model: "m", gaps: &gaps, index: &index)
    case .gemini:
        return try ChatToGemini.body(
            of: chat, model: "gemini-3", isCounting: operation == .countTokens, gaps: &gaps, index: &index)
    }
}

func checkSound(_ body: ByteBuffer, _ what: String) {
    var index = JSONIndex()
    precondition((try? index.scan(body)) != nil, "\(what) is no JSON")
    index.read(body) { root in precondition(root.isObject && root.firstDuplicateKey() == nil, "\(what) has a key twice") }
}

let rules = ScrubPolicy()
let targets: [Dialect] = [.openAI, .anthropic, .ollama, .gemini]

fuzz { bytes in
    var input = Input(bytes)
    let (from, to) = (input.byte(), input.byte())
    let (surface, operation) = surfaces[Int(from) % surfaces.count]
    let target = targets[Int(to & 3)]
    // Nobody counts tokens, and nobody embeds, for these.
    guard operation != .countTokens || target == .gemini || target == .anthropic, operation != .embeddings || target != .anthropic
    else { return }
    var workspace = RequestWorkspace()
    var scrubber = RequestScrubber(policy: rules)
    do throws(Fault) {
        let body = ByteBuffer(bytes: input.rest)
        let envelope = try workspace.read(body, as: surface, for: operation)
        try workspace.scrub(body, with: &scrubber)
        let isCapped = to & 8 == 8 && operation == .answer && envelope.maxOutputTokens == nil
        let rendered = workspace.render(
            body, as: surface, upstreamModel: "m", asksForUsage: envelope.isStreamed && surface == .openAI,
            maxTokens: isCapped ? 1_000 : nil)
        checkSound(rendered, "what is sent in the caller's dialect")
        if target == .anthropic, surface == .anthropic {
            checkSound(workspace.removingForeignThinking(from: rendered), "what is sent without foreign thinking")
        }
        guard target != surface else { return }
        var gaps = TranslationGaps(drops: to & 4 == 4)
        checkSound(try translated(rendered, surface, operation, for: target, &gaps), "what is sent in the provider's dialect")
    } catch {
        precondition((400..<500).contains(error.httpStatus), "a request is refused with \(error.httpStatus)")
    }
}
