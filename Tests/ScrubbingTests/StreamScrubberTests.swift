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

    @Test(
        "a code that starts with a digit is found behind single digits, in every split",
        arguments: ["4d4e.5c42.1c0c", "12.ABC.345/01DE-35"])
    func findsCodesAmongSingleDigits(code: String) throws {
        let policy = try ScrubPolicy(everyKind: .redact)
        let bytes = Array("9 0 0 6 8 \(code), and more text than the end of a buffer, which is looked at less closely".utf8)
        var whole = RequestScrubber(policy: policy)
        let expected = whole.scrubbed(bytes)
        #expect(!String(decoding: expected, as: UTF8.self).contains(code))
        for split in 0...bytes.count {
            var stream = StreamScrubber(policy: policy)
            #expect(stream.scrubbed([bytes[..<split], bytes[split...]]) == expected, "split at \(split)")
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

    @Test("a document is numbered as a request is, for every chunking, and its findings are told by their places", arguments: [1, 5, 300])
    func documents(longest: Int) throws {
        var generator = TextGenerator(seed: 90 + UInt64(longest))
        var (all, alike) = (0, 0)
        for _ in 0..<60 {
            let bytes = generator.text(pieces: 60)
            var whole = RequestScrubber(policy: ScrubPolicy())
            var stream = StreamScrubber(policy: ScrubPolicy(), numbering: 1_000)
            stream.reportsFindings = true
            try #require(stream.scrubbed(generator.chunks(bytes, longest: longest)) == whole.scrubbed(bytes))
            #expect(stream.counts == whole.counts)
            #expect(stream.unnumberedValues == 0)
            let found = stream.takeFindings()
            #expect(found.count == whole.counts.total && stream.takeFindings().isEmpty)
            var scanner = Scanner()
            let expected = scanner.findings(in: bytes)
            (all, alike) = (all + found.count, alike + found.filter { expected.contains($0) }.count)
        }
        // A typed placeholder keeps a few of them apart.
        #expect(alike >= all * 9 / 10)
    }

    @Test("the places of findings hold far into a long text")
    func farFindings() {
        var stream = StreamScrubber(policy: ScrubPolicy(), numbering: 10)
        stream.reportsFindings = true
        let line = Array("nothing to see in this line of text\n".utf8)
        var output: [UInt8] = []
        for _ in 0..<1_000 { _ = line.withUnsafeBytes { stream.feed($0, into: &output) } }
        _ = Array("ana@example.com".utf8).withUnsafeBytes { stream.feed($0, into: &output) }
        _ = stream.finish(into: &output)
        #expect(stream.takeFindings().map(\.range) == [line.count * 1_000..<line.count * 1_000 + 15])
    }

    @Test("when as many values as may be have a number, new ones are redacted and known ones keep theirs")
    func boundedNumbers() {
        var stream = StreamScrubber(policy: ScrubPolicy(), numbering: 2)
        let output = stream.scrubbed([Array("a@x.com b@x.com c@x.com a@x.com d@x.com".utf8)])
        #expect(String(decoding: output, as: UTF8.self) == "<EMAIL_1> <EMAIL_2> <EMAIL> <EMAIL_1> <EMAIL>")
        #expect(stream.unnumberedValues == 2)
    }

    @Test("what a blocked stream put out does not depend on its pieces", arguments: [1, 4, 100])
    func blocksExactly(longest: Int) throws {
        var policy = ScrubPolicy()
        try policy.setAction(.block, for: .card)
        try policy.setAction(.block, for: .iban)
        let text = Array("a@x.com paid with 4111111111111111, not ES9121000418450200051332".utf8)
        var generator = TextGenerator(seed: 7)
        var stream = StreamScrubber(policy: policy)
        #expect(String(decoding: stream.scrubbed(generator.chunks(text, longest: longest)), as: UTF8.self) == "<EMAIL> paid with ")
        #expect(stream.counts.total == 2)
    }

    @Test("findings in an answer are masked or redacted, never numbered")
    func neverNumbers() {
        var stream = StreamScrubber(policy: ScrubPolicy())
        let output = stream.scrubbed([Array("mail a@x.com and a@x.com or <EMAIL_1>".utf8)])
        #expect(String(decoding: output, as: UTF8.self) == "mail <EMAIL> and <EMAIL> or <EMAIL_1>")
    }
}
