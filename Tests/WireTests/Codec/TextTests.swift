import NIOCore
import SeededRandomness
import Testing
import Wire

@Suite("Text")
struct TextTests {
    /// The bytes at which a rule of RFC 3629 begins or ends.
    private static let edges: [UInt8] = [
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3,
        0xF4, 0xF5, 0xFF,
    ]

    private func isText(_ bytes: [UInt8]) -> Bool {
        Text(validating: ByteBuffer(bytes: bytes)) != nil
    }

    @Test("what is UTF-8 is what the standard library says, for all sequences of up to three edge bytes")
    func shortSequences() {
        var sequences: [[UInt8]] = [[]]
        for _ in 1...3 {
            sequences = sequences.flatMap { sequence in Self.edges.map { sequence + [$0] } }
            for bytes in sequences {
                #expect(isText(bytes) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
            }
        }
    }

    @Test("what is UTF-8 is what the standard library says, at every place of longer texts")
    func longerTexts() {
        var random = SeededRandom(seed: 1)
        var valid = 0
        for _ in 0..<20_000 {
            var bytes = Array("0123456789ñ0123€456789😀01234567".utf8.prefix(Int.random(in: 8...40, using: &random)))
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = Self.edges.randomElement(using: &random) ?? 0
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            valid += expected ? 1 : 0
            #expect(isText(bytes) == expected, "\(bytes)")
        }
        #expect((2_000...18_000).contains(valid))
    }

    @Test("is equal by bytes, wherever they lie")
    func equality() {
        let buffer = ByteBuffer(string: "xabcx")
        let slice = buffer.getSlice(at: 1, length: 3).flatMap(Text.init(validating:))
        #expect(slice == "abc")
        #expect(slice?.string == "abc")
        #expect(slice?.count == 3)
        #expect(Text(validating: ByteBuffer()) == Text())
        #expect(Text("") == Text())
        // The same letter, composed and decomposed: equal as Swift strings, not as texts.
        #expect(Text("\u{E9}") != Text("e\u{301}"))
        // Made of a string, and received.
        for string in ["", "abc", "a text that is longer than a small string: \u{E9}\u{1F600}"] {
            let received = Text(validating: ByteBuffer(string: string))
            let made = Text(string)
            #expect(received == made)
            #expect(Set([received, made]).count == 1)
            #expect(made.string == string && received?.string == string)
            #expect(made.buffer == ByteBuffer(string: string))
            #expect(made.count == string.utf8.count && made.isEmpty == string.isEmpty)
            #expect(made.withUnsafeBytes { Array($0) } == Array(string.utf8))
            #expect(made != Text(string + "."))
        }
    }

    @Test("shows its length, not its bytes, in a log line")
    func description() {
        #expect("\(Text("secret"))" == "6 bytes")
    }
}
