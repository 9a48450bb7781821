import DequeModule
import NIOConcurrencyHelpers
import NIOCore
import Wire

/// A streamed answer that can be read on when its connection is lost: what came of it, and who reads it now. Shared by event loops; guards itself.
///
/// One side writes it and one reads it at a time; another reader takes the place of the one before. Bounds: ``ResumableAnswers`` has them. What was
/// read is kept as long as there is room, for a reader that has lost it; where nobody reads, the writer is told to wait when there is none.
final class ResumableAnswer: Sendable {
    enum Ending: Sendable {
        case whole(End)
        /// - Parameter overtakes: it is told before what waits.
        case failed(ErrorBody, overtakes: Bool)
    }

    /// What the one that writes is told, on its loop. News of several loops can come in another order than they happened in: ``isRead`` says what holds.
    enum WriterNews: Sendable {
        /// There is room again.
        case room
        /// Who reads it, or whether anybody does, has changed.
        case reader
        /// Nobody wants it any more.
        case abandoned
    }

    /// What the one that reads is told, on its loop.
    enum ReaderNews: Sendable {
        case more
        /// Somebody else reads it now, or nobody may.
        case displaced
    }

    /// What has not been read yet.
    struct Rest {
        /// `nil`: it failed before it began.
        var head: Begin?
        var deltas: [Delta] = []
        /// Behind the deltas; `nil`: more may come.
        var ending: Ending?
    }

    private struct Reader {
        let number: Int
        let eventLoop: any EventLoop
        let notify: @Sendable (ReaderNews) -> Void
        /// The sequence of the next delta that it reads.
        var position: UInt64
        /// It was told that there is something to read, and has not read since.
        var isTold = false
    }

    private typealias Writer = (eventLoop: any EventLoop, notify: @Sendable (WriterNews) -> Void)

    private struct State {
        var writer: Writer?
        var head: Begin?
        var deltas = Deque<Delta>()
        /// Sequences of the first delta that is kept, and of the one that comes next.
        var first: UInt64 = 1
        var next: UInt64 = 1
        var bytes = 0
        /// Of the deltas that the reader has not read.
        var unread = 0
        /// What comes before it is in the shared store.
        var relayed: UInt64 = 1
        var ending: Ending?
        var reader: Reader?
        var readers = 0
        var isFull = false
        /// The ending was read.
        var isTold = false
        var isClosed = false

        /// Drops the oldest deltas that were read, or that another process can read, as long as there are too many, and judges whether there is room.
        mutating func makeRoom(maxBytes: Int, _ room: ResumptionRoom) {
            let position = reader?.position ?? relayed
            while first < position, bytes > maxBytes || room.isFull, let delta = deltas.popFirst() {
                first += 1
                bytes -= delta.cost
                room.give(back: delta.cost)
            }
            isFull = reader == nil ? bytes >= maxBytes || (room.isFull && bytes > 0) : unread > ResumableAnswer.window
        }
    }

    /// Bytes that wait for a reader before the writer does.
    fileprivate static let window = 64 << 10

    private let state = NIOLockedValueBox(State())
    private let maxBytes: Int
    private let room: ResumptionRoom

    /// - Parameters:
    ///   - maxBytes: of the deltas that are kept.
    ///   - room: for those of all answers.
    init(maxBytes: Int, room: ResumptionRoom) {
        self.maxBytes = maxBytes
        self.room = room
    }

    deinit {
        room.give(back: state.withLockedValue { $0.bytes })
    }

    // MARK: the one that writes

    func write(on eventLoop: any EventLoop, notify: @escaping @Sendable (WriterNews) -> Void) {
        state.withLockedValue { $0.writer = (eventLoop, notify) }
    }

    func begin(_ head: Begin) {
        tell { $0.head = head }
    }

    /// - Returns: whether there is room for more; if not, the writer is told when there is.
    func append(_ delta: Delta) -> Bool {
        var delta = delta
        let cost = delta.cost
        room.take(cost)
        return tell { state in
            delta.sequence = state.next
            state.next += 1
            state.deltas.append(delta)
            state.bytes += cost
            state.unread += cost
            state.makeRoom(maxBytes: maxBytes, room)
            return !state.isFull
        }
    }

    func end(_ ending: Ending) {
        tell(isUrgent: ending.overtakes) { if $0.ending == nil { $0.ending = ending } }
    }

    /// Whether it ended with what is told before everything else.
    var isOvertaken: Bool { state.withLockedValue { $0.ending?.overtakes == true } }

    /// Whether more may be appended.
    var hasRoom: Bool { state.withLockedValue { !$0.isFull } }

    /// Whether anybody reads it now.
    var isRead: Bool { state.withLockedValue { $0.reader != nil } }

    /// Whether nobody reads it, and it has not ended.
    var isOrphan: Bool { state.withLockedValue { $0.reader == nil && $0.ending == nil && !$0.isClosed } }

    /// Whether there is nobody who has still to hear its end.
    var isTold: Bool { state.withLockedValue { $0.isTold || $0.reader == nil } }

    var hasBegun: Bool { state.withLockedValue { $0.head != nil } }

    /// What is kept from `sequence` on, up to about `maxBytes`, for another process.
    func kept(from sequence: UInt64, maxBytes: Int) -> Rest? {
        state.withLockedValue { state in
            guard let head = state.head, !state.isClosed else { return nil }
            var rest = Rest(head: head)
            var bytes = 0
            var position = max(sequence, state.first)
            while bytes < maxBytes, position < state.next {
                let delta = state.deltas[Int(position - state.first)]
                rest.deltas.append(delta)
                bytes += delta.cost
                position += 1
            }
            if position == state.next { rest.ending = state.ending }
            return rest
        }
    }

    /// Another process can read what comes before `sequence`.
    func relayed(before sequence: UInt64) {
        let news = state.withLockedValue { state -> Writer? in
            state.relayed = max(state.relayed, min(sequence, state.next))
            let wasFull = state.isFull
            state.makeRoom(maxBytes: maxBytes, room)
            return wasFull && !state.isFull ? state.writer : nil
        }
        if let news { news.eventLoop.execute { news.notify(.room) } }
    }

    /// It is told to nobody any more.
    func close() {
        let (reader, bytes) = state.withLockedValue { state in
            let bytes = state.bytes
            defer {
                state.isClosed = true
                state.writer = nil
                state.reader = nil
                state.deltas = []
                state.bytes = 0
                state.first = state.next
            }
            return (state.reader, bytes)
        }
        room.give(back: bytes)
        if let reader { reader.eventLoop.execute { reader.notify(.displaced) } }
    }

    @discardableResult
    private func tell<Answer>(isUrgent: Bool = false, _ change: (inout State) -> Answer) -> Answer {
        let (answer, reader) = state.withLockedValue { state -> (Answer, Reader?) in
            let answer = change(&state)
            guard let reader = state.reader, isUrgent || !reader.isTold else { return (answer, nil) }
            state.reader?.isTold = true
            return (answer, reader)
        }
        guard let reader else { return answer }
        if reader.eventLoop.inEventLoop {
            reader.notify(.more)
        } else {
            reader.eventLoop.execute { reader.notify(.more) }
        }
        return answer
    }

    // MARK: the one that reads

    /// Takes the place of who reads it.
    ///
    /// - Parameters:
    ///   - sequence: the last delta that the reader has.
    ///   - notify: called on the loop: once whenever there is something to read; not for what is there already.
    /// - Returns: who it is to ``read(_:maxBytes:)``; `nil`: what follows is not here any more, or never was.
    func attach(behind sequence: UInt64, on eventLoop: any EventLoop, notify: @escaping @Sendable (ReaderNews) -> Void) -> Int? {
        let attached = state.withLockedValue { state -> (number: Int, former: Reader?, writer: Writer?)? in
            guard !state.isClosed, sequence >= state.first - 1, sequence < state.next else { return nil }
            let former = state.reader
            state.readers += 1
            state.reader = Reader(number: state.readers, eventLoop: eventLoop, notify: notify, position: sequence + 1)
            state.unread = state.deltas.dropFirst(Int(sequence + 1 - state.first)).reduce(0) { $0 + $1.cost }
            state.isTold = false
            state.isFull = state.unread > Self.window
            return (state.readers, former, state.writer)
        }
        guard let attached else { return nil }
        if let former = attached.former { former.eventLoop.execute { former.notify(.displaced) } }
        if let writer = attached.writer, attached.number > 1 { writer.eventLoop.execute { writer.notify(.reader) } }
        return attached.number
    }

    /// What came since the last time, up to about `maxBytes`.
    ///
    /// - Returns: `nil`: nothing has begun yet, or somebody else reads.
    func read(_ number: Int, maxBytes: Int) -> Rest? {
        var news: Writer?
        let rest = state.withLockedValue { state -> Rest? in
            guard var reader = state.reader, reader.number == number else { return nil }
            reader.isTold = false
            defer { state.reader = reader }
            guard state.head != nil || state.ending != nil else { return nil }
            var rest = Rest(head: state.head)
            var bytes = 0
            while bytes < maxBytes, reader.position < state.next {
                let delta = state.deltas[Int(reader.position - state.first)]
                rest.deltas.append(delta)
                bytes += delta.cost
                reader.position += 1
            }
            state.unread -= bytes
            if reader.position == state.next || state.ending?.overtakes == true { rest.ending = state.ending }
            if rest.ending != nil { state.isTold = true }
            if state.isFull, state.unread <= Self.window / 2 {
                state.isFull = false
                news = state.writer
            }
            return rest
        }
        if let news { news.eventLoop.execute { news.notify(.room) } }
        return rest
    }

    /// The reader's connection is lost.
    func detach(_ number: Int) {
        tellWriter(.reader) { state in
            guard state.reader?.number == number else { return false }
            state.reader = nil
            state.makeRoom(maxBytes: maxBytes, room)
            return true
        }
    }

    /// The reader wants nothing more of it.
    func abandon(_ number: Int) {
        tellWriter(.abandoned) { state in
            guard state.reader?.number == number else { return false }
            state.reader = nil
            return true
        }
    }

    private func tellWriter(_ news: WriterNews, if change: (inout State) -> Bool) {
        let writer = state.withLockedValue { state in change(&state) ? state.writer : nil }
        if let writer { writer.eventLoop.execute { writer.notify(news) } }
    }
}

extension ResumableAnswer.Ending {
    fileprivate var overtakes: Bool {
        if case .failed(_, let overtakes) = self { overtakes } else { false }
    }
}

extension Delta {
    /// About what it takes in memory.
    fileprivate var cost: Int { data.readableBytes + id.count + name.count + 160 }
}
