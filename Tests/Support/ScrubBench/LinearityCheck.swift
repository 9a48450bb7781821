import EngineProbe
import Scrubbing

/// The work that texts of one and of two sizes take, as a pair of numbers that do not depend on the machine's load.
///
/// Instructions are counted, not time: run under `valgrind --tool=callgrind --dump-before=agentshield_mark`, which writes one profile after each call of
/// `agentshield_mark`. Two profiles of a family follow each other: the shorter text's and the longer one's (Scripts/check-engine).
enum LinearityCheck {
    /// The longer text has twice as many bytes. Longer than everything that the engine remembers or looks back at.
    static let bytes = 24 * 1024

    static func run() {
        for family in HostileFamily.all {
            measure(family.bytes(bytes))
            measure(family.bytes(2 * bytes))
        }
    }

    private static func measure(_ text: [UInt8]) {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        var stream = StreamScrubber(policy: ScrubPolicy())
        agentshield_mark()
        text.withUnsafeBytes { bytes in
            _ = scrubber.scrub(bytes, into: &output)
            for start in Swift.stride(from: 0, to: bytes.count, by: 64) {
                _ = stream.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 64, bytes.count)]), into: &output)
            }
            _ = stream.finish(into: &output)
        }
        agentshield_mark()
    }
}
