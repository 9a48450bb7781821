import NIOCore
import NIOHTTP1

/// Stands in front of the HTTP/1.1 decoder, where bytes are not yet parts of requests.
///
/// - It holds what a body's framing weighs against the body: chunk sizes with thousands of zeros, and extensions that nobody reads, would otherwise
///   be parsed without end for a body that never grows.
/// - It knows whether a request's line or its headers are too long.
/// - Of a connection whose bytes are no request any more it drops what still comes, and closes in two steps: first our side, so that the client comes to
///   read its answer, then, when the client has closed too or ``ShimLimits/lingerTimeout`` is over, the rest. A socket that is closed with bytes unread
///   is reset, and the reset takes the answer with it.
/// - It puts what is written between two flushes into one piece: an answer's head and body are one TLS record then, not two.
final class ByteWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The start of a request's line, for the words of a refusal.
    private(set) var line = RequestLine()
    private var received = 0
    private var receivedBeforeRead = 0
    /// Where the request that is arriving began, at the earliest; `nil`: none is.
    private var requestBegan: Int?
    private var bodyBytes = 0
    private var hasFailed = false
    private var dropped = 0
    private var lingering: Scheduled<Void>?
    /// Written, and not flushed: what is longer than ``maxGatheredBytes`` passes by itself.
    private var gathered = ByteBuffer()
    private var gatheredPromise: EventLoopPromise<Void>?

    /// What a TLS record holds at most: larger pieces would be cut again.
    private static let maxGatheredBytes = 1 << 14

    // MARK: what the decoder made of the bytes

    func headCame() {
        requestBegan = receivedBeforeRead
        bodyBytes = 0
    }

    func bodyCame(_ count: Int) { bodyBytes += count }

    func requestEnded() {
        requestBegan = nil
        line = RequestLine()
    }

    /// Nothing that comes from now on can be told apart.
    func failed() { hasFailed = true }

    private var isFramingTooHeavy: Bool {
        guard let requestBegan else { return false }
        return received - requestBegan - bodyBytes > ShimLimits.maxFramingBytes + ShimLimits.maxFramingPerBodyByte * bodyBytes
    }

    // MARK: channel events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard !hasFailed else {
            dropped += bytes.readableBytes
            return
        }
        receivedBeforeRead = received
        received += bytes.readableBytes
        line.read(bytes.readableBytesView)
        context.fireChannelRead(data)
        if isFramingTooHeavy, !hasFailed { context.fireErrorCaught(HTTPParserError.invalidChunkSize) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Those behind may have stopped reading for good.
        if lingering != nil { read(context: context) }
    }

    func read(context: ChannelHandlerContext) {
        guard dropped <= ShimLimits.maxDroppedBytes else { return }
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        if gathered.readableBytes + bytes.readableBytes > Self.maxGatheredBytes { passGathered(context) }
        guard bytes.readableBytes <= Self.maxGatheredBytes else { return context.write(data, promise: promise) }
        if gathered.readableBytes == 0 { gathered = bytes } else { gathered.writeBuffer(&bytes) }
        gatheredPromise.setOrCascade(to: promise)
    }

    func flush(context: ChannelHandlerContext) {
        passGathered(context)
        context.flush()
    }

    private func passGathered(_ context: ChannelHandlerContext) {
        guard gathered.readableBytes > 0 || gatheredPromise != nil else { return }
        let (bytes, promise) = (gathered, gatheredPromise)
        gathered = ByteBuffer()
        gatheredPromise = nil
        context.write(wrapOutboundOut(bytes), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        passGathered(context)
        guard mode == .all, hasFailed, lingering == nil, context.channel.isActive else {
            return context.close(mode: mode, promise: promise)
        }
        let bound = context.loopBound
        lingering = context.eventLoop.assumeIsolated().scheduleTask(in: ShimLimits.lingerTimeout) { context.close(promise: nil) }
        let ours = context.eventLoop.makePromise(of: Void.self)
        ours.futureResult.whenFailure { _ in bound.value.close(promise: nil) }
        context.close(mode: .output, promise: ours)
        promise?.succeed()
        read(context: context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        passGathered(context)
        lingering?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        lingering?.cancel()
        context.fireChannelInactive()
    }
}

/// How far a request's line has come, and whether its first word could name a method. Pure.
struct RequestLine {
    /// RFC 9110's are letters, those of others have hyphens, and none is longer.
    private static let longestMethod = 24

    /// Bytes before the line's end, as far as they have come.
    private(set) var length = 0
    private(set) var isWhole = false
    private var wordLength = 0
    private var isWordWhole = false
    private var isWordPlain = true

    /// Whether the line alone is longer than it may be.
    var isTooLong: Bool { length > ShimLimits.maxHeaderFieldBytes }
    var hasMethod: Bool { isWordWhole && isWordPlain && (1...Self.longestMethod).contains(wordLength) }

    mutating func read(_ bytes: ByteBufferView) {
        guard !isWhole else { return }
        var rest = bytes[...]
        // Empty lines in front of a request are skipped, as RFC 9112, 2.2, asks.
        if length == 0 { rest = rest.drop { $0 == 0x0D || $0 == 0x0A } }
        let line = rest.prefix { $0 != 0x0A }
        isWhole = line.endIndex != rest.endIndex
        length += line.count
        if !isWordWhole { readWord(line) }
    }

    private mutating func readWord(_ line: ByteBufferView) {
        for byte in line {
            isWordWhole = byte == 0x20
            if isWordWhole { return }
            wordLength += 1
            if !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF), byte != UInt8(ascii: "-") { isWordPlain = false }
        }
    }
}
