/// Texts to turn into vectors.
public struct EmbeddingsRequest: Sendable, Hashable {
    /// The name of a model or an alias of the gateway's configuration.
    public var model: String
    /// At least one.
    public var texts: [String]
    /// How many numbers each vector has, at least 1; `nil`: as many as the model makes.
    public var dimensions: Int?
    /// Other parameters of the provider: a JSON object as text. May not name what has a property here.
    public var extraJSON: String?

    public init(model: String, texts: [String], dimensions: Int? = nil) {
        self.model = model
        self.texts = texts
        self.dimensions = dimensions
    }
}

/// The vectors of a request's texts.
public struct EmbeddingsAnswer: Sendable, Hashable {
    public var head: AnswerHead
    /// One for each text, in the same order. Of a text with personal data it is that of the scrubbed text.
    public var vectors: [[Float]]
    public var summary: AnswerSummary

    public init(head: AnswerHead = AnswerHead(), vectors: [[Float]], summary: AnswerSummary = AnswerSummary()) {
        self.head = head
        self.vectors = vectors
        self.summary = summary
    }

    public var usage: Usage { summary.usage }
}
