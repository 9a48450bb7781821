package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads errors of OpenAI's dialect, with an error status or inside a stream, and the variants that servers of that dialect send:
///
/// - Anthropic: `{"type":"error","error":{"type","message"}}`
/// - OpenAI, Azure, vLLM: `{"error":{"message","type","param","code"}}`, `code` a string or a number; some put a bare string there
/// - Google: the same, or in an array of one, with `details` (google.rpc: `RetryInfo`, `ErrorInfo`)
/// - Mistral, older vLLM: `{"object":"error","message",…}`
/// - FastAPI in front of a model: `{"detail":"…"}`
package enum OpenAIError {
    /// `nil` when the body is none of these.
    package static func parse(_ body: ByteBuffer, index: inout JSONIndex) -> ProviderError? {
        guard (try? index.scan(body)) != nil else { return nil }
        return index.read(body) { root in
            let object = root.elements.first { _ in true } ?? root
            if let error = inside(object) { return error }
            if let message = object.first("message"), message.isString { return ProviderError(reading: object) }
            return object.first("detail").flatMap { $0.isString ? ProviderError(reading: $0) : nil }
        }
    }

    /// The error that a chunk or an answer is in truth.
    static func inside(_ root: JSONValue) -> ProviderError? {
        if let error = root.first("error"), !error.isNull { return ProviderError(reading: error) }
        return root.first("object")?.equals("error") == true ? ProviderError(reading: root) : nil
    }

    /// What an error inside a stream, where no HTTP status tells it, means for the caller. Decided by code and type, never by the message.
    static func fault(for error: ProviderError) -> Fault {
        if error.blamesAccount { return .upstreamAccount(nil) }
        let status = error.code.flatMap { Int($0) }
        switch (status, error.code, error.type) {
        case (429, _, _), (_, "rate_limit_exceeded", _), (_, _, "rate_limit_error"):
            return Fault(.upstreamRateLimited, origin: .upstream, message: "The provider limits the gateway's requests.")
        case (401, _, _), (402, _, _), (403, _, _), (_, "invalid_api_key", _), (_, _, "authentication_error"), (_, _, "permission_error"),
            (_, _, "billing_error"):
            return Fault(.upstreamCredential, origin: .upstream, message: "The provider refused the gateway's own credential.")
        case (408, _, _), (504, _, _), (_, _, "timeout_error"):
            return Fault(.upstreamTimeout, origin: .upstream, message: "The provider did not answer in time.")
        case (503, _, _), (529, _, _), (_, _, "overloaded_error"), (_, "overloaded", _), (_, "server_overloaded", _):
            return Fault(.upstreamOverloaded, origin: .upstream, message: "The provider is overloaded.")
        case (400?, _, _), (404?, _, _), (413?, _, _), (422?, _, _), (_, _, "invalid_request_error"), (_, _, "BadRequestError"),
            (_, _, "not_found_error"), (_, _, "request_too_large"):
            return Fault(
                .upstreamRejected, origin: .upstream, message: "The provider refused the request: \(error.sentence)",
                parameter: error.parameter)
        default:
            return Fault(.upstreamError, origin: .upstream, message: "The provider sent an error in place of an answer.")
        }
    }
}

extension JSONValue {
    /// The first member with this key: in an error, which nothing is done with but showing it, that is good enough.
    fileprivate func first(_ key: StaticString) -> JSONValue? { members.first { $0.key.equals(key) }?.value }
}

extension ProviderError {
    /// Reads an error object, or a bare string.
    fileprivate init(reading error: JSONValue) {
        self.init(
            message: Self.shown(error.string, maxLength: 500) ?? Self.shown(error.first("message")?.string, maxLength: 500)
                ?? "no reason given",
            type: Self.shown(error.first("type")?.string, maxLength: 64), code: Self.code(error.first("code")),
            parameter: Self.shown(error.first("param")?.string, maxLength: 128))
        for detail in error.first("details")?.elements ?? error.elements {
            if detail.first("reason")?.equals("API_KEY_INVALID") == true { blamesCredential = true }
            // Seconds, with an `s` behind them.
            if let delay = detail.first("retryDelay")?.string, delay.hasSuffix("s"), delay.utf8.count <= 16 {
                retryAfterMilliseconds = RetryAfter.milliseconds(String(delay.dropLast()), milliseconds: nil, unixSeconds: 0)
            }
        }
    }

    private static func code(_ code: JSONValue?) -> String? { code?.int.map(String.init) ?? shown(code?.string, maxLength: 64) }

    /// The text as it may be passed on: without control characters, at most so many characters (Unicode scalars) long.
    private static func shown(_ text: String?, maxLength: Int) -> String? {
        guard let text else { return nil }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.lazy.filter({ $0.value >= 0x20 && $0.value != 0x7F }).prefix(maxLength) { shown.append(scalar) }
        return shown.isEmpty ? nil : String(shown)
    }
}
