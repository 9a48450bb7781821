/// What the names of OpenAI's models tell.
package enum OpenAIModel {
    /// Whether a cap is called `max_completion_tokens`: reasoning models (`o3-mini`, `gpt-5`) refuse `max_tokens`, and many compatible servers know
    /// nothing else.
    package static func takesNewName(_ model: String) -> Bool {
        model.hasPrefix("gpt-5") || (model.hasPrefix("o") && model.dropFirst().first?.isNumber == true)
    }
}
