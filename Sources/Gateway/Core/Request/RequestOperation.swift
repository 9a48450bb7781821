/// What is asked for with a request's body.
package enum RequestOperation: Sendable, Equatable {
    case answer
    /// How many tokens the request has: Anthropic's `count_tokens`.
    case countTokens
    /// OpenAI's embeddings of texts.
    case embeddings
}
