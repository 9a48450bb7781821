import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

/// One stream of a connection that tells an answer which another replica has, by way of the shared store. Confined to the connection's event loop.
final class RemoteReader: StreamWork {
    /// How often the store is asked.
    private static let interval = TimeAmount.milliseconds(50)
    /// How long the other replica has to notice that it lost the connection, or to be there at all.
    private static let patience = TimeAmount.seconds(3)
    /// How long nothing may come, not even a sign, of one that has begun: five times as long as signs take.
    private static let silence = TimeAmount.seconds(5)

    private let name: SharedResumptions.Name
    private let shared: SharedResumptions
    private let stream: StreamID
    private let handler: WireServerHandler
    private let eventLoop: any EventLoop
    private let ended: () -> Void
    /// The next delta that the client is to have.
    private var position: UInt64
    private var pieces = 0
    private var hasBegun = false
    private var isOver = false
    private var isAsking = false
    private var heardAt: NIODeadline

    init(
        _ name: ResumptionName, behind last: UInt64, _ shared: SharedResumptions, on stream: StreamID, _ handler: WireServerHandler,
        eventLoop: any EventLoop, ended: @escaping () -> Void
    ) {
        self.name = SharedResumptions.Name(name)
        self.shared = shared
        self.stream = stream
        self.handler = handler
        self.eventLoop = eventLoop
        self.ended = ended
        position = last < .max ? last + 1 : .max
        heardAt = eventLoop.now
    }

    func ask() {
        guard !isOver, !isAsking else { return }
        isAsking = true
        shared.read(name, from: pieces) { [self] found in
            isAsking = false
            guard !isOver else { return }
            for piece in found ?? [] where !isOver { take(piece) }
            if !isOver { goOn() }
        }
    }

    private func goOn() {
        guard eventLoop.now - heardAt < (hasBegun ? Self.silence : Self.patience) else {
            return fail(hasBegun ? .replicaIsGone : .notThere)
        }
        // Until it is, `resume` is waited for.
        guard !hasBegun || handler.perform({ $0.isWritable(stream) }) else { return }
        eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [self] in ask() }
    }

    private func take(_ piece: ByteBuffer) {
        heardAt = eventLoop.now
        guard let opened = shared.open(piece, index: pieces, of: name), let entries = ResumptionEntry.decode(opened) else {
            return fail(hasBegun ? .replicaIsGone : .notThere)
        }
        pieces += 1
        for entry in entries where !isOver { tell(entry) }
    }

    private func tell(_ entry: ResumptionEntry) {
        switch entry {
        case .head(let head): begin(head)
        case .delta(let delta):
            guard hasBegun, delta.sequence <= position else { return fail(.notThere) }
            guard delta.sequence == position else { return }
            handler.perform { _ = $0.sendDelta(delta, on: stream) }
            position += 1
        case .whole(let end):
            handler.perform { $0.sendEnd(end, on: stream) }
            finish()
        case .failed(let error): fail(error)
        case .gone: fail(.notThere)
        }
    }

    private func begin(_ head: Begin) {
        // A second one is of a later loss: who reads it begins anew.
        guard !hasBegun else { return fail(.notThere) }
        hasBegun = true
        let first = position
        handler.perform { $0.sendBegin(head, on: stream, firstSequence: first) }
    }

    private func fail(_ error: ErrorBody) {
        handler.perform { $0.sendError(error, on: stream) }
        finish()
    }

    private func finish() {
        isOver = true
        ended()
    }

    // MARK: StreamWork

    func resume() {
        // What came while the client did not read was no silence.
        heardAt = eventLoop.now
        ask()
    }

    func cancel() { isOver = true }

    func connectionLost() { isOver = true }
}

extension ErrorBody {
    static let notThere = ErrorBody(
        code: .resumeUnavailable, message: "the answer cannot be resumed: it is unknown here, over, or was not kept from that place on")

    fileprivate static let replicaIsGone = ErrorBody(
        code: .streamBroken, message: "the replica that had the answer is gone", retryable: true)
}
