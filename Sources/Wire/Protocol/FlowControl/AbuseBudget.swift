package import NIOCore

/// How often a peer may do something that costs us more than it costs the peer: a bucket of permits that fills up with time.
package struct AbuseBudget: Equatable, Sendable {
    /// Burst and refill of a budget.
    package struct Rate: Equatable, Sendable {
        /// Permits of a full bucket.
        package var burst: Int
        package var permitsPerSecond: Int

        package init(burst: Int, permitsPerSecond: Int) {
            self.burst = burst
            self.permitsPerSecond = permitsPerSecond
        }
    }

    private let rate: Rate
    /// In units of a billionth of a permit, so that no time is lost to rounding.
    private var permits: Int
    private var filledAt: NIODeadline

    private static let unit = 1_000_000_000

    package init(_ rate: Rate, now: NIODeadline) {
        self.rate = rate
        permits = rate.burst * Self.unit
        filledAt = now
    }

    /// Takes a permit. `false`: there is none, and the peer has used its budget up.
    package mutating func spend(now: NIODeadline) -> Bool {
        fill(now: now)
        guard permits >= Self.unit else { return false }
        permits -= Self.unit
        return true
    }

    /// Adds permits beside the refill, up to the burst.
    package mutating func earn(_ count: Int) {
        permits = min(permits + count * Self.unit, rate.burst * Self.unit)
    }

    private mutating func fill(now: NIODeadline) {
        guard now > filledAt else { return }
        // After a second per permit of the burst the bucket is full anyway; the bound keeps the product small.
        let nanoseconds = min((now - filledAt).nanoseconds, Int64(rate.burst + 1) * Int64(Self.unit))
        permits = min(permits + Int(nanoseconds) * rate.permitsPerSecond, rate.burst * Self.unit)
        filledAt = now
    }
}

/// The budgets that each side keeps of the other. SPEC.md ("Abuse budgets") lists the rates.
package struct AbuseBudgets: Sendable {
    package struct Rates: Equatable, Sendable {
        /// PING, PONG that answers nothing, GOAWAY after the first.
        package var ping = AbuseBudget.Rate(burst: 32, permitsPerSecond: 1)
        /// CANCEL (rapid reset).
        package var cancel = AbuseBudget.Rate(burst: 1024, permitsPerSecond: 128)
        /// REQUEST and RESULT frames after the first of a message that bring no byte of it.
        package var emptyFrame = AbuseBudget.Rate(burst: 64, permitsPerSecond: 4)
        /// Frames of unknown type.
        package var unknownFrame = AbuseBudget.Rate(burst: 128, permitsPerSecond: 16)
        /// CREDIT below ``AbuseBudgets/smallCredit``, or for a stream that is over. Every DELTA, RESULT and REQUEST frame that we
        /// send earns two permits, so that a peer may answer each with a CREDIT for its stream and one for the connection.
        package var credit = AbuseBudget.Rate(burst: 4096, permitsPerSecond: 64)

        package init() {}
    }

    /// CREDIT of less than this is small, in bytes.
    package static let smallCredit: UInt32 = 4096

    var ping: AbuseBudget
    var cancel: AbuseBudget
    var emptyFrame: AbuseBudget
    var unknownFrame: AbuseBudget
    var credit: AbuseBudget

    package init(_ rates: Rates, now: NIODeadline) {
        ping = AbuseBudget(rates.ping, now: now)
        cancel = AbuseBudget(rates.cancel, now: now)
        emptyFrame = AbuseBudget(rates.emptyFrame, now: now)
        unknownFrame = AbuseBudget(rates.unknownFrame, now: now)
        credit = AbuseBudget(rates.credit, now: now)
    }

    /// Takes a permit of one budget.
    mutating func spend(_ budget: WritableKeyPath<AbuseBudgets, AbuseBudget>, _ what: String, now: NIODeadline) throws(ConnectionBreach) {
        guard self[keyPath: budget].spend(now: now) else { throw ConnectionBreach(.abuse, "too many \(what)") }
    }
}
