import NIOCore

/// How long a provider takes for an answer: from the call to the answer's last byte, without the time in which the gateway did not read because its caller
/// did not. Pure.
///
/// A provider may go on writing while nobody reads, into what lies between; then it is taken to be quicker than it is, never slower.
struct UpstreamStopwatch: Equatable {
    let began: NIODeadline
    private var pausedAt: NIODeadline?
    private var paused = TimeAmount.zero
    private var ended: NIODeadline?

    init(began: NIODeadline) {
        self.began = began
    }

    /// The answer is read no further for now.
    mutating func pause(_ now: NIODeadline) {
        if ended == nil, pausedAt == nil { pausedAt = now }
    }

    mutating func resume(_ now: NIODeadline) {
        guard let before = pausedAt else { return }
        pausedAt = nil
        paused = paused + (now - before)
    }

    /// The last byte of the answer is there.
    mutating func end(_ now: NIODeadline) {
        guard ended == nil else { return }
        resume(now)
        ended = now
    }

    /// `nil`: the answer is not whole.
    var time: TimeAmount? { ended.map { max(.zero, $0 - began - paused) } }
}
