import Scrubbing
import Testing

@Suite("Scanning in slices")
struct SliceTests {
    @Test("slices find what one scan of the whole finds, wherever entities stand to their edges")
    func findsTheSame() {
        var generator = TextGenerator(seed: 50)
        var scanner = Scanner(minimumScore: 0)
        for shift in 0..<12 {
            var bytes = generator.noise(count: shift * 3)
            while bytes.count < ScanProgress.slice * 2 + 1_000 { bytes += generator.text(pieces: 60) }
            var sliced: [Finding] = []
            var progress = ScanProgress()
            var slices = 1
            while !bytes.withUnsafeBytes({ scanner.scanSlice($0, &progress, into: &sliced) }) {
                #expect(progress.scanned == slices * ScanProgress.slice)
                slices += 1
            }
            #expect(slices == (bytes.count + ScanProgress.slice - 1) / ScanProgress.slice)
            #expect(sliced == scanner.findings(in: bytes))
        }
    }

    @Test("an entity across the edge of a slice is found once")
    func findsAcrossAnEdge() {
        var scanner = Scanner()
        for entity in TextGenerator.entities {
            let value = Array("\(entity) ".utf8)
            for start in [ScanProgress.slice - value.count / 2, ScanProgress.slice - 1, ScanProgress.slice - value.count + 1] {
                let bytes = [UInt8](repeating: UInt8(ascii: " "), count: start) + value
                var sliced: [Finding] = []
                var progress = ScanProgress()
                while !bytes.withUnsafeBytes({ scanner.scanSlice($0, &progress, into: &sliced) }) {}
                #expect(sliced == scanner.findings(in: bytes))
                #expect(!sliced.isEmpty)
            }
        }
    }

    @Test("a request is scrubbed in slices as it is at once, and texts without an entity stay unchanged")
    func scrubsTheSame() {
        var generator = TextGenerator(seed: 51)
        for round in 0..<6 {
            var bytes: [UInt8] = []
            while bytes.count < ScanProgress.slice * round / 2 { bytes += generator.text(pieces: 60) }
            var whole = RequestScrubber(policy: ScrubPolicy())
            var sliced = RequestScrubber(policy: ScrubPolicy())
            var output: [UInt8] = []
            var progress = ScanProgress()
            var outcome: ScrubOutcome?
            while outcome == nil { outcome = bytes.withUnsafeBytes { sliced.scrubSlice($0, &progress, into: &output) } }
            #expect(outcome == .changed ? output == whole.scrubbed(bytes) : whole.scrubbed(bytes) == bytes)
            #expect(sliced.counts == whole.counts)
        }
    }

    /// Patterns whose matches overlap one another and what is built in, cross slices and come in crowds.
    private func policy(folding: Bool) throws -> ScrubPolicy {
        var policy = ScrubPolicy()
        policy.foldsLookalikes = folding
        try policy.setCustomPatterns([
            CustomPattern(name: "EMPLOYEE", pattern: #"\bEMP-\d{4,6}\b"#),
            CustomPattern(name: "RUN", pattern: #"[b-d]{3,200}x"#, contextWords: ["quick"]),
            CustomPattern(name: "PAIR", pattern: #"q[a-z ]{1,40}k"#, action: .redact),
        ])
        return policy
    }

    @Test("custom patterns and tricks with Unicode are found in slices as at once", arguments: [false, true])
    func findsPatterns(folding: Bool) throws {
        var generator = TextGenerator(seed: 52)
        let policy = try policy(folding: folding)
        let pieces = [
            "EMP-12345 ", "quick bcdbcdx ", "EM\u{200B}P-4444 ", "４１１１ 1111 1111 1111 ", "qqk brown quick ", "bcd", "аna@example.com ",
        ]
        for shift in 0..<8 {
            var bytes = generator.noise(count: shift * 5)
            while bytes.count < ScanProgress.slice * 2 + 3_000 {
                bytes += generator.text(pieces: 20)
                bytes += Array((pieces.randomElement(using: &generator.random) ?? "").utf8)
            }
            // Across the first edge, from different places on.
            bytes.replaceSubrange(ScanProgress.slice - 6 - shift..<ScanProgress.slice + 8 - shift, with: Array(" EMP-123456 ab".utf8))
            var whole = RequestScrubber(policy: policy)
            var sliced = RequestScrubber(policy: policy)
            #expect(Self.inSlices(bytes, &sliced) == whole.scrubbed(bytes))
            #expect(sliced.counts == whole.counts)
            #expect(policy.kind(named: "EMPLOYEE").map { whole.counts[$0] } ?? 0 > 0)
        }
    }

    @Test("a crowd of findings is replaced in slices too, and what is blocked puts out nothing")
    func replacesInSlices() throws {
        let bytes = Array(String(repeating: "a@b.co c@d.eu ", count: 9_000).utf8)
        var whole = RequestScrubber(policy: ScrubPolicy())
        var sliced = RequestScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        var progress = ScanProgress()
        var (slices, written) = (0, 0)
        while bytes.withUnsafeBytes({ sliced.scrubSlice($0, &progress, into: &output) }) == nil {
            #expect(output.count - written < 100_000)
            (slices, written) = (slices + 1, output.count)
        }
        #expect(slices > bytes.count / ScanProgress.slice + 2)
        #expect(output == whole.scrubbed(bytes))

        var policy = ScrubPolicy()
        try policy.setAction(.block, for: .email)
        var strict = RequestScrubber(policy: policy)
        output = []
        var outcome: ScrubOutcome?
        while outcome == nil { outcome = bytes.withUnsafeBytes { strict.scrubSlice($0, &progress, into: &output) } }
        #expect(outcome == .blocked([.email]) && output.isEmpty)
    }

    @Test("a long key of an object is looked at in slices as at once")
    func inspectsInSlices() {
        let key = Array((String(repeating: "x ", count: ScanProgress.slice) + "ana@example.com").utf8)
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        var progress = ScanProgress()
        var blocked: [EntityKind]?
        var slices = 0
        while blocked == nil {
            blocked = key.withUnsafeBytes { scrubber.inspectSlice(key: $0, &progress) }
            slices += 1
        }
        #expect(blocked == [.email] && slices == 3)
        #expect(key.withUnsafeBytes { scrubber.inspect(key: $0) } == [.email])
    }

    private static func inSlices(_ bytes: [UInt8], _ scrubber: inout RequestScrubber) -> [UInt8] {
        var output: [UInt8] = []
        var progress = ScanProgress()
        while true {
            switch bytes.withUnsafeBytes({ scrubber.scrubSlice($0, &progress, into: &output) }) {
            case nil: continue
            case .changed: return output
            case .unchanged: return bytes
            case .blocked: return []
            }
        }
    }
}
