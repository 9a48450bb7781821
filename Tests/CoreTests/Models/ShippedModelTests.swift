import GatewayCore
import Testing

@Suite("Read-only models: reading and telling")
struct ShippedModelTests {
    private static let languages = """
        # version: 1
        words\ten\tthe of is what
        words\tde\tder die das ist über
        words\tnl\tde het is van
        letters\tde\tß
        script\tja\t3040-30FF\t4
        script\tzh\t4E00-9FFF\t1
        """

    private func fault<Model>(_ text: String, _ make: ([UInt8]) throws(ModelFault) -> Model) -> String {
        do throws(ModelFault) {
            _ = try make(Array(text.utf8))
            return ""
        } catch {
            return error.description
        }
    }

    @Test("a text's language is the one of most words and letters, and how surely it is not English is a feature")
    func languages() throws {
        let model = try LanguageModel(Array(Self.languages.utf8))
        var extractor = FeatureExtractor(languages: model)
        func read(_ text: String) -> (language: String?, foreignness: Float) {
            let bytes = Array(text.utf8)
            let reading = bytes.withUnsafeBytes { extractor.reading(of: $0, shape: RequestShape()) }
            return (reading.language.map { model.languages[$0] }, reading.features[.language])
        }
        #expect(read("What is the name of it") == ("en", 0))
        #expect(read("Über das Wetter") == ("de", 1) && read("Grüße") == ("de", 1))
        #expect(read("van het") == ("nl", 1))
        // One word of both counts 2 for each, and English is as likely.
        #expect(read("is") == ("en", 0))
        #expect(read("what is das Wetter, die Sonne").foreignness > 0)
        #expect(read("これは日本語です") == ("ja", 1) && read("今天天气怎么样") == ("zh", 1))
        #expect(read("qwxz 12345") == (nil, 0) && read("") == (nil, 0))
        var blind = FeatureExtractor(languages: .none)
        #expect(blind.features(of: "das ist über")[.language] == 0)
    }

    @Test("a file of languages that is none is refused by its line")
    func refused() {
        #expect(fault("words\ten", LanguageModel.init).hasPrefix("line 1"))
        #expect(fault("words\ten\ta\nsounds\ten\ta", LanguageModel.init).contains("line 2 begins with `sounds`"))
        #expect(fault("script\tru\t0500-0400\t1", LanguageModel.init).contains("no range"))
        #expect(fault("letters\ten\ta", LanguageModel.init).contains("a letter of 1 bytes"))
        let many = (0...64).map { "words\tl\($0)\tw\($0)" }.joined(separator: "\n")
        #expect(fault(many, LanguageModel.init).contains("more than 64"))
        #expect(throws: ModelFault.self) { _ = try LanguageModel([0xFF, 0xFE]) }
    }

    @Test("placeholders and letters of several bytes are features")
    func placeholders() {
        var extractor = FeatureExtractor(languages: .none)
        #expect(extractor.features(of: "Write to <EMAIL_1> and <CREDIT_CARD_12>.")[.placeholders] == 0.25)
        #expect(extractor.features(of: "a <b> c <_1> <E_> <EMAIL_x1> 1> <EMAIL1>")[.placeholders] == 0)
        #expect(extractor.features(of: String(repeating: "<IP_1> ", count: 100))[.placeholders] == 1)
        #expect(
            extractor.features(of: "日本")[.script] == 1 && extractor.features(of: "ab")[.script] == 0
                && extractor.features(of: "")[.script] == 0)
        #expect(abs(extractor.features(of: "abé")[.script] - 0.5) < 1e-6)
    }

    @Test("tokens are estimated by the longest family that a name begins with, and by the letters of the text")
    func tokens() throws {
        let table = try TokenRateTable(
            Array(
                "family\tascii\ttwo\tthree\tcjk\tfour\tsource\n*\t4\t4\t4\t4\t4\t-\ngpt-4\t4\t3\t2\t3\t1\tx\nclaude\t2\t3\t2\t3\t1\tx\n"
                    .utf8))
        #expect(table.rates(of: "gpt-4-0613").cjk == 3 && table.rates(of: "openai/GPT-4").cjk == 3)
        #expect(table.rates(of: "us.anthropic.claude-3-haiku").ascii == 2 && table.rates(of: "unheard") == .plain)
        for bytes in [0, 1, 4, 5, 1_000_003] { #expect(TokenRates.plain.tokens(bytes: bytes) == (bytes + 3) / 4) }
        let rates = table.rates(of: "gpt-4")
        #expect(rates.tokens(bytes: 300, mixedAs: ByteMix(cjk: 30)) == 100)
        #expect(rates.tokens(bytes: 120, mixedAs: ByteMix(ascii: 5, two: 5)) == 35)
        #expect(rates.tokens(bytes: -5) == 0)
        var extractor = FeatureExtractor(languages: .none)
        let mix = Array("aé日🙂ก".utf8).withUnsafeBytes { extractor.reading(of: $0, shape: RequestShape()).mix }
        #expect(mix == ByteMix(ascii: 1, two: 2, three: 3, cjk: 3, four: 4))
        #expect(fault("gpt-4\t4\t3\t2\t3\t1\tx\n", TokenRateTable.init).contains("no line for `*`"))
        #expect(fault("*\t4\t4\t4\t4\t-\n", TokenRateTable.init).contains("line 1"))
        #expect(fault("*\t4\t4\t4\t4\t0\t-\n", TokenRateTable.init).contains("line 1"))
    }

    @Test("a model's strength is that of its name, of its version's, or of its price; what nobody knows has none")
    func strengths() throws {
        let table = try StrengthTable(
            Array("price\t1\t0.6\nprice\t100\t0.8\nmodel\tgpt-4\t0.86\tx\nmodel\tgpt-4o\t0.89\tx\nmodel\to1\t0.92\tx\n".utf8))
        func strength(_ name: String, _ price: Double? = nil) -> Double? { table.strength(of: name, outputUSDPerMtok: price) }
        #expect(strength("gpt-4-0613") == 0.86 && strength("GPT-4o-2024-08-06") == 0.89 && strength("azure/gpt-4o") == 0.89)
        #expect(strength("gpt-4.5") == nil && strength("gpt-44") == nil && strength("o100") == nil && strength("") == nil)
        #expect(abs((strength("unheard", 10) ?? 0) - 0.7) < 1e-9)
        #expect(strength("unheard", 0.01) == 0.6 && strength("unheard", 1e9) == 0.8 && strength("unheard", 0) == nil)
        #expect(fault("model\ta\t1.5\tx", StrengthTable.init).contains("line 1"))
        #expect(fault("price\t2\t0.5\nprice\t1\t0.6", StrengthTable.init).contains("line 2"))
    }

    @Test("what the configuration says of a model counts before what is shipped")
    func completed() throws {
        let shipped = ShippedModels(
            languages: .none, tokenRates: try TokenRateTable(Array("*\t2\t2\t2\t2\t2\t-".utf8)),
            strengths: try StrengthTable(Array("price\t1\t0.6\nmodel\tknown\t0.7\tx".utf8)))
        let price = Price(input: 1_000, cacheRead: 1_000, cacheWrite: 1_000, output: 1_000)
        #expect(shipped.complete(ModelTraits(), of: "known", price: nil).strength == 0.7)
        #expect(shipped.complete(ModelTraits(), of: "unheard", price: nil).strength == nil)
        #expect(shipped.complete(ModelTraits(), of: "unheard", price: price).strength == 0.6)
        var own = ModelTraits()
        own.strength = 0.2
        let completed = shipped.complete(own, of: "known", price: price)
        #expect(completed.strength == 0.2 && completed.tokenRates.ascii == 2)
        let settings = ModelSettings(
            price: nil, cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1,
            idleTimeoutNanoseconds: 1)
        let table = ModelTable(
            models: [], patterns: [.init(prefix: "known", provider: "p", settings: settings)], aliases: [],
            arbitrated: [.init(name: "auto", arms: ["known"], settings: ArbitrationSettings())], shipped: shipped)
        #expect(table.routes.first?.arms.first?.settings.traits.strength == 0.7)
    }
}
