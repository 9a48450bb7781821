import Testing

@testable import Scrubbing

@Suite("Custom patterns: in a policy")
struct PatternPolicyTests {
    private static let employee = CustomPattern(name: "EMPLOYEE", pattern: #"\bEMP-\d{4,6}\b"#)

    @Test(
        "what is refused names what it is and where it stands",
        arguments: [
            (#"(a)\1"#, "back-reference", 3), ("a(?=b)", "looks ahead", 1), ("a(?!b)", "looks ahead", 1), ("(?<=a)b", "looks behind", 0),
            ("(?<!a)b", "looks behind", 0), ("(?<n>a)", "named group", 0), ("(?P<n>a)", "named group", 0), ("(?>a)", "atomic", 0),
            ("a(?i)b", "flag", 1), ("^a", "anchor", 0), ("a$", "anchor", 1), (#"\Aa"#, "anchor", 0), ("a*?", "lazy", 2),
            ("a++", "possessive", 2),
            ("a**", "repetition", 2), ("*a", "nothing before", 0), ("a*", "empty text", 0), ("(a|)", "empty text", 0),
            ("", "empty text", 0),
            (#"\b"#, "empty text", 0), ("a{3", "no count", 1), ("a{3,2}", "more to less", 1), ("a{0}", "zero times", 1),
            ("a{999}", "counts beyond", 1),
            ("[a", "without `]`", 0), ("(a", "without `)`", 0), ("a)", "without `(`", 1), ("[z-a]", "range", 1), (#"[\b]"#, "brackets", 1),
            ("[[:alpha:]]", "in brackets", 1), (#"\p{L}"#, "Unicode property", 0), (#"\q"#, "unknown escape", 0), ("a\\", "backslash", 1),
            (#"\x4"#, "hexadecimal", 0), ("(){200}a", "repeats nothing", 2), (#"(\b)*a"#, "repeats `\\b`", 4), ("a]", "closes", 1),
            (String(repeating: "(", count: 40) + "a", "nested", 32), (String(repeating: "a", count: 600), "longer than 512", 512),
            ("a{200}b{200}", "longer than 256", 0), ("((((a{99}){99}){99}){99}){99}", "longer than 256", 0),
            (#"\w+"#, "placeholder", 0), (#"[A-Z]+_\d+"#, "placeholder", 0), ("<[^>]+>", "placeholder", 0),
            ("(.{0,200}a){0,200}b{2}", "too", 0), ("(a|b)*a(a|b){20}", "too many states", 0),
        ])
    func refuses(pattern: String, problem: String, position: Int) {
        var policy = ScrubPolicy()
        let error = #expect(throws: PolicyError.self) {
            try policy.setCustomPatterns([CustomPattern(name: "MINE", pattern: pattern)])
        }
        guard case .pattern(name: "MINE", let found) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found.problem.contains(problem), "\(found)")
        #expect(found.position == position)
        #expect(!found.remedy.isEmpty)
    }

    @Test(
        "names that are no kind's, or another's, are refused",
        arguments: ["", "email", "EMAIL", "TEXT", "A B", "1A", "_A", "Á", "CASE_1", "A<B", String(repeating: "A", count: 33)])
    func refusesNames(name: String) {
        var policy = ScrubPolicy()
        #expect(throws: PolicyError.patternName(name)) { try policy.setCustomPatterns([CustomPattern(name: name, pattern: "abc")]) }
    }

    @Test("as many patterns as a policy takes are found in one text; one more is refused")
    func manyPatterns() throws {
        let patterns = (0..<64).map { CustomPattern(name: "KIND\($0)", pattern: #"\bk\#($0)-\d{3,9}\b"#) }
        let policy = try ScrubPolicy.only(patterns)
        var scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed("k0-123 k63-1234 k64-123 k7-12") == "<KIND0> <KIND63> k64-123 k7-12")
        #expect(throws: PolicyError.tooManyPatterns) { try ScrubPolicy.only(patterns + [CustomPattern(name: "MORE", pattern: "more")]) }
    }

    @Test("patterns that are large together are searched in several automata, and refused beyond four")
    func severalAutomata() throws {
        func pattern(_ index: Int) -> CustomPattern {
            CustomPattern(name: "KIND\(index)", pattern: #"\bk\#(index)-\d{1,200}"#)
        }
        let parsed = try (0..<30).map { index in
            (
                try PatternParser.parse(pattern(index).pattern, ignoringCase: false),
                PatternSet.Entry(kind: .custom(index), score: 1, context: nil)
            )
        }
        #expect((2...4).contains(try PatternSet(parsed).groups.count))
        #expect(throws: PolicyError.self) {
            try ScrubPolicy.only(
                (0..<64).map { index in
                    CustomPattern(name: "KIND\(index)", pattern: #"\bk\#(index)-.{1,200}"#)
                })
        }
    }

    @Test("a policy without patterns has no automaton")
    func noPatterns() throws {
        #expect(try PatternSet([]).groups.isEmpty)
    }

    @Test("a custom kind is numbered, restored, counted and told by its name")
    func roundTrip() throws {
        var policy = ScrubPolicy()
        try policy.setCustomPatterns([Self.employee])
        var scrubber = RequestScrubber(policy: policy)
        let text = "EMP-1234 wrote to a@x.com, not EMP-1234 or EMP-99999; I typed <EMPLOYEE_1>"
        let scrubbed = scrubber.scrubbed(text)
        #expect(scrubbed == "<EMPLOYEE_1> wrote to <EMAIL_1>, not <EMPLOYEE_1> or <EMPLOYEE_2>; I typed <<TEXT_1>>")
        var restorer = Restorer(map: scrubber.placeholders)
        #expect(restorer.restored(scrubbed) == text)
        let kind = try #require(policy.kind(named: "EMPLOYEE"))
        #expect(scrubber.counts[kind] == 3)
        #expect(policy.name(of: kind) == "EMPLOYEE")
        #expect(policy.kind(named: "EMAIL") == .email)
    }

    @Test("context words to the left make a weak match a finding")
    func context() throws {
        let policy = try ScrubPolicy.only([
            CustomPattern(name: "FILE", pattern: #"\b\d{5}\b"#, contextWords: ["expediente", "año fiscal", "case"])
        ])
        var scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed("nº 12345, Expediente: 23456") == "nº 12345, Expediente: <FILE>")
        #expect(scrubber.scrubbed("AÑO FISCAL 34567") == "AÑO FISCAL <FILE>")
        #expect(scrubber.scrubbed("showcase 45678; cases 56789") == "showcase 45678; cases 56789")
        #expect(scrubber.scrubbed("<CASE_1> 12345") == "<CASE_1> 12345")
    }

    @Test("a custom match and a built-in one that overlap become one finding")
    func overlaps() throws {
        var policy = ScrubPolicy()
        try policy.setCustomPatterns([CustomPattern(name: "MAILBOX", pattern: "box:[a-z]+", score: 0.99, action: .redact)])
        var scrubber = RequestScrubber(policy: policy)
        #expect(scrubber.scrubbed("to box:ana@example.com now") == "to <MAILBOX> now")
    }

    @Test("a scrubbed stream is the same for every chunking, with patterns of every sort", arguments: [1, 3, 30])
    func chunkingMakesNoDifference(longest: Int) throws {
        var generator = TextGenerator(seed: 50 + UInt64(longest))
        var policy = try ScrubPolicy(everyKind: .redact)
        try policy.setCustomPatterns(
            [
                Self.employee, CustomPattern(name: "WORDS", pattern: #"\bbrown (fox|the)( quick)*\b"#),
                CustomPattern(name: "ACCENT", pattern: "(?i)Ñ[^ ]{0,4}"), CustomPattern(name: "RUN", pattern: "=[^=]*="),
                CustomPattern(name: "CASE", pattern: #"\b\d{3,5}"#, contextWords: ["cliente", "tel"]),
                CustomPattern(name: "TAIL", pattern: #"n/a\B"#),
            ].map { pattern in
                var pattern = pattern
                pattern.action = .redact
                return pattern
            })
        for round in 0..<(longest == 1 ? 60 : 150) {
            var bytes = round % 10 == 0 ? generator.noise(count: 400) : generator.text(pieces: 40)
            if round % 3 == 0 {
                bytes += Array("=EMP-1234 EMP-123456 brown fox quick quick brown 1234567 cliente 12345".utf8) + generator.text(pieces: 20)
            }
            var whole = RequestScrubber(policy: policy)
            var stream = StreamScrubber(policy: policy)
            let chunked = stream.scrubbed(generator.chunks(bytes, longest: longest))
            let expected = whole.scrubbed(bytes)
            try #require(
                chunked == expected,
                "\(String(decoding: chunked, as: UTF8.self).debugDescription) ≠ \(String(decoding: expected, as: UTF8.self).debugDescription), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)"
            )
            #expect(stream.counts == whole.counts)
        }
    }

    @Test(
        "work grows with the text and not with its square",
        arguments: [
            ("a[^b]*b", "a"), (#"\w+@"#, "a"), ("(a|aa)+c", "a"), ("(a+)+b", "a"), ("(x+x+)+y", "x"), (#"[a-z]+-\d+"#, "a"), ("a.*b", "a"),
            ("=[^=]+=", "ab="), (#"\bEMP-\d{4}"#, "EMP-123"), ("a{1,40}b", "a"), ("a{1,250}b", "a"), (#"\d{5}"#, "1"),
            ("(ab?){1,50}c", "ab"),
        ])
    func hostileTexts(pattern: String, unit: String) throws {
        func steps(_ count: Int) throws -> Int {
            let node = try PatternParser.parse(pattern, ignoringCase: false)
            let set = try PatternSet([(node, PatternSet.Entry(kind: .custom(0), score: 1, context: nil))])
            let bytes = Array(String(repeating: unit, count: count / unit.count).utf8)
            var findings: [Finding] = []
            return bytes.withUnsafeBytes { set.steps(over: $0, into: &findings) }
        }
        let (small, large) = (try steps(20_000), try steps(40_000))
        #expect(large <= small * 22 / 10)
        #expect(large <= 40_000 * 8, "\(pattern): \(Double(large) / 40_000) steps a byte")
    }
}

extension PatternSet {
    /// What a search of all groups costs.
    fileprivate func steps(over bytes: UnsafeRawBufferPointer, into findings: inout [Finding]) -> Int {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        let kinds = EntityKindSet(groups.flatMap { $0.entries.map(\.kind) })
        return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: PatternSearch.traceCount) { trace in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: PatternSearch.markCount) { marks in
                groups.reduce(0) { total, group in
                    var search = PatternSearch(
                        group, text: Text(base, count: bytes.count), isFinal: true, kinds: kinds, filter: FindingFilter(minimumScore: 0),
                        trace: trace, marks: marks)
                    _ = search.run(0..<bytes.count, into: &findings)
                    return total + search.steps
                }
            }
        }
    }
}
