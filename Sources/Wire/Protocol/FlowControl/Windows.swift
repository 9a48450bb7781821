/// What may still be sent: the credit that the peer granted and that was not used.
struct SendWindow: Equatable, Sendable {
    /// No window may ever be above this, 2^31 - 1.
    static let maximum = 0x7FFF_FFFF

    private(set) var available: Int

    init(initial: Int) {
        available = initial
    }

    /// Adds the peer's grant, 1 to ``maximum``.
    mutating func grant(_ increment: UInt32) throws(ConnectionBreach) {
        guard increment > 0 else { throw .protocolError("a CREDIT of 0") }
        let sum = available + Int(increment)
        guard sum <= Self.maximum else { throw ConnectionBreach(.flowControlError, "credit above 2^31 - 1") }
        available = sum
    }

    /// Uses credit that was checked to be there.
    mutating func take(_ count: Int) {
        precondition(count <= available, "we send nothing beyond the peer's credit")
        available -= count
    }
}

/// What the peer may still send, and what of it has been used up and can be granted again.
struct ReceiveWindow: Equatable, Sendable {
    private let initial: Int
    private(set) var available: Int
    private var ungranted = 0

    init(initial: Int) {
        self.initial = initial
        available = initial
    }

    /// Counts bytes that arrived.
    mutating func receive(_ count: Int) throws(ConnectionBreach) {
        guard count <= available else { throw ConnectionBreach(.flowControlError, "more was sent than there was credit for") }
        available -= count
    }

    /// Counts bytes that were consumed. From half of the initial credit on they are granted again: the returned increment is
    /// to be sent. The half is what lets the peer count on it that a frame of at most half the initial credit always passes.
    mutating func release(_ count: Int) -> UInt32? {
        ungranted = min(ungranted + max(0, count), initial - available)
        guard ungranted > 0, ungranted >= initial / 2 else { return nil }
        defer { ungranted = 0 }
        available += ungranted
        return UInt32(clamping: ungranted)
    }
}
