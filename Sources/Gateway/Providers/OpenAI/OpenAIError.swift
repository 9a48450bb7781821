package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what servers of OpenAI's dialect send with an error status.
package enum OpenAIError {
    /// `nil` when the body is none of that dialect's errors.
    package static func parse(_ body: ByteBuffer, index: inout JSONIndex) -> ProviderError? {
        guard (try? index.scan(body)) != nil else { return nil }
        return index.read(body) { root in
            guard root.isObject, let error = root.members.first(where: { $0.key.equals("error") })?.value else { return nil }
            return ProviderError(reading: error)
        }
    }
}

extension ProviderError {
    /// Longest message that is passed on, in characters.
    private static let maxMessageLength = 500

    /// An error object, or a bare string as some servers send.
    init(reading error: JSONValue) {
        func text(_ key: StaticString) -> String? { error.members.first { $0.key.equals(key) }?.value.string }
        let message = error.string ?? text("message") ?? "no reason given"
        self.init(
            message: String(message.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(Self.maxMessageLength).map(Character.init)),
            type: text("type"), code: text("code"), parameter: text("param"))
    }
}
