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
}
