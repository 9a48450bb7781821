import DequeModule
import NIOCore

/// Everything that one side has to send: encoded bytes for the socket, and behind them, per stream, what waits for credit.
///
/// Control frames go out at once. Frames that take credit go out while their stream and the connection have credit and the
/// socket keeps up; otherwise they wait in their stream's queue, in order. Streams that wait for the connection's credit or
/// the socket take turns, one frame each.
struct Outbox {
    /// What waits in a stream's queue.
    private enum Item {
        case payload(FrameType, ByteBuffer, isLast: Bool)
        /// A message behind its length, of which the readable bytes are still to be cut into frames.
        case message(FrameType, ByteBuffer, isLast: Bool)
    }

    private struct Stream {
        var window: SendWindow
        var queue = Deque<Item>()
        /// Bytes of deltas in the queue.
        var queuedBytes = 0
        var isInRing = false
        var hasSent = false
        /// Since when the queue has not been empty and nothing came out of it.
        var waitingSince: NIODeadline?

        /// Uses credit that was checked to be there.
        mutating func take(_ cost: Int) {
            window.take(cost)
            hasSent = true
        }
    }

    /// What became of something that takes credit.
    enum Outcome: Equatable {
        case sent
        case queued
        /// It does not fit into the stream's queue; nothing was taken.
        case full
        /// There is no such stream.
        case gone
    }

    private let maxOutboundBytes: Int
    private let maxQueuedBytesPerStream: Int
    private let compression: LZ4Compressor?
    private let compressionThreshold: Int
    private var bytes = ByteBuffer()
    /// `bytes` was handed to the socket: its content is not ours any more, its memory may be.
    private var isTaken = false
    private var streams = StreamTable<Stream>()
    private var ring = Deque<StreamID>()

    private(set) var connectionWindow: SendWindow
    /// The longest payload of a frame that takes credit, by the peer's limits.
    private(set) var maxDataPayload: Int
    private var initialStreamCredit: Int
    /// The time of the latest call that told it.
    var now: NIODeadline
    /// A time before which no stream began to wait; `nil`: none waits.
    private(set) var earliestWait: NIODeadline?
    /// Frames of these types are compressed where that makes them shorter.
    var compressedTypes: Set<FrameType> = []

    /// Streams whose queue became empty, in this order, since this was last emptied.
    var drained = Deque<StreamID>()
    /// Streams whose last frame came out of a queue, in this order, since this was last emptied.
    var finished = Deque<StreamID>()
    /// Frames that took credit and were sent, since this was last set to 0.
    var dataFramesSent = 0

    /// Memory of a taken buffer up to this is kept for the next one; an idle connection holds no more.
    private static let keptCapacity = 4096
    /// Bytes of deltas that may wait in a queue before no more should be produced for it.
    private static let backlog = 4096

    /// - Parameters:
    ///   - peerLimits: resolved limits of the peer.
    ///   - maxOutboundBytes: bytes that may stand encoded; what takes credit then waits in the queues.
    ///   - maxQueuedBytesPerStream: DELTA bytes that may wait in one queue.
    init(
        peerLimits: Limits, maxOutboundBytes: Int, maxQueuedBytesPerStream: Int, compression: LZ4Compressor?,
        compressionThreshold: Int, now: NIODeadline
    ) {
        self.maxOutboundBytes = maxOutboundBytes
        self.maxQueuedBytesPerStream = maxQueuedBytesPerStream
        self.compression = compression
        self.compressionThreshold = compressionThreshold
        connectionWindow = SendWindow(initial: Int(peerLimits.initialConnectionCredit))
        maxDataPayload = peerLimits.maxDataPayload
        initialStreamCredit = Int(peerLimits.initialStreamCredit)
        self.now = now
    }

    // MARK: - The socket's side

    /// Encoded bytes that were not taken yet.
    var outboundBytes: Int { isTaken ? 0 : bytes.readableBytes }

    /// Everything encoded so far; then refills from the queues, so that it is to be called until it returns `nil` or the socket
    /// does not keep up.
    mutating func take() -> ByteBuffer? {
        guard outboundBytes > 0 else { return nil }
        let taken = bytes
        if bytes.capacity > Self.keptCapacity {
            bytes = ByteBuffer()
        } else {
            isTaken = true
        }
        sendQueued()
        return taken
    }

    private mutating func makeRoom() {
        guard isTaken else { return }
        isTaken = false
        bytes.clear()
    }

    // MARK: - Frames without credit

    /// Appends a control frame whose payload `encode` writes, unless it is longer than control frames may be.
    ///
    /// - Returns: whether it was appended.
    @discardableResult
    mutating func writeControl(_ type: FrameType, on stream: StreamID, encode: (inout ByteBuffer) -> Void) -> Bool {
        makeRoom()
        let start = bytes.writerIndex
        bytes.writeRepeatingByte(0, count: FrameHeader.byteCount)
        encode(&bytes)
        let length = bytes.writerIndex - start - FrameHeader.byteCount
        guard length <= FrameRules.controlPayloadLimit else {
            bytes.moveWriterIndex(to: start)
            return false
        }
        bytes.setFrameHeader(FrameHeader(length: length, type: type, stream: stream), at: start)
        return true
    }

    // MARK: - Streams

    /// The peer's limits became known, before the first stream.
    mutating func setPeerLimits(_ limits: Limits) {
        connectionWindow = SendWindow(initial: Int(limits.initialConnectionCredit))
        maxDataPayload = limits.maxDataPayload
        initialStreamCredit = Int(limits.initialStreamCredit)
    }

    /// The peer's limits became known, and no credit is lower than what held before.
    mutating func raise(to limits: Limits, from former: Limits) throws(ConnectionBreach) {
        let streamRise = limits.initialStreamCredit - former.initialStreamCredit
        let connectionRise = limits.initialConnectionCredit - former.initialConnectionCredit
        maxDataPayload = limits.maxDataPayload
        initialStreamCredit = Int(limits.initialStreamCredit)
        if streamRise > 0 {
            try streams.updateAll { (stream) throws(ConnectionBreach) in try stream.window.grant(streamRise) }
        }
        if connectionRise > 0 { try connectionWindow.grant(connectionRise) }
        for id in streams.ids { enterRing(id) }
        sendQueued()
    }

    mutating func open(_ id: StreamID) {
        streams.insert(Stream(window: SendWindow(initial: initialStreamCredit)), for: id)
    }

    /// Forgets a stream and what waits in its queue.
    mutating func close(_ id: StreamID) {
        guard let stream = streams.remove(id), stream.isInRing else { return }
        ring.removeAll { $0 == id }
    }

    mutating func closeAll() {
        streams.removeAll()
        ring.removeAll()
    }

    /// The stream's last frame is not out.
    func isOpen(_ id: StreamID) -> Bool {
        streams.contains(id)
    }

    /// A frame that takes credit has gone out on the stream.
    func hasSent(on id: StreamID) -> Bool {
        streams[id]?.hasSent ?? false
    }

    /// Nothing waits in the stream's queue. `false` also for streams that are not open.
    func isDrained(_ id: StreamID) -> Bool {
        streams[id]?.queue.isEmpty ?? false
    }

    /// Next to nothing waits in the stream's queue. `false` also for streams that are not open.
    ///
    /// A queue that took nothing more at its first frame would have one frame for its turn, and whoever fills his again first
    /// would have all the credit that is left.
    func hasRoom(_ id: StreamID) -> Bool {
        guard let stream = streams[id] else { return false }
        return stream.queue.isEmpty || stream.queuedBytes < Self.backlog
    }

    // MARK: - Credit

    mutating func grant(_ increment: UInt32) throws(ConnectionBreach) {
        try connectionWindow.grant(increment)
        sendQueued()
    }

    mutating func grant(_ increment: UInt32, on id: StreamID) throws(ConnectionBreach) {
        let isKnown = try streams.update(id) { (stream) throws(ConnectionBreach) in try stream.window.grant(increment) } != nil
        guard isKnown else { return }
        enterRing(id)
        sendQueued()
    }

    // MARK: - Frames with credit

    /// Sends a message of one frame, or queues it. Its encoded length is at most ``maxDataPayload``.
    mutating func send(_ type: FrameType, _ message: some WireMessage, on id: StreamID) -> Outcome {
        let length = message.encodedLength
        let mayPass = ring.isEmpty && canSend(length)
        let outcome: Outcome? = streams.update(id) { stream in
            if mayPass, stream.queue.isEmpty, length <= stream.window.available {
                stream.take(length)
                return .sent
            }
            guard stream.queuedBytes + length <= maxQueuedBytesPerStream else { return .full }
            stream.queuedBytes += length
            return .queued
        }
        guard let outcome else { return .gone }
        if outcome == .queued { enqueue(.payload(type, ByteBuffer(encoding: message, length: length), isLast: false), on: id) }
        guard outcome == .sent else { return outcome }
        connectionWindow.take(length)
        dataFramesSent += 1
        write(type, flags: [], length: length, on: id) { message.encode(into: &$0) }
        return .sent
    }

    /// Sends a message behind its length: in one frame, without a copy, if it fits and there is credit; otherwise in fragments,
    /// as credit allows.
    ///
    /// - Parameter length: what the message's encoding has, below 2^32.
    mutating func sendMessage(_ type: FrameType, _ message: some WireMessage, length: Int, isLast: Bool, on id: StreamID) {
        let encode = { (buffer: inout ByteBuffer) in
            buffer.writeInteger(UInt32(clamping: length))
            message.encode(into: &buffer)
        }
        let cost = length + 4
        let mayPass = ring.isEmpty && cost <= maxDataPayload && canSend(cost)
        let hasPassed = streams.update(id) { stream in
            guard mayPass, stream.queue.isEmpty, cost <= stream.window.available else { return false }
            stream.take(cost)
            return true
        }
        guard let hasPassed else { return }
        guard hasPassed else {
            var payload = ByteBuffer()
            payload.reserveCapacity(cost)
            encode(&payload)
            return enqueue(.message(type, payload, isLast: isLast), on: id)
        }
        connectionWindow.take(cost)
        dataFramesSent += 1
        write(type, flags: isLast ? .endStream : [], length: cost, on: id, encode: encode)
        if isLast { finish(id) }
    }

    /// Sends a stream's last frame, END or ERROR, behind what waits in its queue.
    ///
    /// - Returns: `false` if it is longer than control frames may be; nothing was taken.
    mutating func sendLast(_ type: FrameType, _ message: some WireMessage, on id: StreamID) -> Bool {
        guard let isEmpty = streams.update(id, { $0.queue.isEmpty }) else { return true }
        if isEmpty {
            guard writeControl(type, on: id, encode: { message.encode(into: &$0) }) else { return false }
            close(id)
            finished.append(id)
            return true
        }
        var payload = ByteBuffer()
        message.encode(into: &payload)
        guard payload.readableBytes <= FrameRules.controlPayloadLimit else { return false }
        streams.update(id) { $0.queue.append(.payload(type, payload, isLast: true)) }
        return true
    }

    private func canSend(_ cost: Int) -> Bool {
        cost <= connectionWindow.available && outboundBytes < maxOutboundBytes
    }

    // MARK: - Queues

    private mutating func enqueue(_ item: Item, on id: StreamID) {
        streams.update(id) { $0.queue.append(item) }
        enterRing(id)
        sendQueued()
        if let stream = streams[id], !stream.queue.isEmpty, stream.waitingSince == nil { startWaiting(id) }
    }

    private mutating func startWaiting(_ id: StreamID) {
        let now = now
        streams.update(id) { $0.waitingSince = now }
        earliestWait = min(earliestWait ?? now, now)
    }

    /// The streams of which nothing came out of the queue since `time`.
    func streamsWaiting(since time: NIODeadline) -> [StreamID] {
        streams.ids { stream in stream.waitingSince.map { $0 <= time } ?? false }
    }

    /// Makes ``earliestWait`` exact.
    mutating func recountWaits() {
        earliestWait = streams.values.compactMap(\.waitingSince).min()
    }

    /// What the stream's next frame takes of its credit; `nil` if nothing waits.
    private func headCost(_ stream: Stream) -> Int? {
        switch stream.queue.first {
        case nil: nil
        case .payload(let type, let payload, _): type == .delta ? payload.readableBytes : 0
        case .message(_, let rest, _): min(rest.readableBytes, maxDataPayload)
        }
    }

    /// The same if the stream's own credit allows it, otherwise `nil`.
    private func affordableHeadCost(of id: StreamID) -> Int? {
        guard let stream = streams[id], let cost = headCost(stream), cost <= stream.window.available else { return nil }
        return cost
    }

    /// Gives the stream a turn if its own credit allows its next frame.
    private mutating func enterRing(_ id: StreamID) {
        guard affordableHeadCost(of: id) != nil else { return }
        let wasInRing = streams.update(id) { stream in
            defer { stream.isInRing = true }
            return stream.isInRing
        }
        if wasInRing == false { ring.append(id) }
    }

    /// Lets the streams in the ring send, one frame each, until credit or room ends.
    private mutating func sendQueued() {
        while let id = ring.first {
            guard let cost = affordableHeadCost(of: id) else {
                ring.removeFirst()
                streams.update(id) { $0.isInRing = false }
                continue
            }
            guard canSend(cost) else { return }
            ring.removeFirst()
            streams.update(id) { $0.isInRing = false }
            sendHead(of: id, cost: cost)
            // What takes no credit has nothing to wait for.
            while affordableHeadCost(of: id) == 0 { sendHead(of: id, cost: 0) }
            guard let isDrained = streams.update(id, { $0.queue.isEmpty }) else { continue }
            if isDrained {
                streams.update(id) { $0.waitingSince = nil }
                drained.append(id)
            } else {
                startWaiting(id)
                enterRing(id)
            }
        }
    }

    private mutating func sendHead(of id: StreamID, cost: Int) {
        let head = streams.update(id) { stream -> Item? in
            if cost > 0 { stream.take(cost) }
            guard let item = stream.queue.popFirst() else { return nil }
            if case .payload = item { stream.queuedBytes -= cost }
            return item
        }
        guard let head, let item = head else { return }
        if cost > 0 {
            connectionWindow.take(cost)
            dataFramesSent += 1
        }
        switch item {
        case .payload(let type, let payload, let isLast):
            write(type, flags: [], length: payload.readableBytes, on: id) { $0.writeImmutableBuffer(payload) }
            if isLast { finish(id) }
        case .message(let type, var rest, let isLast):
            guard let fragment = rest.readSlice(length: cost) else { return }
            let isComplete = rest.readableBytes == 0
            let flags: FrameFlags = isComplete ? (isLast ? .endStream : []) : .more
            write(type, flags: flags, length: cost, on: id) { $0.writeImmutableBuffer(fragment) }
            if !isComplete {
                streams.update(id) { $0.queue.prepend(.message(type, rest, isLast: isLast)) }
            } else if isLast {
                finish(id)
            }
        }
    }

    private mutating func finish(_ id: StreamID) {
        close(id)
        finished.append(id)
    }

    // MARK: - Encoding

    /// Appends a frame whose payload `encode` writes, compressed if its type and length call for it and it becomes shorter.
    private mutating func write(
        _ type: FrameType, flags: FrameFlags, length: Int, on id: StreamID, encode: (inout ByteBuffer) -> Void
    ) {
        makeRoom()
        guard length >= compressionThreshold, let compression, compressedTypes.contains(type) else {
            bytes.writeFrameHeader(FrameHeader(length: length, type: type, flags: flags, stream: id))
            return encode(&bytes)
        }
        let start = bytes.writerIndex
        bytes.writeRepeatingByte(0, count: FrameHeader.byteCount)
        let result = compression.append(to: &bytes, encode: encode)
        let header = FrameHeader(
            length: result.length, type: type, flags: result.isCompressed ? flags.union(.compressed) : flags, stream: id)
        bytes.setFrameHeader(header, at: start)
    }
}

extension ByteBuffer {
    fileprivate init(encoding message: some WireMessage, length: Int) {
        self.init()
        reserveCapacity(length)
        message.encode(into: &self)
    }
}
