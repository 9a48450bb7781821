package import NIOCore

/// When the log is told of something that fails and works again: each change once, what lasts in any case, and no more than two lines in ten seconds.
///
/// What fails again within the time of quiet is told when that is over, if it still fails. Pure; guarded by whoever has it.
package struct OutageLog: Sendable {
    private var isFailing = false
    /// Whether the log says that it fails.
    private var isTold = false
    private var nextLine = NIODeadline.uptimeNanoseconds(0)
    private static let quietTime = TimeAmount.seconds(10)

    package init() {}

    /// It fails: to be called again and again while it does.
    ///
    /// - Returns: whether to say so now.
    package mutating func failed(now: NIODeadline) -> Bool {
        isFailing = true
        guard !isTold, now >= nextLine else { return false }
        isTold = true
        return true
    }

    /// It works.
    ///
    /// - Returns: whether to say so: not where nobody was told that it did not.
    package mutating func worked(now: NIODeadline) -> Bool {
        guard isFailing else { return false }
        isFailing = false
        guard isTold else { return false }
        isTold = false
        nextLine = now + Self.quietTime
        return true
    }
}
