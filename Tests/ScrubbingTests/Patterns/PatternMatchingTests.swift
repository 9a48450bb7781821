import Foundation
import SeededRandomness
import Testing

@testable import Scrubbing

@Suite("Custom patterns: what they match")
struct PatternMatchingTests {
    /// What one pattern matches on its own, overlaps not joined.
    private func matches(_ pattern: String, _ bytes: [UInt8], ignoringCase: Bool = false) throws -> [Range<Int>] {
        let node = try PatternParser.parse(pattern, ignoringCase: ignoringCase)
        let set = try PatternSet([(node, PatternSet.Entry(kind: .custom(0), score: 1, context: nil))])
        var findings: [Finding] = []
        bytes.withUnsafeBytes {
            _ = set.collect($0, isFinal: true, decided: 0, kinds: [.custom(0)], filter: FindingFilter(minimumScore: 0), into: &findings)
        }
        return findings.map(\.range)
    }

    private func texts(_ pattern: String, _ text: String, ignoringCase: Bool = false) throws -> [String] {
        let bytes = Array(text.utf8)
        return try matches(pattern, bytes, ignoringCase: ignoringCase).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test("random patterns match what a matcher that tries everything says")
    func agreesWithReference() throws {
        var generator = SeededRandom(seed: 31)
        var compared = 0
        for _ in 0..<600 {
            let reference = ReferencePattern.random(&generator)
            guard (try? PatternParser.parse(reference.text, ignoringCase: false)) != nil else { continue }
            for _ in 0..<4 {
                let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                    Array("aabb1-_ c\n".utf8).randomElement(using: &generator) ?? 0
                }
                let expected = reference.matches(in: bytes)
                let found = try matches(reference.text, bytes)
                try #require(found == expected, "\(reference.text) in \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                compared += expected.count
            }
        }
        #expect(compared > 2_000)
    }

    @Test("patterns without a bound match up to 256 bytes, as the matcher that tries everything says")
    func longMatches() throws {
        var generator = SeededRandom(seed: 32)
        let patterns: [ReferencePattern] = [
            .repeated(.character("a"), 1, nil),
            .sequence([.character("a"), .repeated(.set(text: "[ab]", contains: { $0 < 0x63 && $0 > 0x60 }), 0, nil)]),
            .sequence([.character("a"), .repeated(.set(text: "[^c]", contains: { $0 != 0x63 }), 0, nil), .character("c")]),
            .sequence([.boundary(true), .repeated(.set(text: "\\w", contains: { $0.isWordByte }), 2, nil), .boundary(true)]),
            .choice([
                .repeated(.character("a"), 1, nil), .sequence([.character("b"), .repeated(.character("a"), 0, nil), .character("c")]),
            ]),
        ]
        for pattern in patterns {
            for round in 0..<6 {
                let rare = round % 3 * 4
                let bytes = (0..<900).map { _ in
                    Int.random(in: 0..<100, using: &generator) < rare
                        ? Array("bc ".utf8).randomElement(using: &generator) ?? 0 : UInt8(ascii: "a")
                }
                #expect(try matches(pattern.text, bytes) == pattern.matches(in: bytes), "\(pattern.text)")
            }
        }
    }

    @Test("random patterns match what ICU's matcher says of every part of the text")
    func agreesWithICU() throws {
        var generator = SeededRandom(seed: 33)
        var compared = 0
        for _ in 0..<250 {
            let pattern = ReferencePattern.random(&generator, depth: 2).text
            guard (try? PatternParser.parse(pattern, ignoringCase: false)) != nil else { continue }
            let expression = try NSRegularExpression(pattern: "(?:\(pattern))\\z")
            let text = String((0..<14).map { _ in "aabb1-_ c".randomElement(using: &generator) ?? "a" })
            var expected: [Range<Int>] = []
            var start = 0
            while start < text.utf8.count {
                // The longest part from here on that matches as a whole.
                let end = (start..<text.utf8.count).reversed().first { last in
                    let range = NSRange(location: start, length: last + 1 - start)
                    let options: NSRegularExpression.MatchingOptions = [.withTransparentBounds, .anchored]
                    return expression.firstMatch(in: text, options: options, range: range)?.range == range
                }
                if let end { expected.append(start..<end + 1) }
                start = (end ?? start) + 1
            }
            try #require(try matches(pattern, Array(text.utf8)) == expected, "\(pattern) in \(text.debugDescription)")
            compared += expected.count
        }
        #expect(compared > 200)
    }

    @Test(
        "what the dialect has",
        arguments: [
            (#"EMP-\d{4}"#, "EMP-1234 EMP-12 xEMP-12345", ["EMP-1234", "EMP-1234"]),
            (#"\bEMP-\d{4}\b"#, "EMP-1234 EMP-12 xEMP-1234 EMP-12345", ["EMP-1234"]),
            ("(?i)emp", "Emp eMP", ["Emp", "eMP"]), ("(?i)ñu", "ÑU ñu", ["ÑU", "ñu"]), ("[áéí]+", "aáéb", ["áé"]),
            ("[α-ω]{2}", "αβγ", ["αβ"]),
            ("a.c", "abc añc a\nc a🙂c", ["abc", "añc", "a🙂c"]), ("[^a-z]+", "abñ🙂c", ["ñ🙂"]), (#"a\.b\\"#, #"a.b\ axb\"#, [#"a.b\"#]),
            ("cat|category", "category", ["category"]), ("(ab){2,3}", "abababab", ["ababab"]), (#"\x41\u00f1"#, "Añ", ["Añ"]),
            (#"[\w.-]+"#, "a-b.c!", ["a-b.c"]), ("[]a]+", "]a", ["]a"]), ("[a-]+", "-a", ["-a"]), (#"\Bb\B"#, "b abc", ["b"]),
        ])
    func dialect(pattern: String, text: String, expected: [String]) throws {
        #expect(try texts(pattern, text) == expected)
    }

    @Test("a set of characters is exactly its UTF-8")
    func characterSets() {
        var generator = SeededRandom(seed: 34)
        let edges: [UInt32] = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x1_0000, 0x10_FFFF]
        for _ in 0..<200 {
            let values = (0..<2).map { _ in
                Bool.random(using: &generator)
                    ? edges.randomElement(using: &generator) ?? 0 : UInt32.random(in: 0...0x10_FFFF, using: &generator)
            }
            let set = ScalarSet([min(values[0], values[1])...max(values[0], values[1])]).inverted
            let sequences = set.byteSequences
            for value in edges.flatMap({ [$0, $0 &- 1, $0 + 1] }) + values.flatMap({ [$0, $0 &- 1, $0 + 1] }) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                let bytes = Array(String(scalar).utf8)
                let isIn = sequences.contains { $0.count == bytes.count && zip($0, bytes).allSatisfy { $0.contains($1) } }
                #expect(isIn == set.contains(scalar), "U+\(String(value, radix: 16)) in \(set.ranges)")
            }
        }
    }
}
