import CPrefilter
import Testing

@testable import Scrubbing

@Suite("Prefilter")
struct PrefilterTests {
    @Test(
        "every instruction set of this machine gives the triggers of the portable one",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func setsAgree(set: InstructionSet) {
        var generator = TextGenerator(seed: 40)
        for round in 0..<60 {
            var bytes = generator.noise(count: round * 7)
            for _ in 0..<round { bytes += generator.text(pieces: 8) }
            #expect(triggers(bytes, set) == triggers(bytes, .portable))
        }
    }

    @Test("the plausibility rules drop nothing that a recogniser would find")
    func rulesDropNothing() throws {
        var generator = TextGenerator(seed: 41)
        var scanner = Scanner(minimumScore: 0)
        for round in 0..<400 {
            let bytes = round % 8 == 0 ? generator.noise(count: 300) : generator.text(pieces: 40)
            var strict: [Finding] = []
            var loose: [Finding] = []
            bytes.withUnsafeBytes { _ = scanner.collect($0, isFinal: true, looseTail: 0, into: &strict) }
            bytes.withUnsafeBytes { _ = scanner.collect($0, isFinal: true, looseTail: bytes.count, into: &loose) }
            Finding.resolveOverlaps(&strict)
            Finding.resolveOverlaps(&loose)
            try #require(strict == loose, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test("an entity is found at every offset from the edges of blocks and tiles")
    func findsAcrossEdges() {
        var scanner = Scanner()
        for entity in TextGenerator.entities {
            for edge in [64, 4096] {
                let length = entity.utf8.count
                for start in max(0, edge - length)...edge {
                    let bytes = Array(repeating: UInt8(ascii: " "), count: start) + Array(entity.utf8)
                    #expect(!scanner.findings(in: bytes).isEmpty, "\(entity) at \(start)")
                }
            }
        }
    }

    @Test("plain prose has almost no triggers")
    func proseIsQuiet() {
        let prose = Array(
            repeating: "It was a bright day (cold, too), and all the clocks were striking; said he: \"thirteen!\" - at 7 or 8.\n", count: 40
        ).joined()
        #expect(triggers(Array(prose.utf8), .best).count == 0)
    }

    private func triggers(_ bytes: [UInt8], _ set: InstructionSet) -> [[UInt16]] {
        var found: [[UInt16]] = []
        var buffer = [agentshield_trigger](repeating: agentshield_trigger(), count: 4096)
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            for from in stride(from: 0, to: bytes.count, by: 4096) {
                let to = min(from + 4096, bytes.count)
                let count = agentshield_find_triggers(set.set, base, bytes.count, from, to, Int.max, &buffer)
                found += buffer[..<count].map { [UInt16(from / 4096), $0.position, $0.rules] }
            }
        }
        return found
    }
}
