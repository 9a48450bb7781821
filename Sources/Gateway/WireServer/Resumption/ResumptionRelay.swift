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
    private let heard: (SharedResumptions.Wish) -> Void
    private var random = SystemRandomNumberGenerator()
    /// Of the list that is being written: another one begins where a piece is not there.
    private var list: UInt64 = 0
    private var position: UInt64 = 1
    private var pieces = 0
    private var bytes = 0
    private var rounds = 0
    /// Until it is tried again, where Redis did not take a piece.
    private var roundsOff = 0
    /// A piece is on its way.
    private var isWriting = false
    private var isOver = false

    /// - Parameters:
    ///   - maxBytes: written for one stream; one with more cannot be resumed elsewhere.
    ///   - heard: called with what another replica wants, whenever that is known.
    init(
        _ answer: ResumableAnswer, _ name: ResumptionName, _ shared: SharedResumptions, maxBytes: Int, on eventLoop: any EventLoop,
        heard: @escaping (SharedResumptions.Wish) -> Void
    ) {
        self.answer = answer
        self.name = SharedResumptions.Name(name)
        self.shared = shared
        self.maxBytes = maxBytes
        self.eventLoop = eventLoop
        self.heard = heard
        list = random.next()
        goOn()
    }

    /// It is read here again, or nobody may read it any more.
    func stop() {
        guard !isOver else { return }
        isOver = true
        shared.publish(ResumptionEntry.encode([.gone]), list: list, index: pieces + (isWriting ? 1 : 0), of: name) { _ in }
    }

    /// Writes what has come since the last time, a piece behind the other.
    ///
    /// - Parameter isSign: also where nothing has.
    func publish(isSign: Bool = false) {
        guard !isOver, !isWriting, let rest = answer.kept(from: position, maxBytes: Self.maxPieceBytes / 2) else { return }
        var entries: [ResumptionEntry] = []
        if pieces == 0, let head = rest.head { entries.append(.head(head)) }
        entries += rest.deltas.map { .delta($0) }
        let next = rest.deltas.last.map { $0.sequence + 1 } ?? position
        switch rest.ending {
        case .whole(let end): entries.append(.whole(end, next: next))
        case .failed(let error, _): entries.append(.failed(error))
        case nil: break
        }
        guard !entries.isEmpty || isSign else { return }
        let piece = ResumptionEntry.encode(entries)
        guard bytes + piece.readableBytes <= maxBytes else { return stop() }
        isWriting = true
        shared.publish(piece, list: list, index: pieces, of: name) { [self] isThere in
            isWriting = false
            guard !isOver else { return }
            guard isThere else { return beginAnew() }
            pieces += 1
            bytes += piece.readableBytes
            position = next
            answer.relayed(before: next)
            if rest.ending != nil { isOver = true } else { publish() }
        }
    }

    /// Redis did not take a piece, or has lost one: what is still here is written again, after some rounds.
    private func beginAnew() {
        list = random.next()
        (position, pieces, bytes) = (1, 0, 0)
        roundsOff = Self.roundsPerSign
    }

    private func goOn() {
        roundsOff = max(0, roundsOff - 1)
        if roundsOff == 0 { publish(isSign: rounds == 0) }
        rounds = (rounds + 1) % Self.roundsPerSign
        guard !isOver else { return }
        if rounds == 0 {
            shared.askForWish(name) { [weak self] wish in
                if let wish, let self, !isOver { heard(wish) }
            }
        }
        eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [weak self] in self?.goOn() }
    }
}

extension SharedResumptions.Name {
    init(_ name: ResumptionName) {
        self.init(id: name.id, tenant: name.tenant, owner: [name.key, name.user ?? ""])
    }
}
