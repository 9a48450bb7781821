import GatewayCore

/// What the names of Google's models tell.
package enum GeminiModel {
    /// The model as a resource: `models/gemini-2.5-pro`. A name that is one already stays.
    package static func path(of model: String) -> String { model.contains("/") ? model : "models/\(model)" }

    /// From the third generation on a model takes levels of thinking, not budgets, and refuses the calls of functions of an earlier turn that it has not
    /// signed.
    static func signsCalls(_ model: String) -> Bool {
        guard let start = model.firstRange(of: "gemini-")?.upperBound else { return false }
        return Int(model[start...].prefix { $0.isNumber }).map { $0 >= 3 } ?? false
    }
}

/// What a part of an answer of Google's is signed with. It goes back with that part, as it was: in a caller's hands it is a block of the provider's own
/// (`thinking_blocks`), `{"type":"thought_signature","signature":…,"tool_call_id":…}`, without the id for the signature of a text.
enum ThoughtSignature {
    /// The block's type.
    static let type = AnswerFragment.sealedBlock
    /// In the dialect of Messages a signature is that of a thinking block; this before it says whose it is.
    static let messagesPrefix = "gemini/"
    /// What Google's API takes for a call that its model has not made, as in a conversation that another model began. ("Thought signatures", FAQ.)
    static let unsigned = "skip_thought_signature_validator"
}
