import GatewayCore
import SeededRandomness
import Testing

@Suite("prices")
struct PriceTests {
    private static func entry(_ model: String, _ day: String, _ input: UInt64, provider: String = "openai") throws -> PriceEntry {
        PriceEntry(
            provider: provider, model: model, from: try #require(UTCDay(day)),
            price: Price(input: input, cacheRead: input / 2, cacheWrite: input, output: input * 4))
    }

    @Test("days read back what they write, over every month of a century")
    func days() throws {
        for number in 0..<40_000 {
            let day = UTCDay(number: number)
            #expect(UTCDay(day.text) == day)
        }
        let day = try #require(UTCDay("2024-02-29"))
        #expect(day.number == 19_782 && day.month == 649 && UTCDay.first(ofMonth: 649).text == "2024-02-01")
        #expect(UTCDay(unixMilliseconds: 19_782 * 86_400_000 + 86_399_999) == day)
        for text in ["", "2023-02-29", "2024-13-01", "2024-1-01", "1969-12-31", "2024-02-29T"] { #expect(UTCDay(text) == nil, "\(text)") }
    }

    @Test("the entry of the day counts; imported ones win over the shipped, exact names over starts, longer starts over shorter")
    func precedence() throws {
        let table = PriceTable(
            imported: [
                try Self.entry("gpt-4o", "2026-01-01", 10), try Self.entry("gpt-4o", "2026-06-01", 8),
                try Self.entry("gpt-*", "2026-01-01", 1),
                try Self.entry("gpt-4*", "2026-02-01", 2),
            ], shipped: [try Self.entry("gpt-4o", "2025-01-01", 20), try Self.entry("o1", "2025-01-01", 30)])
        func input(_ model: String, _ day: String, provider: String = "openai") throws -> UInt64? {
            table.quote(provider: provider, model: model, on: try #require(UTCDay(day)))?.price.input
        }
        #expect(try input("gpt-4o", "2026-05-31") == 10)
        #expect(try input("gpt-4o", "2026-06-01") == 8)
        #expect(try input("gpt-4o", "2025-12-31") == 20)
        #expect(try input("gpt-4o", "2024-12-31") == nil)
        #expect(try input("gpt-4-turbo", "2026-03-01") == 2)
        #expect(try input("gpt-4-turbo", "2026-01-15") == 1)
        #expect(try input("o1", "2026-03-01") == 30)
        #expect(try input("o1", "2026-03-01", provider: "other") == nil)
        let day = try #require(UTCDay("2026-07-01"))
        #expect(table.prices(on: day).map(\.model) == ["gpt-*", "gpt-4*", "gpt-4o", "o1"])
        #expect(table.prices(on: day)[2].quote.version == "imported:2026-06-01:8,4,8,32")
    }

    @Test("the list that comes along can be read, and says of which day it is")
    func shipped() throws {
        #expect(ShippedPrices.entries.count > 20)
        #expect(ShippedPrices.entries.allSatisfy { $0.from.text <= ShippedPrices.day && $0.price.input > 0 && $0.price.output > 0 })
        let quote = PriceTable().quote(provider: "openai", model: "gpt-4o-mini", on: try #require(UTCDay("2026-11-30")))
        #expect(quote?.version == "shipped:2025-06-01:150000000,75000000,150000000,600000000")
    }

    @Test("a version reads back the price that it was written for, and nothing else")
    func versions() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            func figure() -> UInt64 { random.next() >> (random.next() % 64) }
            let source = PriceQuote.Source.allCases[Int(random.next() % 4)]
            let from = random.next() % 2 == 0 ? nil : UTCDay(number: Int(random.next() % 40_000))
            let quote = PriceQuote(source, from: from, Price(input: figure(), cacheRead: figure(), cacheWrite: figure(), output: figure()))
            #expect(PriceQuote(version: quote.version) == quote)
        }
        for text in [
            "", "1", "configured", "configured:1,2,3", "configured:1,2,3,4,5", "other:1,2,3,4", "imported:2026-13-01:1,2,3,4",
            "configured:+1,2,3,4",
        ] {
            #expect(PriceQuote(version: text) == nil, "\(text)")
        }
    }

    @Test("CSV and JSON say the same, exactly")
    func files() throws {
        let csv = """
            provider, model, effective_from, input, output, cache_read
            openai,gpt-5*,2026-11-01,0.123456789,10,

            local,m,2026-11-01,0,0.5,0.25
            """
        let json = """
            [{"provider": "openai", "model": "gpt-5*", "effective_from": "2026-11-01", "input": 0.123456789, "output": 10},
             {"provider": "local", "model": "m", "effective_from": "2026-11-01", "input": "0", "output": 0.5, "cache_read": 0.25}]
            """
        let lines = try PriceFile.parse(Array(csv.utf8))
        #expect(lines.map(\.number) == [2, 4])
        #expect(lines[0].entry.price == Price(input: 123_456_789, cacheRead: 123_456_789, cacheWrite: 123_456_789, output: 10_000_000_000))
        #expect(lines[1].entry.price == Price(input: 0, cacheRead: 250_000_000, cacheWrite: 0, output: 500_000_000))
        #expect(try PriceFile.parse(Array(json.utf8)).map(\.entry) == lines.map(\.entry))
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String
        var line: Int
        var problem: String
    }

    private static let header = "provider,model,effective_from,input,output\n"
    static let bad = [
        Bad(testDescription: "empty", text: "", line: 1, problem: "empty"),
        Bad(testDescription: "unknown column", text: "provider,model,effective_from,input,output,colour\n", line: 1, problem: "`colour`"),
        Bad(testDescription: "missing column", text: "provider,model,input,output\n", line: 1, problem: "`effective_from`"),
        Bad(testDescription: "twice a column", text: "provider,model,model,input,output\n", line: 1, problem: "twice"),
        Bad(testDescription: "negative", text: header + "a,b,2026-01-01,1,1\na,c,2026-01-01,-1,1\n", line: 3, problem: "negative `input`"),
        Bad(testDescription: "no number", text: header + "a,b,2026-01-01,1,1e3\n", line: 2, problem: "`output`"),
        Bad(testDescription: "no day", text: header + "a,b,soon,1,1\n", line: 2, problem: "effective_from"),
        Bad(testDescription: "too few", text: header + "a,b,2026-01-01,1\n", line: 2, problem: "4 fields"),
        Bad(testDescription: "star inside", text: header + "a,b*c,2026-01-01,1,1\n", line: 2, problem: "model"),
        Bad(
            testDescription: "overlap", text: header + "a,b,2026-01-01,1,1\na,c,2026-01-01,1,1\na,b,2026-01-01,2,1\n", line: 4,
            problem: "line 2"),
        Bad(testDescription: "cut JSON", text: "[\n{\"provider\": \"a\",\n", line: 3, problem: "JSON"),
        Bad(testDescription: "unknown member", text: "[\n{\"provider\": \"a\",\n\"colour\": 1}]", line: 3, problem: "`colour`"),
        Bad(testDescription: "twice a member", text: "[{\"model\": \"a\",\n\"model\": \"b\"}]", line: 2, problem: "twice"),
        Bad(testDescription: "missing member", text: "[\n\n{\"model\": \"a\"}]", line: 3, problem: "`provider`"),
        Bad(testDescription: "no object", text: "[\n1]", line: 2, problem: "object"),
    ]

    @Test("a file that is no good is refused with its line", arguments: bad)
    func refuses(bad: Bad) {
        let fault = #expect(throws: PriceFileFault.self) { try PriceFile.parse(Array(bad.text.utf8)) }
        #expect(fault?.line == bad.line && fault?.problem.contains(bad.problem) == true, "\(String(describing: fault))")
    }

    @Test("a bill is reckoned again to the nano-USD, whatever prices hold now, and a row that was changed is named")
    func reprices() throws {
        var random = SeededRandom(seed: 11)
        var bill = RepricedBill()
        for _ in 0..<500 {
            let price = Price(
                input: random.next() % 100_000_000_000, cacheRead: random.next() % 100_000_000_000,
                cacheWrite: random.next() % 100_000_000_000,
                output: random.next() % 100_000_000_000)
            var record = Self.record(&random)
            record.summary.costNanoUSD = price.cost(of: record.summary.usage)
            record.summary.priceVersion = PriceQuote(.imported, from: UTCDay(number: 20_000), price).version
            #expect(bill.add(.request(record)) == nil)
            record.summary.costNanoUSD? += 1
            var other = bill
            #expect(other.add(.request(record))?.contains(record.summary.requestID.description) == true)
        }
        #expect(bill.differing == 0 && bill.charged == bill.reckoned && "\(bill)".hasSuffix("difference 0 nano-USD"))
        var free = Self.record(&random)
        free.summary.costNanoUSD = 0
        #expect(bill.add(.request(free)) == nil)
        free.summary.priceVersion = "something"
        #expect(bill.add(.request(free)) != nil)
    }

    private static func record(_ random: inout SeededRandom) -> LedgerRecord {
        var summary = AnswerSummary(requestID: RequestID(unixMilliseconds: 1_795_000_000_000, random: &random))
        summary.usage = TokenUsage(
            input: random.next() % 1_000_000, cacheRead: random.next() % 1_000, cacheWrite: random.next() % 1_000,
            output: random.next() % 100_000, reasoning: random.next() % 100_000)
        return LedgerRecord(
            summary: summary, tenant: "acme", department: nil, user: nil, keyID: "k", endUser: nil, callerRequestID: nil,
            requestedModel: "m", usedModel: "m", provider: "p", outcome: .answered, fault: nil, receivedUnixMilliseconds: 1_795_000_000_000)
    }
}
