import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("What the log is told of an outage")
struct OutageLogTests {
    private static func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .milliseconds(milliseconds) }

    /// What it says of each look, at these milliseconds.
    private static func told(_ log: inout OutageLog, works: Bool, at times: Int64...) -> [Bool] {
        times.map { works ? log.worked(now: at($0)) : log.failed(now: at($0)) }
    }

    @Test("each change is told once, however often it is seen")
    func changes() {
        var log = OutageLog()
        let told = [
            Self.told(&log, works: true, at: 0), Self.told(&log, works: false, at: 0, 1, 5_000, 60_000),
            Self.told(&log, works: true, at: 60_001, 60_002), Self.told(&log, works: false, at: 90_000),
        ]
        #expect(told == [[false], [true, false, false, false], [true, false], [true]])
    }

    @Test("a loss that begins within ten seconds of a recovery is told when they are over, if it lasts")
    func lasting() {
        var log = OutageLog()
        let told = [
            Self.told(&log, works: false, at: 0), Self.told(&log, works: true, at: 1_000),
            Self.told(&log, works: false, at: 1_001, 5_000, 10_999, 11_000), Self.told(&log, works: true, at: 11_001),
        ]
        #expect(told == [[true], [true], [false, false, false, true], [true]])
    }

    @Test("what comes and goes makes two lines in ten seconds, and ends with the word that it works")
    func flapping() {
        var log = OutageLog()
        var lines: [Bool] = []
        for second in 0..<100 as Range<Int64> {
            if log.failed(now: Self.at(second * 1_000)) { lines.append(false) }
            if log.worked(now: Self.at(second * 1_000 + 500)) { lines.append(true) }
        }
        #expect(lines.count <= 20 && lines.last == true)
        // One after another.
        #expect(zip(lines, lines.dropFirst()).allSatisfy { $0 != $1 })
    }
}
