/// A conversation for a model to continue.
///
/// What is `nil` or empty is left to the provider's default.
public struct ChatRequest: Sendable, Hashable {
    /// The name of a model or an alias of the gateway's configuration.
    public var model: String
    public var messages: [Message]
    /// At least 1. What the model may produce at most, reasoning included.
    public var maxOutputTokens: Int?
    public var temperature: Double?
    public var topP: Double?
    /// Texts at which the model is to stop.
    public var stop: [String] = []
    /// How many answers are wanted; default 1.
    public var choices: Int?
    public var tools: [Tool] = []
    public var toolChoice: ToolChoice?
    public var parallelToolCalls: Bool?
    public var responseFormat: ResponseFormat?
    public var seed: Int64?
    /// The provider's word, such as `low`.
    public var reasoningEffort: String?
    /// Other parameters of the provider: a JSON object as text. May not name what has a property here.
    public var extraJSON: String?

    public init(model: String, messages: [Message]) {
        self.model = model
        self.messages = messages
    }

    /// A conversation of one message.
    public init(model: String, prompt: String) {
        self.init(model: model, messages: [.user(prompt)])
    }
}

/// A function that the model may call.
public struct Tool: Sendable, Hashable {
    public var name: String
    public var description: String
    /// A JSON Schema object as text; `nil`: no parameters.
    public var parameters: String?
    /// The model is to keep to the schema exactly.
    public var isStrict: Bool?

    public init(name: String, description: String = "", parameters: String? = nil, isStrict: Bool? = nil) {
        self.name = name
        self.description = description
        self.parameters = parameters
        self.isStrict = isStrict
    }
}

/// Which of the tools the model may or must call.
public enum ToolChoice: Sendable, Hashable {
    /// As the model sees fit.
    case auto
    case none
    /// At least one, whichever.
    case required
    case named(String)
}

/// The form that the answer must have.
public enum ResponseFormat: Sendable, Hashable {
    case text
    /// Any JSON object.
    case jsonObject
    /// JSON that a schema describes: a JSON Schema object as text.
    case jsonSchema(name: String, schema: String, description: String = "", isStrict: Bool? = nil)
}

/// What of a call is not the conversation's: its limits, its place in the caller's program.
public struct CallOptions: Sendable, Hashable {
    /// How long the whole call may take, retries and waiting included; `nil`: as the configuration says. At most 49 days.
    public var deadline: Duration?
    public var cache: CacheDirective = .default
    /// How long the new answer may be used again, at least a millisecond and at most 49 days; never longer than the gateway is configured for. `nil`: as configured.
    public var cacheTimeToLive: Duration?
    /// Under the same key the same request is done once. `nil`: the client makes one, so that its own retries are safe.
    public var idempotencyKey: String?
    /// The program's own user, for the gateway's limits and records.
    public var endUser: String?
    /// Whether the gateway should go on with a streamed answer when the connection is lost, for the client to resume it, which it does by itself: the
    /// stream's reader notices nothing. Such answers are billed, whether they are resumed or not.
    public var isResumable = false
    /// Names a route of the gateway's configuration.
    public var route: String?

    public init(deadline: Duration? = nil) {
        self.deadline = deadline
    }
}

/// What a request may have of the gateway's response cache.
public enum CacheDirective: Sendable, Hashable {
    /// As the route says.
    case `default`
    /// Look up and store, also where the route would not.
    case use
    /// Neither look up nor store.
    case off
    /// Do not look up, store the new answer.
    case refresh
    /// Answer from the cache or fail with ``AgentShieldError/Code/cacheMiss``.
    case only
}
