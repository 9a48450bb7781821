import GatewayCore
import NIOCore

/// The unstreamed answers of one connection that are written and that its client has not taken, counted in bytes. Confined to the connection's loop.
///
/// An HTTP/2 client may open many streams and give no window on any of them: every answer then stays here. HTTP/1.1 needs no such count, for
/// there the next request is not begun before its client has read. Bound: ``ShimLimits/maxUnreadAnswerBytes``, and the loop's in-flight budget; a
/// connection may always have one answer.
final class UnreadAnswers {
    private let backend: any ShimBackend
    private(set) var bytes = 0

    init(backend: any ShimBackend) {
        self.backend = backend
    }

    /// Counts an answer of `count` bytes until `written` is fulfilled; `false`: there is no room, and it must not be written.
    func add(_ count: Int, until written: EventLoopFuture<Void>) -> Bool {
        guard bytes == 0 || count <= ShimLimits.maxUnreadAnswerBytes - bytes, backend.reserveBytes(count) else { return false }
        bytes += count
        written.assumeIsolated().whenComplete { _ in
            self.bytes -= count
            self.backend.releaseBytes(count)
        }
        return true
    }
}

extension Fault {
    /// The client does not read what it has asked for before.
    static let tooMuchUnread = Fault(
        .answerTooLarge, origin: .downstream,
        message: "The answers that wait on this connection for the client to read them have no more room.")
}
