/// Of how many bytes a text's letters are: what its tokens are estimated from.
package struct ByteMix: Sendable, Equatable {
    /// Bytes of letters of one byte, of two, of three below U+3000, of three above, of four.
    package var ascii: Int
    package var two: Int
    package var three: Int
    package var cjk: Int
    package var four: Int

    package init(ascii: Int = 0, two: Int = 0, three: Int = 0, cjk: Int = 0, four: Int = 0) {
        (self.ascii, self.two, self.three, self.cjk, self.four) = (ascii, two, three, cjk, four)
    }
}

/// How many bytes a token of a family of models stands for, by the letters that it is of.
package struct TokenRates: Sendable, Equatable {
    package var ascii: Double
    package var two: Double
    package var three: Double
    package var cjk: Double
    package var four: Double

    /// Four bytes, whatever they are.
    package static let plain = TokenRates(ascii: 4, two: 4, three: 4, cjk: 4, four: 4)

    package init(ascii: Double, two: Double, three: Double, cjk: Double, four: Double) {
        (self.ascii, self.two, self.three, self.cjk, self.four) = (ascii, two, three, cjk, four)
    }

    /// How many tokens so many bytes have, about, if they are mixed as `mix` is. An empty mix is ASCII.
    package func tokens(bytes: Int, mixedAs mix: ByteMix = ByteMix()) -> Int {
        let whole = mix.ascii + mix.two + mix.three + mix.cjk + mix.four
        var each = 1 / ascii
        if whole > 0 {
            let (one, others) = (Double(mix.ascii) / ascii + Double(mix.two) / two, Double(mix.three) / three + Double(mix.cjk) / cjk)
            each = (one + others + Double(mix.four) / four) / Double(whole)
        }
        return Int((Double(max(0, bytes)) * each - 1e-6).rounded(.up))
    }
}

/// The rates of families, told by what a model's name begins with.
package struct TokenRateTable: Sendable {
    /// In lower case, longest first.
    private let families: [(prefix: String, rates: TokenRates)]
    private let others: TokenRates

    package static let none = TokenRateTable(families: [], others: .plain)

    private init(families: [(prefix: String, rates: TokenRates)], others: TokenRates) {
        (self.families, self.others) = (families, others)
    }

    /// Lines are a family, five rates of 0.5 to 16, and their source; the first one names the columns.
    package init(_ bytes: [UInt8]) throws(ModelFault) {
        var (families, others): ([(prefix: String, rates: TokenRates)], TokenRates?) = ([], nil)
        for (line, fields) in try ModelLines(bytes).rows where fields[0] != "family" {
            let rates = fields.dropFirst().prefix(5).compactMap { Double($0) }.filter { (0.5...16).contains($0) }
            guard fields.count == 7, rates.count == 5, !fields[0].isEmpty else {
                throw ModelFault(line: line, "is no family with five rates")
            }
            let read = TokenRates(ascii: rates[0], two: rates[1], three: rates[2], cjk: rates[3], four: rates[4])
            if fields[0] == "*" { others = read } else { families.append((fields[0].lowercased(), read)) }
        }
        guard let others else { throw ModelFault("has no line for `*`") }
        self.init(families: families.sorted { ($1.prefix.utf8.count, $0.prefix) < ($0.prefix.utf8.count, $1.prefix) }, others: others)
    }

    /// - Parameter model: its provider's name for it, or what such names begin with.
    package func rates(of model: String) -> TokenRates {
        let name = ModelName(model)
        return [name.text, name.withoutVendor].compactMap { $0 }
            .compactMap { name in families.first { name.hasPrefix($0.prefix) }?.rates }.first ?? others
    }
}
