import Scrubbing
import Testing

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

    @Test("a policy that cannot be kept is refused")
    func refuses() {
        var policy = ScrubPolicy()
        #expect(throws: PolicyError.actionNotForSecrets(.secret)) { try policy.setAction(.placeholder, for: .secret) }
        #expect(throws: PolicyError.keepLastOutOfRange(9)) { try policy.setAction(.mask(keepLast: 9), for: .card) }
        #expect(throws: PolicyError.scoreOutOfRange(2)) { try policy.setMinimumScore(2) }
    }
}
