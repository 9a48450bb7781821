/// A stream as the client sees it, from its REQUEST until END, ERROR or its own CANCEL.
struct ClientStream {
    enum State {
        /// Nothing of the answer has come.
        case requested
        case begun
        case streaming
        /// Fragments of a RESULT have come, the last has not.
        case assembling(MessageAssembly)
        case resulted
    }

    var state = State.requested
    /// The server's credit for the answer.
    var window: ReceiveWindow
    /// What the next DELTA's sequence must be.
    var nextSequence: UInt64
}
