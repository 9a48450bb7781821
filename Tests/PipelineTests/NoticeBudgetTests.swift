import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("Notices of requests that fail")
struct NoticeBudgetTests {
    @Test("the first ten of each second are notices; the others are counted, and told once")
    func budget() {
        var budget = NoticeBudget()
        let start = NIODeadline.uptimeNanoseconds(0) + .seconds(1_000)
        var told = 0
        for number in 0..<1_000 as Range<Int64> {
            // A hundred a second, for ten seconds.
            if budget.take(now: start + .milliseconds(number * 10)) { told += 1 }
        }
        #expect(told == 10 * NoticeBudget.perSecond)
        let leftOut = [budget.takeLeftOut(), budget.takeLeftOut()]
        #expect(leftOut == [1_000 - told, 0])
        let isTaken = budget.take(now: start + .seconds(20))
        #expect(isTaken && budget.leftOut == 0)
    }
}
