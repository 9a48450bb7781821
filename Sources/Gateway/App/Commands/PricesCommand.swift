import ArgumentParser
import Foundation
import GatewayCore

struct PricesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prices", abstract: "What models cost: imports price lists, and shows which prices hold.",
        subcommands: [Import.self, List.self, Show.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Takes a list of prices in, whole or not at all; every replica follows within a second.",
            discussion: """
                CSV with a header, or a JSON array of objects: provider, model, effective_from (a day, in UTC), input, output, and perhaps cache_read and \
                cache_write, in USD per million tokens. A model may end with `*`. Ends with status 65 where a line is refused.
                """)

        @Argument(help: "The file.")
        var file: String

        @Flag(name: .long, help: "Takes other figures for days that have a price already. Bills keep those that they were made with.")
        var replace = false

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let lines = try read()
            let counts = try await store.with(makesFile: true) { store in
                let known = Dictionary(try await store.prices().map { ($0.key, $0) }) { first, _ in first }
                for line in lines where !replace {
                    guard let other = known[line.entry.key], other != line.entry else { continue }
                    throw Refused(
                        "\(file), line \(line.number) overlaps a price that is kept: \(other.provider) \(other.model) has another one from "
                            + "\(other.from.text) on; choose another day, or give --replace", status: 65)
                }
                let changed = lines.map(\.entry).filter { known[$0.key] != $0 }
                let added = changed.count { known[$0.key] == nil }
                guard known.count + added <= PriceLimits.maxEntries else {
                    throw Refused("there would be more than \(PriceLimits.maxEntries) prices", status: 65)
                }
                if !changed.isEmpty { try await store.setPrices(changed) }
                return (added: added, replaced: changed.count - added, unchanged: lines.count - changed.count)
            }
            print("\(counts.added) prices added, \(counts.replaced) replaced, \(counts.unchanged) there already")
        }

        private func read() throws -> [PriceFile.Line] {
            guard let bytes = try? SmallFile.read(file) else { throw Refused("the file \(file) cannot be read", status: 66).told }
            do throws(PriceFileFault) {
                return try PriceFile.parse(bytes)
            } catch {
                throw Refused("\(file), \(error)", status: 65).told
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Prints the prices of a day.")

        @OptionGroup var selection: PriceSelection

        func run() async throws {
            try selection.show(try await selection.table().prices(on: selection.day))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Prints what each provider's model of a name costs on a day, and by which entry.")

        @Argument(help: "The provider's name for the model.")
        var model: String

        @OptionGroup var selection: PriceSelection

        func run() async throws {
            let table = try await selection.table()
            let found = table.providers.compactMap { provider in
                table.quote(provider: provider, model: model, on: selection.day).map { (provider, model, $0) }
            }
            guard !found.isEmpty else { throw Refused("no price of \(model) is known on \(selection.day.text)", status: 66).told }
            try selection.show(found)
        }
    }
}

/// Which prices a command shows, and how.
struct PriceSelection: ParsableArguments {
    @Option(name: .long, help: "The day, in UTC: 2026-11-30. Without it: today.", transform: Self.day)
    var at: UTCDay?

    @Flag(name: .long, help: "One JSON object a line, prices in nano-USD per million tokens.")
    var json = false

    @OptionGroup var store: StoreOptions

    var day: UTCDay { at ?? UTCDay(unixMilliseconds: UInt64(max(0, Date().timeIntervalSince1970) * 1_000)) }

    /// The imported prices, where there is a store, over those that the program brings along.
    func table() async throws -> PriceTable {
        guard try store.isGiven() else { return PriceTable() }
        return try await store.with { PriceTable(imported: try await $0.prices()) }
    }

    func show(_ prices: [(provider: String, model: String, quote: PriceQuote)]) throws {
        if json { return try Listing.show(prices.map { JSONObject($0.quote, provider: $0.provider, model: $0.model) }) }
        print("USD per million tokens on \(day.text): input, cache read, cache write, output")
        for (provider, model, quote) in prices {
            let price = quote.price
            let figures = [price.input, price.cacheRead, price.cacheWrite, price.output].map(USDText.text).joined(separator: "  ")
            print("\(provider)  \(model)  \(figures)  \(quote.source.rawValue), from \(quote.from?.text ?? "-")")
        }
    }

    private static func day(_ text: String) throws -> UTCDay {
        guard let day = UTCDay(text) else { throw ValidationError("`\(text)` is no day: write 2026-11-30") }
        return day
    }
}

extension JSONObject {
    init(_ quote: PriceQuote, provider: String, model: String) {
        self.init([
            "provider": provider, "model": model, "source": quote.source.rawValue, "effective_from": quote.from?.text,
            "input": quote.price.input, "cache_read": quote.price.cacheRead, "cache_write": quote.price.cacheWrite,
            "output": quote.price.output,
        ])
    }
}
