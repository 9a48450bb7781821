import Testing

@testable import Scrubbing

@Suite("Policy")
struct PolicyTests {
    private let text = "a@x.com pays with 4111 1111 1111 1111, key sk-abcDEF0123456789abcDEF0123456789"

    @Test("each action does what it says")
    func actions() throws {
        var policy = ScrubPolicy()
        try policy.setAction(.redact, for: .email)
        try policy.setAction(.mask(keepLast: 4), for: .card)
        var scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed(text) == "<EMAIL> pays with **** **** **** 1111, key <SECRET>")
        #expect(scrubber.placeholders.isEmpty)
    }

    @Test("a blocked kind is named, and nothing is written")
    func blocks() throws {
        var policy = ScrubPolicy()
        try policy.setAction(.block, for: .card)
        try policy.setAction(.block, for: .secret)
        var scrubber = RequestScrubber(policy: policy)
        var output: [UInt8] = []
        let outcome = Array(text.utf8).withUnsafeBytes { scrubber.scrub($0, into: &output) }
        #expect(outcome == .blocked([.card, .secret]))
        #expect(output.isEmpty)
        #expect(scrubber.counts[.email] == 1)
    }

    @Test("shadow mode counts and changes nothing; ignored kinds are not counted")
    func shadowMode() throws {
        var policy = try ScrubPolicy(everyKind: .logOnly)
        try policy.setAction(.ignore, for: .email)
        var scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed(text) == text)
        #expect(scrubber.counts[.card] == 1)
        #expect(scrubber.counts[.email] == 0)
    }

    @Test("a text without findings is unchanged and nothing is written")
    func unchanged() {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        let outcome = Array("Nothing here.".utf8).withUnsafeBytes { scrubber.scrub($0, into: &output) }
        #expect(outcome == .unchanged)
        #expect(output.isEmpty)
        #expect(scrubber.counts.isEmpty)
    }

    @Test("short values are masked whole")
    func masksShortValues() throws {
        var scrubber = RequestScrubber(policy: try ScrubPolicy(everyKind: .mask(keepLast: 8)))
        #expect(scrubber.scrubbed("12345678Z") == "*********")
    }

    @Test("a hash is the same for the same value, has no digits, and is never restored")
    func hashes() throws {
        var policy = ScrubPolicy()
        #expect(throws: PolicyError.noDigest) { try policy.setAction(.hash, for: .email) }
        policy.setDigest { value in value.count == 7 ? UInt64(value[0]) << 56 : nil }
        try policy.setAction(.hash, for: .email)
        var scrubber = RequestScrubber(policy: policy)
        #expect(
            scrubber.scrubbed("a@x.com b@x.com a@x.com cc@x.com")
                == "<EMAIL#gbaaaaaaaaaa> <EMAIL#gcaaaaaaaaaa> <EMAIL#gbaaaaaaaaaa> <EMAIL>")
        #expect(scrubber.placeholders.isEmpty)
        var stream = StreamScrubber(policy: policy)
        #expect(String(decoding: stream.scrubbed([Array("a@x.com".utf8)]), as: UTF8.self) == "<EMAIL#gbaaaaaaaaaa>")
    }

    @Test("allowed values and domains pass, and nothing else does")
    func allowList() throws {
        var policy = ScrubPolicy()
        try policy.setAllowed(
            values: ["4111 1111 1111 1111", "Press@Example.org"], emailDomains: ["bank.example", "*.corp.example"])
        var scrubber = RequestScrubber(policy: policy)
        let allowed = "4111 1111 1111 1111 press@example.org ana@Bank.example ana@a.b.corp.example"
        #expect(scrubber.scrubbed(allowed) == allowed)
        #expect(scrubber.counts.isEmpty)
        #expect(
            scrubber.scrubbed("4111111111111111 xpress@example.org a@sub.bank.example a@corp.example a@evilbank.example")
                == "<CARD_1> <EMAIL_1> <EMAIL_2> <EMAIL_3> <EMAIL_4>")
        for domain in ["", "localhost", "*.com", "a@b.com", "a..b", "*"] {
            #expect(throws: PolicyError.allowedEntry(domain)) { try policy.setAllowed(values: [], emailDomains: [domain]) }
        }
        #expect(throws: PolicyError.allowListTooLong) {
            try policy.setAllowed(values: (0...4096).map { "value\($0)" }, emailDomains: [])
        }
    }

    @Test("each country's kinds can be left out, and each kind has its own minimum score")
    func localesAndScores() throws {
        let text = "DNI 12345678Z, SSN 123-45-6789, a@x.com"
        var policy = ScrubPolicy()
        policy.setLocales([.es])
        var scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed(text) == "DNI <DNI_1>, SSN 123-45-6789, <EMAIL_1>")
        policy.setLocales(Set(ScrubLocale.allCases))
        try policy.setMinimumScore(1, for: .dni)
        scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed(text) == "DNI 12345678Z, SSN <SSN_1>, <EMAIL_1>")
        #expect(ScrubLocale.allCases.allSatisfy { $0.kinds.count == $0.kindNames.count })
    }

    @Test("a policy that cannot be kept is refused")
    func refuses() {
        var policy = ScrubPolicy()
        #expect(throws: PolicyError.actionNotForSecrets(.secret)) { try policy.setAction(.placeholder, for: .secret) }
        #expect(throws: PolicyError.actionNotForSecrets(.jwt)) { try policy.setAction(.mask(keepLast: 4), for: .jwt) }
        #expect(throws: PolicyError.keepLastOutOfRange(9)) { try policy.setAction(.mask(keepLast: 9), for: .card) }
        #expect(throws: PolicyError.scoreOutOfRange(2)) { try policy.setMinimumScore(2) }
    }
}
