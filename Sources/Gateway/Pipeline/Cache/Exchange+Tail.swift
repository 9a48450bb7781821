import EmbeddedStore
import GatewayCore
import NIOCore
import RedisStore

/// Streams from replica to replica: the one that fetches an answer writes what comes of it into Redis while another one watches, sealed, a piece every
/// ``Exchange/watchInterval``; each that watches tells it to its own callers.
extension Exchange {
    /// What the other replicas are told of a stream that is fetched here.
    struct Relay {
        /// Whether one watches.
        var isWatched = false
        /// Chunks and pieces so far.
        var chunks = 0
        var pieces = 0
        var bytes = 0
        /// Nothing more is told: all of it has been, or there was too much.
        var isOver = false
        /// Until it is asked again whether anybody watches.
        var rounds = 0
    }

    /// What has been heard of a stream that another replica fetches.
    struct Tail {
        /// Who fetches it.
        let holder: String
        var pieces = 0
        /// Questions in a row that Redis did not answer.
        var silences = 0
    }

    /// Rounds between two questions whether anybody watches.
    private static let roundsPerQuestion = 20
    /// Silences after which a stream that has begun is given up.
    private static let maxSilences = 40

    // MARK: the one that fetches

    func startRelay() {
        guard heldFlight != nil, flightLog != nil, leadsFlight, loop.sharedCache != nil else { return }
        relay = Relay()
        relayLater()
    }

    private func relayLater() {
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.watchInterval) { [self] in relayOn() }
    }

    private func relayOn() {
        guard !isOver, var relay, !relay.isOver, let answerName, let shared = loop.sharedCache else { return }
        guard relay.rounds == 0 || !relay.isWatched else {
            relay.rounds -= 1
            self.relay = relay
            publish()
            return relayLater()
        }
        shared.isWatched(answerName) { [self] isWatched in
            guard !isOver, self.relay?.isOver == false else { return }
            let wasWatched = self.relay?.isWatched == true
            // Without an answer it is as it was.
            let isWatched = isWatched ?? wasWatched
            self.relay?.isWatched = isWatched
            self.relay?.rounds = Self.roundsPerQuestion
            if isWatched { publish() }
            if wasWatched != isWatched { followersChanged(isWatched ? 1 : 0) }
            relayLater()
        }
    }

    /// Writes down what has come since the last piece.
    private func publish() {
        guard var relay, !relay.isOver, let shared = loop.sharedCache, let answerName,
            let (origin, rest) = flightLog?.read(nil, from: relay.chunks), !rest.chunks.isEmpty || rest.end != nil
        else { return }
        var piece = StoredAnswer(isStreamed: true, dialect: origin.dialect, model: origin.model, provider: origin.provider)
        relay.bytes += rest.chunks.reduce(0) { $0 + $1.readableBytes }
        // A piece with neither chunks nor an end says that there will be no more.
        if rest.end != .broken, relay.bytes <= shared.maxEntryBytes {
            for chunk in rest.chunks { piece.append(chunk) }
            if case .whole(let usage, let finishes) = rest.end { (piece.usage, piece.finishes) = (usage, finishes) }
        }
        shared.publish(piece, answerName, holder: holder, index: relay.pieces)
        relay.chunks += rest.chunks.count
        relay.pieces += 1
        relay.isOver = piece.isLast
        if relay.isOver { relay.isWatched = false }
        self.relay = relay
        if relay.isOver, piece.isGivenUp { followersChanged(0) }
    }

    /// The answer is whole: what is left of it is told before the lease is given back.
    func endRelay() {
        if relay?.isWatched == true { publish() }
    }

    // MARK: the one that watches

    /// Asks for what has come of the stream, for the answer, or for the lease of one that is fetched no more.
    func readTail(of name: AnswerName, _ shared: SharedCache) {
        shared.readTail(name, from: tail?.pieces ?? 0, asker: holder) { [self] found in
            guard isWatching else {
                if case .lead = found { giveFlightBack(name) }
                return
            }
            heard(found, of: name, shared)
        }
    }

    private var isWatching: Bool {
        if case .watching = state { return true }
        return tail != nil && !isOver && flightLog?.isOpen == true
    }

    private func heard(_ found: RedisTail.Found?, of name: AnswerName, _ shared: SharedCache) {
        guard let target else { return }
        switch found {
        case .answer(let value):
            guard let answer = shared.open(value, name) else { return stopWatching(target) }
            share(found: answer)
        case .lead:
            holdFlight()
            stopWatching(target)
        case .running(let holder, let pieces):
            tail?.silences = 0
            take(pieces, of: tail?.holder ?? holder, name, shared)
            if isWatching { readTailLater(of: name, shared) }
        case .over(let pieces):
            if let tail { take(pieces, of: tail.holder, name, shared) }
            flightLog?.finish(.broken)
            if case .replaying = state, replay.isEmpty { continueReplay() }
        case nil:
            guard tail != nil else { return stopWatching(target) }
            tail?.silences += 1
            if (tail?.silences ?? 0) > Self.maxSilences {
                flightLog?.finish(.broken)
                if replay.isEmpty { continueReplay() }
            } else {
                readTailLater(of: name, shared)
            }
        }
    }

    private func readTailLater(of name: AnswerName, _ shared: SharedCache) {
        guard tail != nil else { return watch(after: Self.watchInterval) }
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.watchInterval) { [self] in
            if isWatching { readTail(of: name, shared) }
        }
    }

    private func take(_ pieces: [RedisTail.Piece], of holder: String, _ name: AnswerName, _ shared: SharedCache) {
        guard let flightLog, !pieces.isEmpty else { return }
        var tail = tail ?? Tail(holder: holder)
        for piece in pieces where flightLog.isOpen {
            // Of an earlier stream, which this one's first piece takes away.
            if piece.holder != holder, tail.pieces == 0 { return }
            let answer = piece.holder == holder ? shared.open(piece, name, index: tail.pieces) : nil
            tail.pieces += 1
            guard let answer, !answer.isGivenUp else {
                flightLog.finish(.broken)
                break
            }
            let origin = FlightLog.Origin(dialect: answer.dialect, model: answer.model, provider: answer.provider)
            for chunk in answer.chunks { flightLog.append(chunk, origin: origin) }
            if answer.isLast { flightLog.finish(.whole(answer.usage, answer.finishes)) }
        }
        self.tail = tail
        if case .watching = state {
            if let origin = flightLog.read(nil, from: 0)?.origin { return tell(flightLog, of: origin, as: nil) }
            // Given up before anything of it was known here: it is fetched anew.
            guard !flightLog.isOpen, let target else { return }
            self.tail = nil
            stopWatching(target)
        } else if replay.isEmpty {
            continueReplay()
        }
    }
}

extension StoredAnswer {
    /// As a piece of a stream: nothing comes behind it.
    fileprivate var isLast: Bool { !finishes.isEmpty || ends.isEmpty }
    fileprivate var isGivenUp: Bool { finishes.isEmpty && ends.isEmpty }
}
