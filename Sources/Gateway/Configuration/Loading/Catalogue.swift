/// What callers may name: the models, exact names first and then the longest patterns, and the aliases.
struct Catalogue {
    var models: [Configuration.Model]
    var aliases: [Configuration.Alias]

    /// Whether a model or alias has this name, or some could begin as this pattern does.
    func offers(_ text: String) -> Bool {
        if text.hasSuffix("*") {
            let prefix = String(text.dropLast())
            return models.contains { model in
                switch model.name {
                case .exact(let name): name.hasPrefix(prefix)
                case .prefix(let other): other.hasPrefix(prefix) || prefix.hasPrefix(other)
                }
            } || aliases.contains { $0.name.hasPrefix(prefix) }
        }
        return models.contains { $0.matches(text) } || aliases.contains { $0.name == text }
    }

    func unknownModel(_ text: String) -> ValueProblem {
        let exact = models.compactMap { if case .exact(let name) = $0.name { name } else { nil } }
        let meant = Suggestion.closest(to: text, among: exact + aliases.map(\.name)).map { "did you mean `\($0)`? " } ?? ""
        return ValueProblem(
            "names a model that is not in `models` or `aliases`: \(text)", remedy: "\(meant)add it there, or name one that is")
    }
}

extension ConfigurationLoader {
    static let maxModelsPerAlias = 16

    /// One entry of the list as it stands in the file.
    private struct WrittenAlias {
        var section: Section
        var name: String
        var targets: [Located<String>]
        var arbitrage: Configuration.ArbitratedName?
    }

    static func aliases(_ root: Section, _ catalogue: Catalogue) -> [Configuration.Alias] {
        let written = root.sections("aliases").map { section in
            WrittenAlias(
                section: section, name: section.text("name"), targets: section.texts("fallback"),
                arbitrage: arbitratedName(section, catalogue))
        }
        var byName: [String: WrittenAlias] = [:]
        for alias in written where !alias.name.isEmpty {
            if byName[alias.name] != nil || catalogue.models.contains(where: { $0.name == .exact(alias.name) }) {
                alias.section.refuse("name", "is another model's or alias's too", remedy: "choose another")
            } else {
                byName[alias.name] = alias
            }
        }
        let known = Catalogue(models: catalogue.models, aliases: byName.keys.sorted().map { Configuration.Alias(name: $0, models: []) })
        return written.map { alias in
            for (index, target) in alias.targets.enumerated() where !known.offers(target.value) {
                alias.section.refuse("fallback[\(index)]", at: target.position, known.unknownModel(target.value))
            }
            if let arbitrage = alias.arbitrage {
                return Configuration.Alias(name: alias.name, models: arbitrage.arms, arbitrage: arbitrage)
            }
            for (index, target) in alias.targets.enumerated() where byName[target.value]?.arbitrage != nil {
                alias.section.refuse("fallback[\(index)]", at: target.position, arbitrated(target.value))
            }
            var expansion = Expansion(byName: byName)
            expansion.expand(alias)
            if let cycle = expansion.cycle {
                alias.section.refuse(
                    "fallback", "comes back to itself: \(cycle.joined(separator: " → "))", remedy: "remove one of these names from its list"
                )
            } else if expansion.models.count > maxModelsPerAlias {
                alias.section.refuse("fallback", "stands for \(expansion.models.count) models", remedy: "keep at most \(maxModelsPerAlias)")
            }
            return Configuration.Alias(name: alias.name, models: expansion.models)
        }
    }

    private static func arbitrated(_ name: String) -> ValueProblem {
        ValueProblem("is arbitrated: \(name)", remedy: "name the models that it chooses among")
    }

    /// What is called behind each model: models, and those that aliases stand for.
    static func readFallbacks(_ root: Section, _ catalogue: inout Catalogue) {
        let aliases = Dictionary(catalogue.aliases.map { ($0.name, $0.models) }) { first, _ in first }
        for section in root.sections("models") {
            let written = section.texts("fallback")
            let own: Configuration.Model.Name? =
                section.optionalText("name").map { .exact($0) } ?? section.optionalText("pattern").map { .prefix(String($0.dropLast())) }
            guard let own, !written.isEmpty, let index = catalogue.models.firstIndex(where: { $0.name == own }) else { continue }
            var models: [String] = []
            for (place, target) in written.enumerated() {
                if !catalogue.offers(target.value) || target.value.hasSuffix("*") {
                    section.refuse("fallback[\(place)]", at: target.position, catalogue.unknownModel(target.value))
                }
                if catalogue.aliases.contains(where: { $0.name == target.value && $0.arbitrage != nil }) {
                    section.refuse("fallback[\(place)]", at: target.position, arbitrated(target.value))
                }
                for model in aliases[target.value] ?? [target.value] where !models.contains(model) { models.append(model) }
            }
            if models.contains(where: { .exact($0) == own }) {
                section.refuse("fallback", "comes back to the model itself", remedy: "remove it from the list")
            }
            if models.count >= maxModelsPerAlias {
                section.refuse("fallback", "stands for \(models.count) models", remedy: "keep fewer than \(maxModelsPerAlias)")
            }
            catalogue.models[index].fallback = models
        }
    }

    /// Replaces aliases by what they stand for. Each alias is entered once, so the work is bounded by the file.
    private struct Expansion {
        let byName: [String: WrittenAlias]
        var models: [String] = []
        var cycle: [String]?
        private var entered: Set<String> = []
        private var under: [String] = []

        init(byName: [String: WrittenAlias]) { self.byName = byName }

        mutating func expand(_ alias: WrittenAlias) {
            if let start = under.firstIndex(of: alias.name) {
                cycle = cycle ?? under[start...] + [alias.name]
                return
            }
            guard entered.insert(alias.name).inserted else { return }
            under.append(alias.name)
            for target in alias.targets {
                if let inner = byName[target.value] {
                    expand(inner)
                } else if !models.contains(target.value) {
                    models.append(target.value)
                }
            }
            under.removeLast()
        }
    }
}
