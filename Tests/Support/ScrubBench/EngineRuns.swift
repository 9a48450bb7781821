import Scrubbing
import SeededRandomness

/// What is done with a text.
enum Work: String, CaseIterable, Codable, Sendable {
    /// Findings only.
    case scan
    /// Findings, and the text with placeholders in their place.
    case scrub = "scan+replace"
}

/// Runs the engine as a gateway does: one scanner or scrubber, used again and again.
struct EngineRuns {
    let stopwatch: Stopwatch

    func time(_ work: Work, _ bytes: [UInt8], _ set: InstructionSet) -> Timing {
        switch work {
        case .scan:
            var scanner = Scanner(instructionSet: set)
            var findings: [Finding] = []
            return bytes.withUnsafeBytes { bytes in stopwatch.time { scanner.scan(bytes, into: &findings) } }
        case .scrub:
            var scrubber = RequestScrubber(policy: ScrubPolicy(), instructionSet: set)
            var output: [UInt8] = []
            return bytes.withUnsafeBytes { bytes in
                stopwatch.time {
                    scrubber.reset()
                    output.removeAll(keepingCapacity: true)
                    _ = scrubber.scrub(bytes, into: &output)
                }
            }
        }
    }

    /// Per delta.
    func timeStream(_ bytes: [UInt8], seed: UInt64, _ set: InstructionSet = .best) -> Timing {
        let ends = Self.deltas(bytes, seed: seed)
        var scrubber = StreamScrubber(policy: ScrubPolicy(), instructionSet: set)
        var output: [UInt8] = []
        let timing = bytes.withUnsafeBytes { bytes in
            stopwatch.time {
                output.removeAll(keepingCapacity: true)
                Self.feed(bytes, ends, to: &scrubber, into: &output)
            }
        }
        return Timing(median: timing.median / Double(ends.count), least: timing.least / Double(ends.count))
    }

    /// Where the deltas of a text end; they have one to seven bytes, four in the middle.
    static func deltas(_ bytes: [UInt8], seed: UInt64) -> [Int] {
        var random = SeededRandom(seed: seed)
        var ends: [Int] = []
        while (ends.last ?? 0) < bytes.count { ends.append(min(bytes.count, (ends.last ?? 0) + random.number(1...7))) }
        return ends
    }

    static func feed(_ bytes: UnsafeRawBufferPointer, _ ends: [Int], to scrubber: inout StreamScrubber, into output: inout [UInt8]) {
        var start = 0
        for end in ends {
            _ = scrubber.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), into: &output)
            start = end
        }
        _ = scrubber.finish(into: &output)
    }

    static func findings(_ bytes: [UInt8]) -> Int {
        var scanner = Scanner()
        var findings: [Finding] = []
        bytes.withUnsafeBytes { scanner.scan($0, into: &findings) }
        return findings.count
    }
}
