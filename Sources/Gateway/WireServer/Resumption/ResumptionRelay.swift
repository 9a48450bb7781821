import GatewayPipeline
import NIOCore
import Wire

/// Writes what comes of a stream without a connection into the shared store, from the loss on, for a replica that resumes it. Confined to the
/// request's event loop.
final class ResumptionRelay {
    /// How often what came meanwhile is written.
    private static let interval = TimeAmount.milliseconds(50)
    /// Rounds between two pieces where nothing comes: who reads knows that the stream goes on. And between two questions whether anybody does.
    private static let roundsPerSign = 20
    /// Bytes of one piece, about; a delta is shorter.
    static let maxPieceBytes = 256 << 10

    private let answer: ResumableAnswer
    private let name: SharedResumptions.Name
    private let shared: SharedResumptions
    private let eventLoop: any EventLoop
    private let maxBytes: Int
    private let watched: () -> Void
    private var position: UInt64 = 1
    private var pieces = 0
    private var bytes = 0
    private var rounds = 0
    private var isOver = false

    /// - Parameters:
    ///   - maxBytes: written for one stream; one with more cannot be resumed elsewhere.
    ///   - watched: called whenever it is known that another replica reads.
    init(
        _ answer: ResumableAnswer, _ name: ResumptionName, _ shared: SharedResumptions, maxBytes: Int, on eventLoop: any EventLoop,
        watched: @escaping () -> Void
    ) {
        self.answer = answer
        self.name = SharedResumptions.Name(name)
        self.shared = shared
        self.maxBytes = maxBytes
        self.eventLoop = eventLoop
        self.watched = watched
        goOn()
    }

    /// It is read here again, or nobody may read it any more.
    func stop() {
        guard !isOver else { return }
        write([.gone])
        isOver = true
    }

    /// Writes what has come since the last time.
    func publish() {
        guard !isOver, let rest = answer.relay(from: position) else { return }
        var entries: [ResumptionEntry] = []
        if pieces == 0, let head = rest.head { entries.append(.head(head)) }
        var size = 0
        for delta in rest.deltas {
            entries.append(.delta(delta))
            position = delta.sequence + 1
            size += delta.data.readableBytes
            guard size >= Self.maxPieceBytes / 2 else { continue }
            write(entries)
            (entries, size) = ([], 0)
        }
        switch rest.ending {
        case .whole(let end): entries.append(.whole(end))
        case .failed(let error, _): entries.append(.failed(error))
        case nil: break
        }
        if !entries.isEmpty || rounds == 0 { write(entries) }
        if rest.ending != nil { isOver = true }
    }

    private func write(_ entries: [ResumptionEntry]) {
        guard !isOver else { return }
        var piece = ResumptionEntry.encode(entries)
        bytes += piece.readableBytes
        if bytes > maxBytes {
            piece = ResumptionEntry.encode([.gone])
            isOver = true
        }
        shared.publish(piece, index: pieces, of: name)
        pieces += 1
    }

    private func goOn() {
        publish()
        rounds = (rounds + 1) % Self.roundsPerSign
        if rounds == 0 { ask() }
        guard !isOver else { return }
        eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [weak self] in self?.goOn() }
    }

    private func ask() {
        shared.isWatched(name) { [weak self] isWatched in
            if isWatched == true, let self, !isOver { watched() }
        }
    }
}

extension SharedResumptions.Name {
    init(_ name: ResumptionName) {
        self.init(id: name.id, tenant: name.tenant, owner: [name.key, name.user ?? ""])
    }
}
