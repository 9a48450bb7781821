/// A model's name, or the start of one followed by `*`.
package struct ModelPattern: Sendable, Hashable {
    /// The name without the star.
    package var prefix: String
    package var isExact: Bool

    package init(_ text: String) {
        isExact = !text.hasSuffix("*")
        prefix = isExact ? text : String(text.dropLast())
    }

    package func matches(_ model: String) -> Bool {
        isExact ? model == prefix : model.hasPrefix(prefix)
    }
}
