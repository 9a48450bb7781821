import NIOCore
import NIOEmbedded
import SeededRandomness
import Testing

@testable import GatewayPipeline

@Suite("The alarm clock of a loop's requests")
struct AlarmClockTests {
    private final class Sleeper: AlarmReceiver {
        var alarmPosition: Int?
        var time: NIODeadline?
        private(set) var rings = 0
        var whenRung: () -> Void = {}

        func alarmRang() {
            rings += 1
            time = nil
            whenRung()
        }
    }

    @Test(
        "rings once for each alarm that is set, at its time, not before, whatever is set and cancelled in between",
        arguments: 1...20 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let loop = EmbeddedEventLoop()
        let clock = AlarmClock(eventLoop: loop)
        let sleepers = (0..<40).map { _ in Sleeper() }
        for _ in 0..<2_000 {
            let sleeper = sleepers[Int.random(in: 0..<40, using: &random)]
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1, 2:
                let time = loop.now + .milliseconds(.random(in: 0...50, using: &random))
                sleeper.time = time
                clock.set(sleeper, at: time)
            case 3:
                sleeper.time = nil
                clock.cancel(sleeper)
            default:
                let (now, before) = (loop.now + .milliseconds(.random(in: 0...9, using: &random)), sleepers.map(\.rings))
                let due = sleepers.map { $0.time.map { $0 <= now } ?? false }
                loop.advanceTime(to: now)
                for (index, sleeper) in sleepers.enumerated() { #expect(sleeper.rings == before[index] + (due[index] ? 1 : 0)) }
            }
            #expect(clock.count == sleepers.count { $0.time != nil })
        }
    }

    @Test("one that rings may set its alarm again, and cancel another's that is due")
    func reentrant() {
        let loop = EmbeddedEventLoop()
        let clock = AlarmClock(eventLoop: loop)
        let (first, second) = (Sleeper(), Sleeper())
        first.whenRung = {
            clock.cancel(second)
            if first.rings < 3 { clock.set(first, at: loop.now) }
        }
        clock.set(second, at: loop.now + .milliseconds(2))
        clock.set(first, at: loop.now + .milliseconds(1))
        loop.advanceTime(by: .milliseconds(5))
        #expect(first.rings == 3 && second.rings == 0 && clock.count == 0)
    }

    @Test("nobody is kept alive by an alarm that was cancelled or has rung")
    func release() {
        let loop = EmbeddedEventLoop()
        let clock = AlarmClock(eventLoop: loop)
        weak var cancelled: Sleeper?
        weak var rung: Sleeper?
        do {
            let (one, other) = (Sleeper(), Sleeper())
            (cancelled, rung) = (one, other)
            clock.set(one, at: loop.now + .seconds(1))
            clock.set(other, at: loop.now + .milliseconds(1))
            clock.cancel(one)
        }
        loop.advanceTime(by: .milliseconds(1))
        #expect(cancelled == nil && rung == nil)
    }
}
