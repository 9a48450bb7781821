import Scrubbing
import Testing

@Suite("Scrubbing and restoring")
struct RoundTripTests {
    @Test("restoring a scrubbed text gives back the text, placeholders that the user typed included")
    func restoresWhatWasScrubbed() throws {
        var generator = TextGenerator(seed: 1)
        let policy = try ScrubPolicy.reversible()
        for round in 0..<600 {
            let bytes = round % 10 == 0 ? generator.noise(count: 300) : generator.text()
            var scrubber = RequestScrubber(policy: policy)
            let scrubbed = scrubber.scrubbed(bytes)
            var restorer = Restorer(map: scrubber.placeholders, scope: .everywhere)
            try #require(
                restorer.restored([scrubbed]) == bytes, "round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test("several texts share their placeholders, and each comes back")
    func restoresSeveralTexts() throws {
        var generator = TextGenerator(seed: 2)
        let policy = try ScrubPolicy.reversible()
        for _ in 0..<60 {
            let texts = (0..<6).map { _ in generator.text(pieces: 12) }
            var scrubber = RequestScrubber(policy: policy)
            let scrubbed = texts.map { scrubber.scrubbed($0) }
            for (text, scrubbed) in zip(texts, scrubbed) {
                var restorer = Restorer(map: scrubber.placeholders, scope: .everywhere)
                try #require(restorer.restored([scrubbed]) == text)
            }
        }
    }

    @Test("prose without links and code comes back under the guard for answers too")
    func restoresProse() throws {
        let texts = [
            "Escribe a ana@example.com (mi jefa) o al 192.168.10.20, por favor.", "Card: 4111 1111 1111 1111.\n- a@b.org\n- c@d.org",
            "¿Y **ana@example.com**? \"ES9121000418450200051332\"", "I typed <EMAIL_1> and EMAIL_1 and mean ana@example.com",
        ]
        for text in texts {
            var scrubber = RequestScrubber(policy: ScrubPolicy())
            let scrubbed = scrubber.scrubbed(text)
            #expect(scrubbed != text)
            var restorer = Restorer(map: scrubber.placeholders)
            #expect(restorer.restored(scrubbed) == text)
        }
    }

    /// White space or `=` stands between the pieces: of two entities that are glued into one word, the second may become visible only
    /// once the first is gone.
    @Test("a second look at a scrubbed text finds nothing")
    func secondLookFindsNothing() throws {
        var generator = TextGenerator(seed: 3)
        for action in [ScrubAction.placeholder, .redact, .mask(keepLast: 0)] {
            let policy = try ScrubPolicy(everyKind: action)
            var scanner = Scanner()
            for _ in 0..<250 {
                var scrubber = RequestScrubber(policy: policy)
                let bytes = generator.text(glue: false)
                let scrubbed = scrubber.scrubbed(bytes)
                let found = scanner.findings(in: scrubbed)
                try #require(
                    found.isEmpty,
                    "\(String(decoding: bytes, as: UTF8.self).debugDescription) → \(String(decoding: scrubbed, as: UTF8.self).debugDescription): \(found)"
                )
            }
        }
    }

    @Test("scrubbing what was scrubbed, then restoring both, gives back the text")
    func scrubsTwice() throws {
        var generator = TextGenerator(seed: 4)
        let policy = try ScrubPolicy.reversible()
        for _ in 0..<150 {
            let bytes = generator.text()
            var first = RequestScrubber(policy: policy)
            var second = RequestScrubber(policy: policy)
            let once = first.scrubbed(bytes)
            let twice = second.scrubbed(once)
            var outer = Restorer(map: second.placeholders, scope: .everywhere)
            var inner = Restorer(map: first.placeholders, scope: .everywhere)
            try #require(inner.restored([outer.restored([twice])]) == bytes)
        }
    }

    @Test("the same value has the same placeholder, and numbers follow the first occurrence")
    func numbersByFirstOccurrence() {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        #expect(scrubber.scrubbed("a@x.com, b@x.com, a@x.com") == "<EMAIL_1>, <EMAIL_2>, <EMAIL_1>")
        #expect(scrubber.scrubbed("c@x.com 4111111111111111 b@x.com") == "<EMAIL_3> <CARD_1> <EMAIL_2>")
        #expect(scrubber.counts[.email] == 5)
        #expect(scrubber.counts.total == 6)
        #expect(scrubber.placeholders.count == 4)
    }

    @Test("turns appended to a conversation never renumber it")
    func appendedTurnsKeepNumbers() {
        let turns = ["I am a@x.com", "and b@x.com", "or a@x.com, c@x.com"]
        var short = RequestScrubber(policy: ScrubPolicy())
        var long = RequestScrubber(policy: ScrubPolicy())
        let prefix = turns[..<2].map { short.scrubbed($0) }
        #expect(turns.map { long.scrubbed($0) }[..<2] == prefix[...])
    }

    @Test("three thousand values keep their numbers")
    func manyValues() {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        let text = (1...3_000).map { "user\($0)@example.com" }.joined(separator: " ")
        let scrubbed = scrubber.scrubbed(text)
        #expect(scrubbed.hasSuffix("<EMAIL_2999> <EMAIL_3000>"))
        #expect(scrubber.scrubbed("user7@example.com") == "<EMAIL_7>")
        var restorer = Restorer(map: scrubber.placeholders)
        #expect(restorer.restored(scrubbed) == text)
    }
}

extension ScrubPolicy {
    /// Every kind that can be is replaced by a placeholder; secrets are left alone.
    static func reversible() throws -> ScrubPolicy {
        var policy = ScrubPolicy()
        for kind in EntityKind.builtIn where kind.isSecret { try policy.setAction(.ignore, for: kind) }
        return policy
    }
}
