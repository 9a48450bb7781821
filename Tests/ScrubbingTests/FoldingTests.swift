import Testing

@testable import Scrubbing

@Suite("Folding")
struct FoldingTests {
    @Test(
        "tricks with Unicode are seen through, and ranges are those of the text as it is",
        arguments: [
            ("4111\u{200B}1111\u{200D}1111\u{2060}1111!", "CARD:4111\u{200B}1111\u{200D}1111\u{2060}1111"),
            ("４１１１ １１１１ １１１１ １１１１", "CARD:４１１１ １１１１ １１１１ １１１１"),
            ("card ٤١١١١١١١١١١١١١١١", "CARD:٤١١١١١١١١١١١١١١١"), ("аnа@exаmple.соm,", "EMAIL:аnа@exаmple.соm"),
            ("ana＠example．com", "EMAIL:ana＠example．com"),
            ("IBAN ES91\u{A0}2100\u{A0}0418\u{A0}4502\u{A0}0005\u{A0}1332", "IBAN:ES91\u{A0}2100\u{A0}0418\u{A0}4502\u{A0}0005\u{A0}1332"),
            ("SSN 536‐90‐4399", "SSN:536‐90‐4399"), ("АKIAIOSFODNN7EXAMPLE", "SECRET:АKIAIOSFODNN7EXAMPLE"),
            ("𝟜𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙 ok", "CARD:𝟜𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙"),
            ("\u{200B}x\u{AD} 12345678\u{FEFF}Z\u{200B}.", "DNI:12345678\u{FEFF}Z"), ("иван@пример.рф", "EMAIL:иван@пример.рф"),
            ("plain ana@example.com", "EMAIL:ana@example.com"),
        ])
    func sees(text: String, expected: String) {
        var folding = Scanner(foldsLookalikes: true)
        #expect(folding.values(in: text) == [expected])
    }

    @Test(
        "without folding these are other texts",
        arguments: [
            "4111\u{200B}1111\u{200B}1111\u{200B}1111", "４１１１ １１１１ １１１１ １１１１", "anа@exаmple．com", "АKIAIOSFODNN7EXAMPLE",
            "ES91\u{2060}2100 0418 4502 0005 1332",
        ])
    func isAnOption(text: String) {
        var plain = Scanner()
        #expect(plain.values(in: text).isEmpty)
    }

    @Test("eight signs without a width in a row are passed over, more are a boundary")
    func countsSignsWithoutWidth() {
        var folding = Scanner(foldsLookalikes: true)
        func card(_ signs: Int) -> String { "41111111" + String(repeating: "\u{200B}", count: signs) + "11111111" }
        #expect(folding.values(in: card(8)) == ["CARD:" + card(8)])
        #expect(folding.values(in: card(9)).isEmpty)
        // Between any two digits.
        let spread = "4111111111111111".map { "\($0)" }.joined(separator: String(repeating: "\u{FEFF}", count: 8))
        #expect(folding.values(in: "x " + spread) == ["CARD:" + spread])
    }

    @Test(
        "surrogates in UTF-8, overlong forms and bytes that begin nothing are no letters and hide nothing beside them",
        arguments: [false, true])
    func readsBrokenBytes(folds: Bool) {
        var scanner = Scanner(foldsLookalikes: folds)
        let broken: [[UInt8]] = [
            [0xED, 0xA0, 0x80], [0xED, 0xB0, 0x80], [0xC0, 0xAF], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0x80], [0xE2, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
        ]
        for bytes in broken {
            let text = bytes + Array(" 4111 1111 1111 1111 ".utf8) + bytes + Array(" ana@example.com ".utf8) + bytes
            #expect(scanner.findings(in: text).map(\.kind) == [.card, .email], "\(bytes)")
            #expect(scanner.findings(in: Array("4111111111111111".utf8) + bytes).map(\.kind) == [.card], "\(bytes)")
        }
    }

    @Test("invalid UTF-8 stays as it is and ends nothing but words")
    func readsInvalidBytes() {
        var folding = Scanner(foldsLookalikes: true)
        let bytes: [UInt8] =
            [0xFF, 0xE2, 0x80] + Array("4111111111111111".utf8) + [0xC3, 0x20, 0xEF, 0xBC] + Array("\u{FF14} a@b.com".utf8) + [0xE2]
        #expect(folding.findings(in: bytes).map(\.kind) == [.card, .email])
    }

    @Test("every lookalike is no ASCII and reads as ASCII")
    func tablesAreWhole() {
        var read = 0
        for scalar in UInt32(0x80)...0x1D7FF {
            guard let byte = Lookalikes.ascii(scalar) else { continue }
            #expect(byte == 0 || byte.isAlphanumeric || (0x20...0x7E).contains(byte))
            read += 1
        }
        #expect(read > 1_000)
        #expect(Lookalikes.ascii(0x431) == nil && Lookalikes.ascii(0xF1) == nil && Lookalikes.ascii(0x43E) == UInt8(ascii: "o"))
    }

    @Test("the same candidates are found however much of the text is there, signs without a width included", arguments: [1, 3, 17])
    func streams(longest: Int) throws {
        var generator = TextGenerator(seed: 70 + UInt64(longest))
        var scanner = Scanner(kinds: EntityKindSet(EntityKind.builtIn), minimumScore: 0.5, foldsLookalikes: true)
        for _ in 0..<60 {
            let bytes = disguised(generator.text(pieces: 14), &generator)
            var whole: [Finding] = []
            bytes.withUnsafeBytes { scanner.scan($0, into: &whole) }
            // What is found before the hold stays as it is.
            var end = 0
            while end < bytes.count {
                end = min(bytes.count, end + Int.random(in: 1...longest, using: &generator.random))
                var part: [Finding] = []
                let hold = bytes[..<end].withUnsafeBytes { scanner.collect($0, isFinal: false, into: &part) }
                Finding.resolveOverlaps(&part)
                let safe = whole.filter { $0.range.upperBound <= hold }
                try #require(
                    part.filter { $0.range.upperBound <= hold } == safe, "\(String(decoding: bytes, as: UTF8.self).debugDescription) \(end)"
                )
            }
        }
    }

    @Test("a folding stream is the same for every chunking", arguments: [1, 5, 60])
    func streamScrubbing(longest: Int) throws {
        var generator = TextGenerator(seed: 80 + UInt64(longest))
        var policy = try ScrubPolicy(everyKind: .redact)
        policy.foldsLookalikes = true
        for _ in 0..<40 {
            let bytes = disguised(generator.text(pieces: 20), &generator)
            var one = StreamScrubber(policy: policy)
            var other = StreamScrubber(policy: policy)
            let expected = one.scrubbed([bytes])
            try #require(other.scrubbed(generator.chunks(bytes, longest: longest)) == expected)
        }
    }

    /// Some of the bytes in disguise.
    private func disguised(_ bytes: [UInt8], _ generator: inout TextGenerator) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch Int.random(in: 0..<24, using: &generator.random) {
            case 0: return [byte] + Array("\u{200B}".utf8)
            case 1 where byte > 0x20 && byte < 0x7F: return Array(String(UnicodeScalar(UInt32(byte) + 0xFEE0) ?? " ").utf8)
            case 2 where byte == 0x20: return Array("\u{A0}".utf8)
            case 3 where byte == UInt8(ascii: "a"): return Array("а".utf8)
            default: return [byte]
            }
        }
    }
}
