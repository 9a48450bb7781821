import EngineProbe
import Scrubbing

/// The work that a text takes whole and as a stream of deltas, and how long its bytes are held back. As in ``LinearityCheck``, instructions are
/// counted under callgrind: for each text a profile of the whole and one of the stream.
enum StreamCheck {
    static let texts: [(name: String, bytes: [UInt8])] =
        [Corpus.clean, .mixed, .logs].map { ($0.rawValue, $0.bytes(64 * 1024, seed: 1)) }
        + HostileFamily.all.map { ($0.name, $0.bytes(16 * 1024)) }

    static func run() {
        for (_, bytes) in texts {
            let ends = EngineRuns.deltas(bytes, seed: 9)
            var scrubber = RequestScrubber(policy: ScrubPolicy())
            var stream = StreamScrubber(policy: ScrubPolicy())
            var output: [UInt8] = []
            output.reserveCapacity(4 * bytes.count)
            bytes.withUnsafeBytes { bytes in
                agentshield_mark()
                _ = scrubber.scrub(bytes, into: &output)
                agentshield_mark()
                output.removeAll(keepingCapacity: true)
                agentshield_mark()
                EngineRuns.feed(bytes, ends, to: &stream, into: &output)
                agentshield_mark()
            }
        }
    }

    /// Name, deltas, bytes, and the mean number of bytes that are held back when a delta has come.
    static func lines() -> [String] {
        texts.map { name, bytes in
            let ends = EngineRuns.deltas(bytes, seed: 9)
            var stream = StreamScrubber(policy: ScrubPolicy())
            var output: [UInt8] = []
            var (start, held) = (0, 0)
            bytes.withUnsafeBytes { bytes in
                for end in ends {
                    _ = stream.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), into: &output)
                    held += stream.heldBack
                    start = end
                }
            }
            return "\(name)\t\(ends.count)\t\(bytes.count)\t\(ReportText.number(Double(held) / Double(ends.count), 2))"
        }
    }
}
