/// What a provider's model costs from some day on, until the day of the next entry for it.
package struct PriceEntry: Sendable, Equatable {
    /// What the price list calls the provider.
    package var provider: String
    /// The provider's name for the model, or the start of such names followed by `*`.
    package var model: String
    package var from: UTCDay
    package var price: Price

    package init(provider: String, model: String, from: UTCDay, price: Price) {
        self.provider = provider
        self.model = model
        self.from = from
        self.price = price
    }

    /// What two entries may not share.
    package struct Key: Sendable, Hashable {
        package var provider: String
        package var model: String
        package var from: UTCDay
    }

    package var key: Key { Key(provider: provider, model: model, from: from) }
}

package enum PriceLimits {
    /// Entries that are kept.
    package static let maxEntries = 10_000
}

/// The prices that are known, by provider, model and day. Imported ones win over those that the program brings along; an exact name wins over a start of
/// names, a longer start over a shorter one.
package struct PriceTable: Sendable {
    /// Of one provider, from one source.
    private struct List: Sendable {
        /// Latest first.
        var exact: [String: [PriceQuote]] = [:]
        /// Longest prefix first.
        var families: [(prefix: String, quotes: [PriceQuote])] = []

        func quote(_ model: String, on day: UTCDay) -> PriceQuote? {
            if let quote = Self.quote(among: exact[model] ?? [], on: day) { return quote }
            for family in families where model.hasPrefix(family.prefix) {
                if let quote = Self.quote(among: family.quotes, on: day) { return quote }
            }
            return nil
        }

        static func quote(among quotes: [PriceQuote], on day: UTCDay) -> PriceQuote? {
            quotes.first { $0.from.map { $0 <= day } ?? true }
        }
    }

    private let imported: [String: List]
    private let shipped: [String: List]

    package init(imported: [PriceEntry] = [], shipped: [PriceEntry] = ShippedPrices.entries) {
        self.imported = Self.lists(imported, .imported)
        self.shipped = Self.lists(shipped, .shipped)
    }

    private static func lists(_ entries: [PriceEntry], _ source: PriceQuote.Source) -> [String: List] {
        var lists: [String: List] = [:]
        let byModel = Dictionary(grouping: entries) { PriceEntry.Key(provider: $0.provider, model: $0.model, from: UTCDay(number: 0)) }
        for (key, entries) in byModel {
            let quotes = entries.sorted { $0.from > $1.from }.map { PriceQuote(source, from: $0.from, $0.price) }
            let pattern = ModelPattern(key.model)
            if pattern.isExact {
                lists[key.provider, default: List()].exact[key.model] = quotes
            } else {
                lists[key.provider, default: List()].families.append((pattern.prefix, quotes))
            }
        }
        for provider in lists.keys { lists[provider]?.families.sort { $0.prefix.utf8.count > $1.prefix.utf8.count } }
        return lists
    }

    /// Of each provider and model, or start of models, the price of a day; by provider and model.
    package func prices(on day: UTCDay) -> [(provider: String, model: String, quote: PriceQuote)] {
        var found: [PriceEntry.Key: PriceQuote] = [:]
        for lists in [shipped, imported] {
            for (provider, list) in lists {
                let models = list.exact.map { ($0.key, $0.value) } + list.families.map { ($0.prefix + "*", $0.quotes) }
                for (model, quotes) in models {
                    guard let quote = List.quote(among: quotes, on: day) else { continue }
                    found[PriceEntry.Key(provider: provider, model: model, from: UTCDay(number: 0))] = quote
                }
            }
        }
        return found.map { ($0.key.provider, $0.key.model, $0.value) }
            .sorted { ($0.provider, $0.model) < ($1.provider, $1.model) }
    }

    /// The names of the providers of which prices are known, sorted.
    package var providers: [String] { Set(imported.keys).union(shipped.keys).sorted() }

    /// The price of a model on a day; `nil`: unknown.
    package func quote(provider: String, model: String, on day: UTCDay) -> PriceQuote? {
        imported[provider]?.quote(model, on: day) ?? shipped[provider]?.quote(model, on: day)
    }
}
