/// The read-only models that the program brings along as files: which language a text is in, how many bytes a model's tokens have, and what is expected of a
/// model before anything was learned of it. Read once at the start, and shared by all event loops. `docs/models.md` says what they are made from.
package struct ShippedModels: Sendable {
    package let languages: LanguageModel
    package let tokenRates: TokenRateTable
    package let strengths: StrengthTable

    package init(languages: LanguageModel, tokenRates: TokenRateTable, strengths: StrengthTable) {
        self.languages = languages
        self.tokenRates = tokenRates
        self.strengths = strengths
    }

    /// No language is told, a token has four bytes, and of no model anything is expected: for what runs without files, such as tests of a part.
    package static let none = ShippedModels(languages: .none, tokenRates: .none, strengths: .none)

    /// What is known of a model beside what the configuration says of it, which counts first.
    ///
    /// - Parameters:
    ///   - model: its provider's name for it.
    ///   - price: `nil`: not known yet.
    package func complete(_ traits: ModelTraits, of model: String, price: Price?) -> ModelTraits {
        var traits = traits
        traits.tokenRates = tokenRates.rates(of: model)
        if traits.strength == nil {
            let million = price.map { Double($0.cost(of: TokenUsage(output: 1_000_000))) / 1e9 }
            traits.strength = strengths.strength(of: model, outputUSDPerMtok: million)
        }
        return traits
    }
}

/// What is wrong with a model's file.
package struct ModelFault: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(line: Int, _ problem: String) { description = "line \(line) \(problem)" }

    init(_ problem: String) { description = problem }
}

/// The lines of a model's file: fields between tabs; empty ones and those that begin with `#` are left out.
struct ModelLines {
    let rows: [(number: Int, fields: [Substring])]

    init(_ bytes: [UInt8]) throws(ModelFault) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw ModelFault("is not UTF-8") }
        rows = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
            line.isEmpty || line.hasPrefix("#") ? nil : (index + 1, line.split(separator: "\t", omittingEmptySubsequences: false))
        }
    }
}

/// A model's name as families are told by: in lower case, without what stands before the last `/`.
struct ModelName {
    let text: String

    init(_ name: String) { text = String(name.split(separator: "/").last ?? "").lowercased() }

    /// Behind a vendor's prefix, as Bedrock has it: `us.anthropic.claude-3-haiku`.
    var withoutVendor: String? {
        guard let dot = text.lastIndex(where: { $0 == "." }), dot > text.startIndex else { return nil }
        let (before, after) = (text[text.index(before: dot)], text[text.index(after: dot)...])
        guard before.isLetter, after.first?.isLetter == true else { return nil }
        return String(after)
    }
}
