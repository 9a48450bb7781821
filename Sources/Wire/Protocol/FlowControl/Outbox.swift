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
    private var streams: [StreamID: Stream] = [:]
    private var ring = Deque<StreamID>()

    private(set) var connectionWindow: SendWindow
    /// The longest payload of a frame that takes credit, by the peer's limits.
    private(set) var maxDataPayload: Int
    private var initialStreamCredit: Int
    /// The time of the latest call that told it.
    var now: NIODeadline
    /// A time before which no stream began to wait; `nil`: none waits.
    private(set) var earliestWait: NIODeadline?
    /// Both sides agreed to LZ4.
    var mayCompress = false

    /// Streams whose queue became empty, in this order, since this was last emptied.
    var drained = Deque<StreamID>()
    /// Streams whose last frame came out of a queue, in this order, since this was last emptied.
    var finished = Deque<StreamID>()
    /// Frames that took credit and were sent, since this was last set to 0.
    var dataFramesSent = 0

    /// Memory of a taken buffer up to this is kept for the next one; an idle connection holds no more.
    private static let keptCapacity = 4096

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
            for id in streams.keys { try streams[id]?.window.grant(streamRise) }
        }
        if connectionRise > 0 { try connectionWindow.grant(connectionRise) }
        for id in streams.keys.sorted() { enterRing(id) }
        sendQueued()
    }

    mutating func open(_ id: StreamID) {
        streams[id] = Stream(window: SendWindow(initial: initialStreamCredit))
    }

    /// Forgets a stream and what waits in its queue.
    mutating func close(_ id: StreamID) {
        guard let stream = streams.removeValue(forKey: id), stream.isInRing else { return }
        ring.removeAll { $0 == id }
    }

    mutating func closeAll() {
        streams.removeAll()
        ring.removeAll()
    }

    /// The stream's last frame is not out.
    func isOpen(_ id: StreamID) -> Bool {
        streams[id] != nil
    }

    /// A frame that takes credit has gone out on the stream.
    func hasSent(on id: StreamID) -> Bool {
        streams[id]?.hasSent ?? false
    }

    /// Nothing waits in the stream's queue. `false` also for streams that are not open.
    func isDrained(_ id: StreamID) -> Bool {
        streams[id]?.queue.isEmpty ?? false
    }

    // MARK: - Credit

    mutating func grant(_ increment: UInt32) throws(ConnectionBreach) {
        try connectionWindow.grant(increment)
        sendQueued()
    }

    mutating func grant(_ increment: UInt32, on id: StreamID) throws(ConnectionBreach) {
        guard streams[id] != nil else { return }
        try streams[id]?.window.grant(increment)
        enterRing(id)
        sendQueued()
    }

    // MARK: - Frames with credit

    /// Sends a message of one frame, or queues it. Its encoded length is at most ``maxDataPayload``.
    mutating func send(_ type: FrameType, _ message: some WireMessage, on id: StreamID) -> Outcome {
        guard let stream = streams[id] else { return .gone }
        let length = message.encodedLength
        guard stream.queue.isEmpty, ring.isEmpty, length <= stream.window.available, canSend(length) else {
            guard stream.queuedBytes + length <= maxQueuedBytesPerStream else { return .full }
            var payload = ByteBuffer()
            payload.reserveCapacity(length)
            message.encode(into: &payload)
            streams[id]?.queuedBytes += length
            enqueue(.payload(type, payload, isLast: false), on: id)
            return .queued
        }
        account(length, on: id)
        if mayCompress, length >= compressionThreshold, let compression {
            writeCompressed(type, on: id, with: compression) { message.encode(into: &$0) }
        } else {
            makeRoom()
            bytes.writeFrameHeader(FrameHeader(length: length, type: type, stream: id))
            message.encode(into: &bytes)
        }
        return .sent
    }

    /// Sends a message of any length in fragments, as credit allows.
    ///
    /// - Parameter bytes: the message behind its length as its first fragment has it.
    mutating func sendMessage(_ type: FrameType, _ bytes: ByteBuffer, isLast: Bool, on id: StreamID) {
        guard streams[id] != nil else { return }
        enqueue(.message(type, bytes, isLast: isLast), on: id)
    }

    /// Sends a stream's last frame, END or ERROR, behind what waits in its queue.
    ///
    /// - Returns: `false` if it is longer than control frames may be; nothing was taken.
    mutating func sendLast(_ type: FrameType, _ message: some WireMessage, on id: StreamID) -> Bool {
        guard let stream = streams[id] else { return true }
        if stream.queue.isEmpty {
            guard writeControl(type, on: id, encode: { message.encode(into: &$0) }) else { return false }
            close(id)
            finished.append(id)
            return true
        }
        var payload = ByteBuffer()
        message.encode(into: &payload)
        guard payload.readableBytes <= FrameRules.controlPayloadLimit else { return false }
        streams[id]?.queue.append(.payload(type, payload, isLast: true))
        return true
    }

    private func canSend(_ cost: Int) -> Bool {
        cost <= connectionWindow.available && outboundBytes < maxOutboundBytes
    }

    private mutating func account(_ cost: Int, on id: StreamID) {
        connectionWindow.take(cost)
        streams[id]?.window.take(cost)
        streams[id]?.hasSent = true
        dataFramesSent += 1
    }

    // MARK: - Queues

    private mutating func enqueue(_ item: Item, on id: StreamID) {
        streams[id]?.queue.append(item)
        enterRing(id)
        sendQueued()
        if let stream = streams[id], !stream.queue.isEmpty, stream.waitingSince == nil { startWaiting(id) }
    }

    private mutating func startWaiting(_ id: StreamID) {
        streams[id]?.waitingSince = now
        earliestWait = min(earliestWait ?? now, now)
    }

    /// The streams of which nothing came out of the queue since `time`.
    mutating func streamsWaiting(since time: NIODeadline) -> [StreamID] {
        earliestWait = streams.values.compactMap(\.waitingSince).min()
        return streams.filter { _, stream in stream.waitingSince.map { $0 <= time } ?? false }.keys.sorted()
    }

    /// What the stream's next frame takes of its credit; `nil` if nothing waits.
    private func headCost(_ stream: Stream) -> Int? {
        switch stream.queue.first {
        case nil: nil
        case .payload(let type, let payload, _): type == .delta ? payload.readableBytes : 0
        case .message(_, let rest, _): min(rest.readableBytes, maxDataPayload)
        }
    }

    /// Gives the stream a turn if its own credit allows its next frame.
    private mutating func enterRing(_ id: StreamID) {
        guard let stream = streams[id], !stream.isInRing, let cost = headCost(stream), cost <= stream.window.available else { return }
        streams[id]?.isInRing = true
        ring.append(id)
    }

    /// Lets the streams in the ring send, one frame each, until credit or room ends.
    private mutating func sendQueued() {
        while let id = ring.first {
            guard let stream = streams[id], let cost = headCost(stream), cost <= stream.window.available else {
                ring.removeFirst()
                streams[id]?.isInRing = false
                continue
            }
            guard canSend(cost) else { return }
            ring.removeFirst()
            streams[id]?.isInRing = false
            sendHead(of: id, cost: cost)
            // What takes no credit has nothing to wait for.
            while let stream = streams[id], headCost(stream) == 0 { sendHead(of: id, cost: 0) }
            guard let stream = streams[id] else { continue }
            if stream.queue.isEmpty {
                streams[id]?.waitingSince = nil
                drained.append(id)
            } else {
                startWaiting(id)
                enterRing(id)
            }
        }
    }

    private mutating func sendHead(of id: StreamID, cost: Int) {
        guard let item = streams[id]?.queue.popFirst() else { return }
        if cost > 0 { account(cost, on: id) }
        switch item {
        case .payload(let type, let payload, let isLast):
            if type == .delta { streams[id]?.queuedBytes -= cost }
            write(type, flags: [], payload: payload, on: id)
            if isLast { finish(id) }
        case .message(let type, var rest, let isLast):
            guard let fragment = rest.readSlice(length: cost) else { return }
            let isComplete = rest.readableBytes == 0
            write(type, flags: isComplete ? (isLast ? .endStream : []) : .more, payload: fragment, on: id)
            if !isComplete {
                streams[id]?.queue.prepend(.message(type, rest, isLast: isLast))
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

    private mutating func write(_ type: FrameType, flags: FrameFlags, payload: ByteBuffer, on id: StreamID) {
        makeRoom()
        if mayCompress, let compression, payload.readableBytes >= compressionThreshold,
            FrameRules.of(type).flags.contains(.compressed)
        {
            writeCompressed(type, flags: flags, on: id, with: compression) { $0.writeImmutableBuffer(payload) }
        } else {
            bytes.writeFrameHeader(FrameHeader(length: payload.readableBytes, type: type, flags: flags, stream: id))
            bytes.writeImmutableBuffer(payload)
        }
    }

    private mutating func writeCompressed(
        _ type: FrameType, flags: FrameFlags = [], on id: StreamID, with compressor: LZ4Compressor, encode: (inout ByteBuffer) -> Void
    ) {
        makeRoom()
        let start = bytes.writerIndex
        bytes.writeRepeatingByte(0, count: FrameHeader.byteCount)
        let result = compressor.append(to: &bytes, encode: encode)
        let header = FrameHeader(
            length: result.length, type: type, flags: result.isCompressed ? flags.union(.compressed) : flags, stream: id)
        bytes.setFrameHeader(header, at: start)
    }
}
