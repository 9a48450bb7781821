/// The language of an API: of the surface that a caller speaks to, or of the provider that is called.
///
/// The raw values are stored with cached answers and never change their meaning. Languages that only callers speak begin at 16.
package enum Dialect: UInt8, Sendable, CaseIterable {
    /// OpenAI's chat completions: the gateway's canonical form of a request.
    case openAI = 0
    /// Anthropic's Messages.
    case anthropic = 1
    /// Ollama's own API: of providers alone.
    case ollama = 2
    /// Google's Gemini API: of providers alone.
    case gemini = 3
    /// OpenAI's Responses: always translated.
    case responses = 16
    /// OpenAI's older completions, which providers of its dialect are asked in too.
    case completions = 17
}
