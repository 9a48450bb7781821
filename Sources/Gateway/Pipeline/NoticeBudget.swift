import Logging
import NIOCore

/// How many notices of requests a log takes: the first ones of each second, and the count of those left out. Pure; confined to its loop.
struct NoticeBudget {
    static let perSecond = 10

    private var second = NIODeadline.uptimeNanoseconds(0)
    private var used = 0
    /// Not yet told.
    private(set) var leftOut = 0

    /// - Returns: whether one more may be written.
    mutating func take(now: NIODeadline) -> Bool {
        if now - second >= .seconds(1) {
            second = now
            used = 0
        }
        guard used < Self.perSecond else {
            leftOut += 1
            return false
        }
        used += 1
        return true
    }

    /// - Returns: how many were left out since this was asked last.
    mutating func takeLeftOut() -> Int {
        defer { leftOut = 0 }
        return leftOut
    }
}

extension GatewayLoop {
    /// The level of a line about a request that failed: a notice while there are few of them, so that a provider's outage does not fill the log. How many
    /// were left out is told a second later.
    func levelOfFailure() -> Logger.Level {
        guard !notices.take(now: eventLoop.now) else { return .notice }
        if notices.leftOut == 1 {
            eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { [self] () -> Void in
                logger.notice("more requests failed: their lines are of level info", metadata: ["count": "\(notices.takeLeftOut())"])
            }
        }
        return .info
    }
}
