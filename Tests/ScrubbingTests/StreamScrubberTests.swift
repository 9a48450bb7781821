import Scrubbing
import Testing

@Suite("Streaming")
struct StreamScrubberTests {
    @Test("a scrubbed stream is the same for every chunking, single bytes included", arguments: [1, 2, 7, 40])
    func chunkingMakesNoDifference(longest: Int) throws {
        var generator = TextGenerator(seed: 10 + UInt64(longest))
        let policy = try ScrubPolicy(everyKind: .redact)
        for round in 0..<(longest == 1 ? 60 : 150) {
            let bytes = round % 10 == 0 ? generator.noise(count: 400) : generator.text(pieces: 40)
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

    @Test("an entity is found wherever the stream is split")
    func findsEveryEntityInEverySplit() throws {
        let policy = try ScrubPolicy(everyKind: .redact)
        for entity in TextGenerator.entities {
            let bytes = Array("Mira: \(entity), gracias a todos".utf8)
            var whole = RequestScrubber(policy: policy)
            let expected = whole.scrubbed(bytes)
            for split in 0...bytes.count {
                var stream = StreamScrubber(policy: policy)
                #expect(stream.scrubbed([bytes[..<split], bytes[split...]]) == expected)
            }
        }
    }

    @Test("prose is held back for a word at most")
    func holdsAWord() {
        var stream = StreamScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        for byte in Array("Plain prose, in which there are 3 numbers (and 2024 is one) but nothing else to hide.".utf8) {
            _ = withUnsafeBytes(of: byte) { stream.feed($0, into: &output) }
            #expect(stream.heldBack <= 8)
        }
    }

    @Test("a token without end is held back within a bound")
    func holdsWithinABound() {
        var stream = StreamScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        var most = 0
        for index in 0..<6_000 {
            _ = withUnsafeBytes(of: UInt8(ascii: index % 7 == 0 ? "1" : "a")) { stream.feed($0, into: &output) }
            most = max(most, stream.heldBack)
        }
        #expect(most <= 64 + 2 * 96)
        _ = stream.finish(into: &output)
        #expect(output.count == 6_000)
    }

    @Test("a blocked kind stops the stream before the value")
    func blocks() throws {
        var policy = ScrubPolicy()
        try policy.setAction(.block, for: .card)
        var stream = StreamScrubber(policy: policy)
        var output: [UInt8] = []
        let text = Array("pay with 4111111111111111 now".utf8)
        var outcomes: [StreamOutcome] = []
        for byte in text { withUnsafeBytes(of: byte) { outcomes.append(stream.feed($0, into: &output)) } }
        outcomes.append(stream.finish(into: &output))
        #expect(outcomes.last == .blocked([.card]))
        #expect(String(decoding: output, as: UTF8.self) == "pay with ")
    }

    @Test("findings in an answer are masked or redacted, never numbered")
    func neverNumbers() {
        var stream = StreamScrubber(policy: ScrubPolicy())
        let output = stream.scrubbed([Array("mail a@x.com and a@x.com or <EMAIL_1>".utf8)])
        #expect(String(decoding: output, as: UTF8.self) == "mail <EMAIL> and <EMAIL> or <EMAIL_1>")
    }
}
