import NIOCore
import Testing
import Wire

@Suite("Abuse budgets")
struct AbuseBudgetTests {
    private let rate = AbuseBudget.Rate(burst: 3, permitsPerSecond: 2)

    private func spent(_ budget: inout AbuseBudget, at now: NIODeadline) -> Int {
        var count = 0
        while budget.spend(now: now) { count += 1 }
        return count
    }

    @Test("a budget has its burst at once, and refills evenly up to it")
    func refill() {
        var budget = AbuseBudget(rate, now: .start)
        #expect(spent(&budget, at: .start) == 3)
        #expect(spent(&budget, at: .start + .milliseconds(499)) == 0)
        #expect(spent(&budget, at: .start + .milliseconds(500)) == 1)
        #expect(spent(&budget, at: .start + .milliseconds(1_500)) == 2)
        #expect(spent(&budget, at: .start + .hours(1_000_000)) == 3)
    }

    @Test("no time is lost between frequent questions")
    func noRounding() {
        var budget = AbuseBudget(rate, now: .start)
        _ = spent(&budget, at: .start)
        var count = 0
        for millisecond in 1...10_000 { count += spent(&budget, at: .start + .milliseconds(Int64(millisecond))) }
        #expect(count == 20)
    }

    @Test("what is earned counts up to the burst")
    func earning() {
        var budget = AbuseBudget(rate, now: .start)
        budget.earn(100)
        #expect(spent(&budget, at: .start) == 3)
        budget.earn(2)
        #expect(spent(&budget, at: .start) == 2)
    }

    @Test("time that goes back gives nothing")
    func backwards() {
        var budget = AbuseBudget(rate, now: .start + .seconds(5))
        _ = spent(&budget, at: .start + .seconds(5))
        #expect(spent(&budget, at: .start) == 0)
        #expect(spent(&budget, at: .start + .seconds(6)) == 2)
    }

    @Test("a client that answers every DELTA with two small CREDITs is no abuser")
    func creditForEveryDelta() {
        var server = ServerConnection.answering()
        for _ in 0..<20_000 {
            server.sendDelta(.text("token "), on: .first)
            server.receive(.credit(13, on: 1), .credit(13))
            _ = server.nextEvent()
            _ = server.takeOutbound()
        }
        let isOpen = server.isOpen
        #expect(isOpen)
    }
}
