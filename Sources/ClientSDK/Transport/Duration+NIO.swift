import NIOCore

extension TimeAmount {
    /// The same time, at most 292 years.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (nanoseconds, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        self = .nanoseconds(overflow || carry ? (seconds < 0 ? .min : .max) : nanoseconds)
    }
}

extension NIODeadline {
    /// The time in whole milliseconds until this deadline, from 1 up; as many as the wire can say.
    func milliseconds(from now: NIODeadline) -> UInt32 {
        UInt32(clamping: max(1, (self - now).nanoseconds / 1_000_000))
    }
}
