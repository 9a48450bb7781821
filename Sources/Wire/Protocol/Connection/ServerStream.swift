/// A stream as the server sees it, from the first fragment of its REQUEST until END or ERROR is out or CANCEL has come.
///
/// ```
/// receiving ── last fragment ──▶ requested ── BEGIN ──▶ begun ──┬─ DELTA ──▶ streaming ──┬── END ──▶ finishing ──▶ (gone)
///     │                                                         ├─ RESULT ─▶ resulted ───┤
///     ▼                                                         └────────────────────────┘
/// refused (ERROR is sent, the rest of the REQUEST is swallowed) ── last fragment or CANCEL ──▶ (gone)
/// ```
/// ERROR leads from every state to finishing or gone, CANCEL from every state to gone.
struct ServerStream {
    enum State {
        case receiving(MessageAssembly)
        case refused
        case requested
        case begun
        case streaming
        case resulted
        /// END or ERROR waits behind queued deltas.
        case finishing
    }

    var state: State
    /// The client's credit for the rest of its REQUEST.
    var window: ReceiveWindow
    /// The declared length, reserved until the stream is over.
    var reservedBytes: Int
    /// The length of a RESULT that could not go out at once, reserved too.
    var waitingBytes = 0
    /// The sequence of the next DELTA.
    var nextSequence: UInt64 = 1
}
