import DequeModule
import NIOCore
import NIOHTTP1

/// One request on its way, in the hands of whoever sent it. Confined to the pool's event loop. The call goes on whether or not it is kept.
package final class UpstreamCall {
    /// `body` is let go once the request cannot be sent again.
    private(set) var request: UpstreamRequest
    /// `nil` once the call is over: ended, failed or cancelled.
    private var receiver: (any UpstreamReceiver)?
    private let pool: EndpointPool
    /// Set while the exchange is on the wire.
    private var connection: UpstreamConnection?
    /// When a call that still waits for a connection gives up.
    let queueDeadline: NIODeadline
    private(set) var hasRetried = false
    /// Whether the request went out on a connection, so that the upstream may be working on it; not while the call waits for one.
    package private(set) var wasSent = false
    /// Whether the upstream may be working on the request: it was sent, and, where that can be told, is not still on its way after so long.
    package var mayBeWorkedOn: Bool { wasSent && connection?.mayHaveArrived != false }

    private(set) var isPaused = false
    /// What came while the call was paused, in order.
    private var held: Deque<HeldEvent> = []
    private(set) var heldBytes = 0
    private var isReleasingHeld = false

    private enum HeldEvent {
        case head(status: Int, headers: HTTPHeaders)
        case body(ByteBuffer)
        case ended
        case failed(UpstreamFailure)
    }

    init(request: UpstreamRequest, receiver: any UpstreamReceiver, pool: EndpointPool, queueDeadline: NIODeadline) {
        self.request = request
        self.receiver = receiver
        self.pool = pool
        self.queueDeadline = queueDeadline
    }

    /// Whether the call has ended, failed or been cancelled.
    package var isOver: Bool { receiver == nil }

    /// Gives the answer up. The connection is closed at once, which is the only way to stop an HTTP/1.1 server; a call that still waits
    /// for a connection leaves the queue. Nothing is delivered afterwards. Does nothing when the call is over.
    package func cancel() {
        guard receiver != nil else { return }
        finish()
        if let connection {
            self.connection = nil
            connection.abandon()
        } else {
            pool.removeWaiter(self)
        }
    }

    /// Stops delivery and reading: once the socket's buffers are full the upstream has to wait. Nothing is delivered until
    /// `resumeReading`. The idle timeout stands still meanwhile, so whoever pauses bounds the pause.
    package func pauseReading() {
        guard receiver != nil, !isPaused else { return }
        isPaused = true
        connection?.pauseReading()
    }

    /// Delivers what was held back, from inside this method, and reads on.
    package func resumeReading() {
        guard receiver != nil, isPaused else { return }
        isPaused = false
        releaseHeld()
        if !isPaused {
            connection?.resumeReading()
        }
    }

    // MARK: For the connection and the pool

    func attach(to connection: UpstreamConnection) {
        self.connection = connection
        wasSent = true
        if isPaused {
            connection.pauseReading()
        }
    }

    /// The exchange is over on the wire; what follows comes from the held events alone.
    func detach() {
        connection = nil
    }

    /// The connection proved stale; the request goes out once more.
    func prepareRetry() {
        connection = nil
        hasRetried = true
        wasSent = false
    }

    func headReceived(status: Int, headers: HTTPHeaders) {
        request.body = ByteBuffer()
        if isHolding {
            held.append(.head(status: status, headers: headers))
        } else {
            receiver?.upstreamHeadReceived(status: status, headers: headers)
        }
    }

    func bodyReceived(_ bytes: ByteBuffer) {
        if isHolding {
            heldBytes += bytes.readableBytes
            held.append(.body(bytes))
        } else {
            receiver?.upstreamBodyReceived(bytes)
        }
    }

    func ended() {
        if isHolding {
            held.append(.ended)
        } else {
            let receiver = finish()
            receiver?.upstreamEnded()
        }
    }

    func failed(_ failure: UpstreamFailure) {
        if isHolding {
            held.append(.failed(failure))
        } else {
            let receiver = finish()
            receiver?.upstreamFailed(failure)
        }
    }

    private var isHolding: Bool { isPaused || !held.isEmpty }

    private func releaseHeld() {
        // A receiver may resume from inside a delivery; the loop that is already running goes on then.
        guard !isReleasingHeld else { return }
        isReleasingHeld = true
        defer { isReleasingHeld = false }
        while !isPaused, receiver != nil, let event = held.popFirst() {
            switch event {
            case .head(let status, let headers):
                receiver?.upstreamHeadReceived(status: status, headers: headers)
            case .body(let bytes):
                heldBytes -= bytes.readableBytes
                receiver?.upstreamBodyReceived(bytes)
            case .ended:
                let receiver = finish()
                receiver?.upstreamEnded()
            case .failed(let failure):
                let receiver = finish()
                receiver?.upstreamFailed(failure)
            }
        }
    }

    @discardableResult
    private func finish() -> (any UpstreamReceiver)? {
        let receiver = self.receiver
        self.receiver = nil
        held.removeAll()
        heldBytes = 0
        request.body = ByteBuffer()
        return receiver
    }
}
