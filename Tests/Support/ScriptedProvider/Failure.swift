/// An error answer of the dialect, with the texts of the real one where they are known.
struct Failure {
    var status: Int
    var reason: String
    var type: String
    var code: String?
    var parameter: String?
    var message: String
    var retryAfterSeconds: Int?

    init?(status: Int) {
        self.status = status
        type = "invalid_request_error"
        switch status {
        case 400:
            (reason, parameter, message) = ("Bad Request", "messages", "The scripted provider refuses this request.")
        case 401:
            (reason, code, message) = ("Unauthorized", "invalid_api_key", "Incorrect API key provided.")
        case 403:
            (reason, message) = ("Forbidden", "Country, region, or territory not supported.")
        case 404:
            (reason, code, message) = ("Not Found", "model_not_found", "The model does not exist or you do not have access to it.")
        case 408:
            (reason, message) = ("Request Timeout", "The request took too long.")
        case 409:
            (reason, message) = ("Conflict", "The resource was updated by another process.")
        case 413:
            (reason, message) = ("Payload Too Large", "The request is too large.")
        case 422:
            (reason, message) = ("Unprocessable Entity", "The request could not be processed.")
        case 429:
            (reason, type, code) = ("Too Many Requests", "requests", "rate_limit_exceeded")
            (message, retryAfterSeconds) = ("Rate limit reached for requests.", 2)
        case 500:
            (reason, type, message) = ("Internal Server Error", "server_error", "The server had an error while processing your request.")
        case 502:
            (reason, type, message) = ("Bad Gateway", "server_error", "Bad gateway.")
        case 503:
            (reason, type, message, retryAfterSeconds) = ("Service Unavailable", "server_error", "The engine is overloaded.", 1)
        case 529:
            (reason, type, message, retryAfterSeconds) = ("Overloaded", "overloaded_error", "Overloaded.", 1)
        default:
            return nil
        }
    }

    init(status: Int, reason: String, code: String? = nil, parameter: String? = nil, message: String) {
        self.status = status
        self.reason = reason
        self.type = "invalid_request_error"
        self.code = code
        self.parameter = parameter
        self.message = message
    }

    func body(_ dialect: ChatRequest.Dialect) -> String {
        switch dialect {
        case .chat, .completions: body
        case .messages: messagesBody
        case .ollama: "{\"error\":\(JSONText.string(message))}"
        case .gemini:
            "{\"error\":{\"code\":\(status),\"message\":\(JSONText.string(message)),\"status\":\"\(googleStatus)\"}}"
        }
    }

    private var googleStatus: String {
        switch status {
        case 401: "UNAUTHENTICATED"
        case 403: "PERMISSION_DENIED"
        case 404: "NOT_FOUND"
        case 429: "RESOURCE_EXHAUSTED"
        case 503, 529: "UNAVAILABLE"
        case 500...: "INTERNAL"
        default: "INVALID_ARGUMENT"
        }
    }

    /// In Anthropic's dialect.
    var messagesBody: String {
        let type =
            switch status {
            case 401: "authentication_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 529: "overloaded_error"
            case 500...: "api_error"
            default: "invalid_request_error"
            }
        return
            "{\"type\":\"error\",\"error\":{\"type\":\"\(type)\",\"message\":\(JSONText.string(message))},\"request_id\":\"req_scripted\"}"
    }

    var body: String {
        let parameter = parameter.map(JSONText.string) ?? "null"
        let code = code.map(JSONText.string) ?? "null"
        return """
            {
                "error": {
                    "message": \(JSONText.string(message)),
                    "type": \(JSONText.string(type)),
                    "param": \(parameter),
                    "code": \(code)
                }
            }

            """
    }
}
