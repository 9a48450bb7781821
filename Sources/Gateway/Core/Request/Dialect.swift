/// The language of an API: of the surface that a caller speaks to, or of the provider that is called.
///
/// The raw values are stored with cached answers and never change their meaning.
package enum Dialect: UInt8, Sendable, CaseIterable {
    /// OpenAI's chat completions: the gateway's canonical form of a request.
    case openAI = 0
    /// Anthropic's Messages.
    case anthropic = 1
    /// Ollama's own API: of providers alone.
    case ollama = 2
    /// Google's Gemini API: of providers alone.
    case gemini = 3
}
