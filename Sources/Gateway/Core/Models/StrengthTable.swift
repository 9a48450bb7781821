#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What is expected of models before anything was learned of them, from what was published.
package struct StrengthTable: Sendable {
    /// In lower case, longest first.
    private let models: [(prefix: String, strength: Double)]
    /// By rising price.
    private let prices: [(usdPerMtok: Double, strength: Double)]

    package static let none = StrengthTable(models: [], prices: [])

    private init(models: [(prefix: String, strength: Double)], prices: [(usdPerMtok: Double, strength: Double)]) {
        (self.models, self.prices) = (models, prices)
    }

    /// Lines are `model`, what its name begins with, its strength from 0 to 1 and the source; or `price`, USD for a million tokens of output, strength.
    package init(_ bytes: [UInt8]) throws(ModelFault) {
        var (models, prices): ([(prefix: String, strength: Double)], [(usdPerMtok: Double, strength: Double)]) = ([], [])
        for (line, fields) in try ModelLines(bytes).rows {
            let strength = fields.count > 2 ? Double(fields[2]).flatMap { (0...1).contains($0) ? $0 : nil } : nil
            switch (fields[0], strength) {
            case ("model", let strength?) where fields.count == 4 && !fields[1].isEmpty: models.append((fields[1].lowercased(), strength))
            case ("price", let strength?) where fields.count == 3:
                guard let price = Double(fields[1]), price > prices.last?.usdPerMtok ?? 0, price.isFinite else {
                    throw ModelFault(line: line, "has a price that is not above the one before")
                }
                prices.append((price, strength))
            default: throw ModelFault(line: line, "is no model, and no price, with its strength")
            }
        }
        self.init(models: models.sorted { ($1.prefix.utf8.count, $0.prefix) < ($0.prefix.utf8.count, $1.prefix) }, prices: prices)
    }

    /// - Parameters:
    ///   - model: its provider's name for it.
    ///   - outputUSDPerMtok: `nil`: not known.
    /// - Returns: in [0, 1]; `nil`: nothing is known of it.
    package func strength(of model: String, outputUSDPerMtok price: Double?) -> Double? {
        let name = ModelName(model)
        let known = [name.text, name.withoutVendor].compactMap { $0 }.compactMap { name in
            models.first { Self.is(name, $0.prefix) }?.strength
        }
        return known.first ?? price.flatMap { strength(atPrice: $0) }
    }

    /// Whether a name is the model's, or a version of it: `gpt-4o-2024-08-06` is one of `gpt-4o`, `gpt-4o1` and `gpt-4.5` are none of `gpt-4`.
    private static func `is`(_ name: String, _ prefix: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let rest = name.dropFirst(prefix.count)
        guard let next = rest.first else { return true }
        return next == "." ? rest.dropFirst().first?.isNumber != true : !next.isLetter && !next.isNumber
    }

    private func strength(atPrice price: Double) -> Double? {
        guard let first = prices.first, let last = prices.last, price > 0 else { return nil }
        if price <= first.usdPerMtok { return first.strength }
        for (low, high) in zip(prices, prices.dropFirst()) where price <= high.usdPerMtok {
            return low.strength + (high.strength - low.strength) * log(price / low.usdPerMtok) / log(high.usdPerMtok / low.usdPerMtok)
        }
        return last.strength
    }
}
