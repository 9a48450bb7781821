import NIOCore

/// The kinds of frames that an HTTP/2 connection may bring without end and without work: NIOHTTP2 has budgets for resets, pings, settings, priorities,
/// CONTINUATIONs and empty DATA, and none for these. Each costs little; a connection that brings nothing else is not a client. Pure.
struct HTTP2FrameBudget {
    /// Idle frames that are always let pass.
    static let free = 2_000
    /// How many more each frame with work in it buys: a client that is read to sends two WINDOW_UPDATEs for a DATA frame at most.
    static let perUsefulFrame = 10
    /// DATA with less payload and without the stream's end counts as idle.
    static let lightBytes = 16

    private var idle = 0
    private var allowed = HTTP2FrameBudget.free

    var isUsedUp: Bool { idle > allowed }

    mutating func received(_ frame: HTTP2FrameHead) {
        switch frame.kind {
        case HTTP2FrameHead.data where frame.length >= Self.lightBytes || frame.endsStream: credit()
        case HTTP2FrameHead.headers: credit()
        case HTTP2FrameHead.data, HTTP2FrameHead.windowUpdate: idle += 1
        // These are NIOHTTP2's to count.
        case HTTP2FrameHead.priority...HTTP2FrameHead.goAway, HTTP2FrameHead.continuation: break
        default: idle += 1
        }
    }

    mutating func sent(_ frame: HTTP2FrameHead) {
        if frame.kind == HTTP2FrameHead.data { credit() }
    }

    private mutating func credit() {
        if allowed < .max - Self.perUsefulFrame { allowed += Self.perUsefulFrame }
    }
}

/// The first 9 bytes of a frame: RFC 9113, 4.1.
struct HTTP2FrameHead: Equatable {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
    static let bytes = 9

    var length: Int
    var kind: UInt8
    var flags: UInt8

    var endsStream: Bool { kind <= Self.headers && flags & 1 != 0 }
}

/// Finds the heads of frames in one direction's bytes, in any pieces. Pure.
struct HTTP2FrameScanner {
    /// Bytes until the next head begins.
    private var skip: Int
    private var head: UInt64 = 0
    private var headBytes = 0

    /// - Parameter preface: bytes in front of the first frame.
    init(preface: Int = 0) {
        skip = preface
    }

    mutating func scan(_ bytes: ByteBufferView, _ found: (HTTP2FrameHead) -> Void) {
        var rest = bytes
        while !rest.isEmpty {
            guard skip == 0 else {
                let count = min(skip, rest.count)
                rest = rest.dropFirst(count)
                skip -= count
                continue
            }
            // Of nine bytes the last four, the stream, are of no interest and fall out to the left; the first five stay.
            let byte = rest.removeFirst()
            if headBytes < 5 { head = head << 8 | UInt64(byte) }
            headBytes += 1
            guard headBytes == HTTP2FrameHead.bytes else { continue }
            let frame = HTTP2FrameHead(
                length: Int(head >> 16), kind: UInt8(truncatingIfNeeded: head >> 8), flags: UInt8(truncatingIfNeeded: head))
            (head, headBytes, skip) = (0, 0, frame.length)
            found(frame)
        }
    }
}

/// Holds an HTTP/2 connection to ``HTTP2FrameBudget``, in front of NIOHTTP2, where frames are still bytes.
final class HTTP2FrameWatch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var budget = HTTP2FrameBudget()
    private var inbound = HTTP2FrameScanner(preface: 24)
    private var outbound = HTTP2FrameScanner()
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        inbound.scan(unwrapInboundIn(data).readableBytesView) { budget.received($0) }
        guard budget.isUsedUp else { return context.fireChannelRead(data) }
        isOver = true
        // Whole frames alone were written before, so this one stands between frames too.
        context.writeAndFlush(wrapOutboundOut(Self.calmDown), promise: nil)
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var saidGoodbye = false
        outbound.scan(unwrapOutboundIn(data).readableBytesView) { frame in
            budget.sent(frame)
            if frame.kind == HTTP2FrameHead.goAway { saidGoodbye = true }
        }
        context.write(data, promise: promise)
        if saidGoodbye { context.fireUserInboundEventTriggered(GoAwaySent()) }
    }

    /// Told to the handlers behind when GOAWAY went out.
    struct GoAwaySent {}

    /// GOAWAY with ENHANCE_YOUR_CALM; of the last stream it says what NIOHTTP2 says.
    private static let calmDown = ByteBuffer(bytes: [0, 0, 8, HTTP2FrameHead.goAway, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x0B])
}
