import EngineProbe
import Scrubbing

/// Counts heap allocations of the engine on this thread.
///
/// Not a test beside the others: an unoptimised build boxes what an optimised one keeps in registers, so only this one says anything.
enum AllocationCheck {
    /// A line for the report, and whether it is as it should be.
    struct Result {
        var name: String
        var allocations: UInt64
        var most: UInt64
        var holds: Bool { allocations <= most }
    }

    static func run() -> [Result] {
        let quiet = Corpus.clean.bytes(1 << 18, seed: 3)
        let found = Corpus.mixed.bytes(1 << 18, seed: 3)
        let families = HostileFamily.all.map { $0.bytes(8 * 1024) }
        return [
            Result(name: "the counter counts", allocations: scan([families[0]]) == 0 && literal() > 0 ? 0 : 1, most: 0),
            Result(name: "scanning without findings", allocations: scan([quiet]), most: 0),
            Result(name: "scanning with findings, their room reused", allocations: scan([found]), most: 0),
            Result(name: "scanning near-misses of every kind", allocations: scan(families), most: 0),
            Result(name: "scrubbing a text without findings", allocations: scrub(quiet), most: 0),
            // The placeholders' tables grow by doubling; they are the request's, and its restorer's after it.
            Result(name: "scrubbing 50 values", allocations: scrub(Array(found.prefix(50 * 1024))), most: 100),
            Result(name: "scrubbing 250 values: a few more", allocations: scrub(found), most: 130),
            Result(name: "streaming text without findings, 4 bytes at a time", allocations: stream(quiet), most: 0),
        ]
    }

    private static func scan(_ texts: [[UInt8]]) -> UInt64 {
        var scanner = Scanner()
        var findings: [Finding] = []
        return counted {
            for text in texts { text.withUnsafeBytes { scanner.scan($0, into: &findings) } }
        }
    }

    private static func scrub(_ text: [UInt8]) -> UInt64 {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        return counted {
            output.removeAll(keepingCapacity: true)
            scrubber.reset()
            text.withUnsafeBytes { _ = scrubber.scrub($0, into: &output) }
        }
    }

    private static func stream(_ text: [UInt8]) -> UInt64 {
        var scrubber = StreamScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        return counted {
            output.removeAll(keepingCapacity: true)
            text.withUnsafeBytes { text in
                for start in stride(from: 0, to: text.count, by: 4) {
                    _ = scrubber.feed(UnsafeRawBufferPointer(rebasing: text[start..<min(start + 4, text.count)]), into: &output)
                }
            }
            _ = scrubber.finish(into: &output)
        }
    }

    private static func literal() -> UInt64 {
        var kept: [[UInt8]] = []
        kept.reserveCapacity(4)
        return counted { kept = [[UInt8](repeating: 1, count: kept.capacity)] }
    }

    /// The second time: what is kept from call to call is there then.
    private static func counted(_ body: () -> Void) -> UInt64 {
        body()
        let before = agentshield_allocations_of_this_thread()
        body()
        return agentshield_allocations_of_this_thread() - before
    }
}
