import NIOCore
import Scrubbing
import Testing

@testable import GatewayCore

@Suite("scrubbing and restoring answers")
struct AnswerTests {
    private static let text = AnswerItemKey(choice: 0, kind: .text)
    private static let call = AnswerItemKey(choice: 0, kind: .toolCall)

    /// The placeholders of a request with this text.
    private func map(_ prompt: String) -> PlaceholderMap {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        _ = Array(prompt.utf8).withUnsafeBytes { scrubber.scrub($0, into: &output) }
        return scrubber.placeholders
    }

    private func rules(_ policy: ScrubPolicy = ScrubPolicy(), tools: Set<String> = ["find"]) -> ScrubRules {
        ScrubRules(name: "test", version: "1", policy: policy, toolsWithRestoredArguments: tools)
    }

    private func told(
        _ pieces: [String], in key: AnswerItemKey = text, tool: String? = nil, map: PlaceholderMap = PlaceholderMap(), _ rules: ScrubRules,
        counts: inout EntityCounts
    ) throws -> String {
        var rewriter = AnswerRewriter(placeholders: map, rules: rules)
        var told = ""
        func deliver(_ chunk: AnswerChunk) { for fragment in chunk.fragments { told += String(buffer: fragment.text) } }
        for (position, piece) in pieces.enumerated() {
            let fragment = AnswerFragment(key: key, name: position == 0 ? tool : nil, text: ByteBuffer(string: piece), rawRange: 0..<2)
            try rewriter.rewrite(AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: [fragment])) { deliver($0) }
        }
        try rewriter.finish { deliver($0) }
        counts = rewriter.counts
        return told
    }

    private func told(
        _ pieces: [String], in key: AnswerItemKey = text, tool: String? = nil, map: PlaceholderMap = PlaceholderMap(), _ rules: ScrubRules
    ) throws -> String {
        var counts = EntityCounts()
        return try told(pieces, in: key, tool: tool, map: map, rules, counts: &counts)
    }

    @Test("an answer is told alike by scrubbers that had other answers before, wherever those stopped, and counts its own findings")
    func reused() throws {
        let (rules, others, scrubbers) = (rules(), rules(), AnswerScrubbers())
        for round in 0..<6 {
            let rules = round % 3 == 2 ? others : rules
            var rewriter = AnswerRewriter(placeholders: PlaceholderMap(), rules: rules, scrubbers: scrubbers)
            var told = ""
            func take(_ text: String, _ key: AnswerItemKey) throws {
                let fragment = AnswerFragment(key: key, text: ByteBuffer(string: text), rawRange: 0..<2)
                try rewriter.rewrite(AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: [fragment])) {
                    for fragment in $0.fragments { told += String(buffer: fragment.text) }
                }
            }
            try take("mail ana.gomez@example.com or bob@exam", Self.text)
            try take("{\"to\":\"carl@exam", Self.call)
            #expect(told == "mail <EMAIL> or {\"to\":\"", "round \(round)")
            rewriter.close()
            #expect(rewriter.counts[.email] == 1)
        }
    }

    /// In two pieces, cut everywhere, and in single bytes' characters.
    private func cuts(_ text: String) -> [[String]] {
        let characters = Array(text)
        return (1..<characters.count).map { [String(characters[..<$0]), String(characters[$0...])] } + [characters.map { String($0) }]
    }

    @Test("where items take turns, what one holds back comes before the next, and findings are counted once")
    func turns() throws {
        var rewriter = AnswerRewriter(placeholders: PlaceholderMap(), rules: rules(), turns: .behind)
        var told: [(AnswerItemKey, String)] = []
        func deliver(_ chunk: AnswerChunk) {
            for fragment in chunk.fragments where fragment.text.readableBytes > 0 {
                if told.last?.0 == fragment.key {
                    told[told.count - 1].1 += String(buffer: fragment.text)
                } else {
                    told.append((fragment.key, String(buffer: fragment.text)))
                }
            }
        }
        func rewrite(_ key: AnswerItemKey, _ text: String, name: String? = nil) throws {
            let fragment = AnswerFragment(key: key, name: name, text: ByteBuffer(string: text), rawRange: 0..<2)
            try rewriter.rewrite(AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: [fragment])) { deliver($0) }
        }
        let reasoning = AnswerItemKey(choice: 0, kind: .reasoning, index: 0)
        let calls = (0..<2).map { AnswerItemKey(choice: 0, kind: .toolCall, index: $0) }
        try rewrite(reasoning, "Hm")
        try rewrite(Self.text, "Ask bob@exam")
        try rewrite(Self.text, "ple.com")
        try rewrite(calls[0], #"{"a":"xy"#, name: "find")
        try rewrite(calls[0], #"z"}"#)
        try rewrite(calls[1], "{}", name: "find")
        try rewrite(Self.text, "end")
        try rewriter.finish { deliver($0) }
        #expect(told.map(\.0) == [reasoning, Self.text, calls[0], calls[1], Self.text])
        #expect(told[0].1 == "Hm" && told[1].1.hasPrefix("Ask ") && !told[1].1.contains("bob@") && told[2].1 == #"{"a":"xyz"}"#)
        #expect(told[3].1 == "{}" && told[4].1 == "end")
        var counts = EntityCounts()
        counts.add(.email)
        #expect(rewriter.counts == counts)
    }

    @Test("an item that stands in a chunk more than once is one text, in streams and in whole answers")
    func parts() throws {
        func fragments(_ pieces: String...) -> AnswerChunk {
            AnswerChunk(
                raw: ByteBuffer(string: "\"\""),
                fragments: pieces.map { AnswerFragment(key: Self.text, text: ByteBuffer(string: $0), rawRange: 0..<2) })
        }
        var told = ""
        func deliver(_ chunk: AnswerChunk) { for fragment in chunk.fragments { told += String(buffer: fragment.text) } }
        var stream = AnswerRewriter(placeholders: map("Write to ana@example.com"), rules: rules())
        try stream.rewrite(fragments("Write to ", "<EMAIL_1")) { deliver($0) }
        try stream.rewrite(fragments(">", " or <EMA")) { deliver($0) }
        try stream.finish { deliver($0) }
        #expect(told == "Write to ana@example.com or <EMA")
        for inSlices in [false, true] {
            told = ""
            var whole = AnswerRewriter(placeholders: map("Write to ana@example.com"), rules: rules())
            let chunk = fragments("mail bob.lopez@", "example.com or <EMA", "IL_1> now")
            if inSlices {
                whole.begin(chunk, isWhole: true)
                while try !whole.rewriteSlice(deliver: { deliver($0) }) {}
            } else {
                try whole.rewriteWhole(chunk) { deliver($0) }
            }
            #expect(!told.contains("bob.lopez") && told.hasSuffix(" or ana@example.com now"))
        }
    }

    @Test("in a chunk with two items, what the first holds back comes before the second", arguments: [false, true])
    func turnsWithinAChunk(inSlices: Bool) throws {
        var rewriter = AnswerRewriter(placeholders: PlaceholderMap(), rules: rules(), turns: .behind)
        var told: [String] = []
        func deliver(_ chunk: AnswerChunk) {
            for fragment in chunk.fragments where fragment.text.readableBytes > 0 {
                told.append("\(fragment.key.kind): \(String(buffer: fragment.text))")
            }
        }
        let pieces = [
            AnswerFragment(key: Self.text, text: ByteBuffer(string: "Ask bob@exam"), rawRange: 0..<2),
            AnswerFragment(key: Self.call, callID: "c", name: "find", text: ByteBuffer(string: "{}"), rawRange: 0..<2),
        ]
        let chunk = AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: pieces)
        if inSlices {
            rewriter.begin(chunk, isWhole: false)
            while try !rewriter.rewriteSlice(deliver: { deliver($0) }) {}
        } else {
            try rewriter.rewrite(chunk) { deliver($0) }
        }
        try rewriter.finish { deliver($0) }
        #expect(told == ["text: Ask bob@exam", "toolCall: {}"])
    }

    @Test("what a citation quotes is a text of its own, whole at once, and however many there are")
    func citations() throws {
        var rewriter = AnswerRewriter(placeholders: map("ana@example.com"), rules: rules())
        let quote = AnswerItemKey(choice: 0, kind: .aside)
        for _ in 0..<1000 {
            var told: [String] = []
            let fragment = AnswerFragment(key: quote, text: ByteBuffer(string: "by <EMAIL_1>"), rawRange: 0..<2, endsItem: true)
            try rewriter.rewrite(AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: [fragment])) {
                told += $0.fragments.map { String(buffer: $0.text) }
            }
            #expect(told == ["by ana@example.com"])
        }
    }

    @Test("a provider that opens ever more tool calls is refused before they take the memory")
    func boundedItems() throws {
        var rewriter = AnswerRewriter(placeholders: PlaceholderMap(), rules: rules())
        func open(_ index: Int) throws(Fault) {
            let key = AnswerItemKey(choice: 0, kind: .toolCall, index: index)
            let fragment = AnswerFragment(key: key, name: "find", text: ByteBuffer(string: "{"), rawRange: 0..<2)
            try rewriter.rewrite(AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: [fragment])) { _ in }
        }
        for index in 0..<AnswerRewriter.maxItems { try open(index) }
        try open(0)
        let fault = #expect(throws: Fault.self) { try open(AnswerRewriter.maxItems) }
        #expect(fault?.kind == .upstreamBadAnswer)
    }

    @Test("wherever an answer is cut, its placeholders come back and other people's data does not come through")
    func scrubsBeforeRestoring() throws {
        let map = map("ana@example.com")
        for pieces in cuts("To <EMAIL_1> and bob@example.org, soon") {
            #expect(try told(pieces, map: map, rules()) == "To ana@example.com and <EMAIL>, soon")
        }
        #expect(try told(["a <EMAIL"], map: map, rules()) == "a <EMAIL")
    }

    @Test("findings are counted; in shadow mode nothing is changed, and without a look nothing is counted")
    func handling() throws {
        var policy = ScrubPolicy()
        var counts = EntityCounts()
        let answer = ["write to bob@exam", "ple.org"]
        #expect(try told(answer, rules(policy), counts: &counts) == "write to <EMAIL>")
        #expect(counts[.email] == 1)
        policy.answers = .logOnly
        #expect(try told(answer, rules(policy), counts: &counts) == "write to bob@example.org")
        #expect(counts[.email] == 1)
        policy.answers = .off
        #expect(try told(answer, rules(policy), counts: &counts) == "write to bob@example.org")
        #expect(counts.isEmpty)
    }

    @Test("a chunk in which nothing changes is passed on as it came")
    func untouched() throws {
        var policy = ScrubPolicy()
        policy.answers = .off
        var rewriter = AnswerRewriter(placeholders: PlaceholderMap(), rules: rules(policy))
        let chunk = AnswerChunk(
            raw: ByteBuffer(string: "\"bob@example.org\""),
            fragments: [AnswerFragment(key: Self.text, text: ByteBuffer(string: "bob@example.org"), rawRange: 0..<17)])
        var delivered: [AnswerChunk] = []
        try rewriter.rewrite(chunk) { delivered.append($0) }
        try rewriter.finish { delivered.append($0) }
        #expect(delivered == [chunk])
    }

    @Test("an answer with a blocked kind ends before the value, and the fault names the kind alone")
    func blocks() throws {
        var policy = ScrubPolicy()
        try policy.setAction(.block, for: .card)
        let blocking = rules(policy)
        for pieces in cuts("pay with 4111111111111111 now") {
            let fault = #expect(throws: Fault.self) { try told(pieces, blocking) }
            #expect(fault?.kind == .blockedByPolicy && fault?.message.contains("CARD") == true)
            #expect(fault?.message.contains("4111") == false)
        }
    }

    @Test("a value in a tool's arguments ends no JSON string, and only listed tools get values")
    func toolArguments() throws {
        let map = map(#"write to "a\"b"@example.com"#)
        let arguments = [#"{"to":"<EMAIL_1>"}"#]
        #expect(try told(arguments, in: Self.call, tool: "other", map: map, rules()) == arguments[0])
        #expect(try told(arguments, in: Self.call, tool: "find", map: map, rules()) == #"{"to":"\"a\\\"b\"@example.com"}"#)
        #expect(
            try told([#"{"to":"\u003cEMAIL_"#, #"1\u003E"}"#], in: Self.call, tool: "find", map: map, rules())
                == #"{"to":"\"a\\\"b\"@example.com"}"#)
    }

    @Test(
        "tool arguments are scrubbed as what they mean, wherever they are cut, and stay JSON",
        arguments: [
            (#"{"to":"bob@example.org"}"#, #"{"to":"<EMAIL>"}"#), (#"{"to":"\nbob\u0040example.org\t"}"#, #"{"to":"\n<EMAIL>\t"}"#),
            (#"{"n": 4111111111111111, "m": [12345678, -1.5e3]}"#, #"{"n": "<CARD>", "m": [12345678, -1.5e3]}"#),
            (#"{"a":"\"x\\","b":"\ud83d\ude42 \/"}"#, #"{"a":"\"x\\","b":"🙂 /"}"#), (#"{"a":"cut"#, #"{"a":"cut"#),
            (#"{"a":"\ud83d."}"#, "{\"a\":\"\u{FFFD}.\"}"), ("{\"a\":\"\\u0001\"}", #"{"a":"\u0001"}"#), ("4111111111111111", #""<CARD>""#),
            (#"{"a":"x\"#, #"{"a":"x\"#),
        ])
    func argumentText(arguments: String, expected: String) throws {
        for pieces in cuts(arguments) + [[arguments]] {
            #expect(try told(pieces, in: Self.call, tool: "any", rules()) == expected, "\(pieces)")
        }
    }
}
