import DequeModule
import GatewayCore
import NIOCore

/// Where texts are scrubbed that would hold up their event loop: one request at a time, a slice at a time, so that the loop's other requests
/// go on in between, however many long ones there are. Confined to the loop.
///
/// Bound: the requests under way, each of which waits to its deadline at most and leaves when it ends.
final class SliceLane {
    private let eventLoop: any EventLoop
    private var waiting: Deque<Exchange> = []
    private var isScheduled = false
    /// Of the request whose body is being scrubbed; the memory of large bodies is not kept.
    private var workspace = RequestWorkspace()

    /// An event loop looks at its connections only when no task is due, so the next slice is due a little later.
    private static let pause = TimeAmount.microseconds(50)

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Takes slices of the exchange, until it says that there are no more, behind those that wait already.
    func add(_ exchange: Exchange) {
        waiting.append(exchange)
        schedule()
    }

    func remove(_ exchange: Exchange) {
        waiting.removeAll { $0 === exchange }
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { [self] in
            isScheduled = false
            takeSlice()
        }
    }

    private func takeSlice() {
        guard let exchange = waiting.first else {
            workspace = RequestWorkspace()
            return
        }
        if exchange.takeSlice(&workspace) {
            // One that ended has left by itself.
            if waiting.first === exchange { waiting.removeFirst() }
            exchange.slicesEnded()
        }
        schedule()
    }
}
