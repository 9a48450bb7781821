import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

/// One stream of a connection that tells an answer which another replica has, by way of the shared store. Confined to the connection's event loop. It holds
/// a place of the in-flight budget from when the answer was found until it is over.
final class RemoteReader: StreamWork {
    /// How often the store is asked at first, and once the stream is there; and at most, as long as it is not.
    private static let interval = TimeAmount.milliseconds(50)
    private static let longestInterval = TimeAmount.milliseconds(500)
    /// How long the other replica has to notice that it lost the connection, or to be there at all.
    private static let patience = TimeAmount.seconds(3)
    /// How long nothing may come, not even a sign, of one that has begun: five times as long as signs take.
    private static let silence = TimeAmount.seconds(5)
    /// After this long the list may be another one, which is read from its beginning.
    private static let doubt = TimeAmount.seconds(2)

    private let name: SharedResumptions.Name
    private let shared: SharedResumptions
    private let stream: StreamID
    private let handler: WireServerHandler
    private let loop: GatewayLoop
    private let ended: () -> Void
    /// The next delta that the client is to have.
    private var position: UInt64
    private var list: UInt64?
    private var pieces = 0
    /// What was read before the list was doubted: it is no news. `nil`: nothing is doubted.
    private var doubted: (list: UInt64?, pieces: Int)?
    /// The list that says that its answer is told elsewhere, and since when. That may be for an older question of the same client, whose connection is lost
    /// already: then another list follows soon.
    private var gone: (list: UInt64, since: NIODeadline)?
    private var hasBegun = false
    private var holdsPlace = false
    private var isOver = false
    private var isAsking = false
    private var heardAt: NIODeadline
    private var pause = RemoteReader.interval
    private var timer: Scheduled<Void>?

    init(
        _ name: ResumptionName, behind last: UInt64, _ shared: SharedResumptions, on stream: StreamID, _ handler: WireServerHandler,
        loop: GatewayLoop, ended: @escaping () -> Void
    ) {
        self.name = SharedResumptions.Name(name)
        self.shared = shared
        self.stream = stream
        self.handler = handler
        self.loop = loop
        self.ended = ended
        position = last < .max ? last + 1 : .max
        heardAt = loop.eventLoop.now
    }

    func ask() {
        timer?.cancel()
        timer = nil
        guard !isOver, !isAsking else { return }
        isAsking = true
        shared.read(name, from: pieces) { [self] found in
            isAsking = false
            guard !isOver else { return }
            take(found ?? [])
            if !isOver { goOn() }
        }
    }

    private func goOn() {
        let silent = loop.eventLoop.now - heardAt
        if let gone, loop.eventLoop.now - gone.since >= Self.patience { return fail(.notThere) }
        guard silent < (hasBegun ? Self.silence : Self.patience) else { return fail(hasBegun ? .replicaIsGone : .notThere) }
        if hasBegun, silent >= Self.doubt, doubted == nil {
            doubted = (list, pieces)
            (list, pieces) = (nil, 0)
        }
        // Until it is, `resume` is waited for.
        guard !hasBegun || handler.perform({ $0.isWritable(stream) }) else { return }
        pause = hasBegun ? Self.interval : min(pause + .nanoseconds(pause.nanoseconds / 2), Self.longestInterval)
        if gone != nil { pause = Self.longestInterval }
        timer = loop.eventLoop.assumeIsolated().scheduleTask(in: pause) { [self] in ask() }
    }

    private func take(_ found: [SharedResumptions.Piece]) {
        for piece in found where !isOver {
            // The writing began anew: so does the reading, and passes over what the client has.
            guard list ?? piece.list == piece.list else {
                (list, pieces) = (nil, 0)
                return
            }
            guard let opened = shared.open(piece, index: pieces, of: name), let entries = ResumptionEntry.decode(opened) else {
                return fail(hasBegun ? .replicaIsGone : .notThere)
            }
            if let doubted, doubted.list == piece.list, pieces < doubted.pieces {
                // Once more.
            } else {
                heardAt = loop.eventLoop.now
                doubted = nil
            }
            list = piece.list
            pieces += 1
            if let gone, gone.list != piece.list { self.gone = nil }
            for entry in entries where !isOver {
                if case .gone = entry {
                    gone = gone ?? (piece.list, loop.eventLoop.now)
                    (list, pieces) = (nil, 0)
                    return
                }
                tell(entry)
            }
        }
    }

    private func tell(_ entry: ResumptionEntry) {
        switch entry {
        case .head(let head): begin(head)
        case .delta(let delta):
            guard hasBegun, delta.sequence <= position else { return fail(hasBegun ? .notKept : .notThere) }
            guard delta.sequence == position else { return }
            handler.perform { _ = $0.sendDelta(delta, on: stream) }
            position += 1
        case .whole(let end, let next):
            guard hasBegun, next == position else { return fail(hasBegun ? .notKept : .notThere) }
            handler.perform { $0.sendEnd(end, on: stream) }
            finish()
        case .failed(let error): fail(error)
        // Ends what is read of this list.
        case .gone: break
        }
    }

    private func begin(_ head: Begin) {
        guard !hasBegun else { return }
        guard loop.openPlace() else { return fail(ErrorBody(.overloaded, requestID: nil)) }
        holdsPlace = true
        hasBegun = true
        let first = position
        handler.perform { $0.sendBegin(head, on: stream, firstSequence: first) }
    }

    private func fail(_ error: ErrorBody) {
        handler.perform { $0.sendError(error, on: stream) }
        finish()
    }

    private func finish() {
        leave()
        ended()
    }

    private func leave() {
        guard !isOver else { return }
        isOver = true
        if holdsPlace { loop.closePlace() }
        timer?.cancel()
        timer = nil
    }

    // MARK: StreamWork

    func resume() {
        guard !isAsking, timer == nil else { return }
        // What came while the client did not read was no silence.
        heardAt = loop.eventLoop.now
        ask()
    }

    /// Who could open a piece may end the answer.
    func cancel() {
        leave()
        if hasBegun { shared.cancel(name) }
    }

    func connectionLost() { leave() }
}

extension ErrorBody {
    static let notThere = ErrorBody(
        code: .resumeUnavailable, message: "the answer cannot be resumed: it is unknown here, over, or was not kept from that place on")

    /// What lies between was lost with the replica that had it: the answer has begun again, and cannot go on.
    fileprivate static let notKept = ErrorBody(
        code: .streamBroken, message: "the answer was not kept from that place on", retryable: true)

    fileprivate static let replicaIsGone = ErrorBody(
        code: .streamBroken, message: "the replica that had the answer is gone", retryable: true)
}
