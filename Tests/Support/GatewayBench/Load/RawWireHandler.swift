import NIOCore
import NIOTLS
import Wire

/// A connection of the wire protocol that sends frames made in advance and looks at nothing but the headers of what comes, so that it is quicker
/// than any gateway. It keeps to the protocol: PING is answered, credit is given back.
final class RawWireHandler: ChannelInboundHandler, LoadConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let run: LoadRun
    private let ready: EventLoopPromise<Void>
    private let lost: () -> Void
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var calls: [UInt32: LoadCall] = [:]
    private var nextStream: UInt32 = 1
    private var isReady = false
    private var isReading = false
    /// Of the connection's credit, read and not given back yet.
    private var owed = 0
    private static let creditStep = 512 << 10

    init(_ run: LoadRun, ready: EventLoopPromise<Void>, lost: @escaping () -> Void) {
        self.run = run
        self.ready = ready
        self.lost = lost
    }

    func send(_ call: LoadCall) {
        guard let context else { return }
        calls[nextStream] = call
        context.write(wrapOutboundOut(run.pool.frame(call.number, on: StreamID(rawValue: nextStream))), promise: nil)
        nextStream += 2
        if !isReading { context.flush() }
    }

    func close() {
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(TLSUserEvent.handshakeCompleted) = event as? TLSUserEvent {
            context.writeAndFlush(wrapOutboundOut(RequestPool.hello(run.plan.target.credential)), promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        var bytes = unwrapInboundIn(data)
        run.received(bytes.readableBytes)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
        while let word = input.getInteger(at: input.readerIndex, as: UInt32.self),
            input.readableBytes >= FrameHeader.byteCount + Int(word >> 8), let header = input.readFrameHeader(),
            let payload = input.readSlice(length: header.length)
        {
            receive(header, payload, context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        if owed >= Self.creditStep {
            var credit = ByteBuffer()
            credit.writeFrameHeader(FrameHeader(length: 4, type: .credit, stream: .connection))
            credit.writeInteger(UInt32(clamping: owed))
            owed = 0
            context.write(wrapOutboundOut(credit), promise: nil)
        }
        context.flush()
    }

    private func receive(_ header: FrameHeader, _ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        switch header.type {
        case .welcome:
            isReady = true
            run.opened(self)
            ready.succeed()
        case .delta:
            owed += uncompressed(header, payload)
            begin(header.stream.rawValue)
            if run.plan.clockedDeltas != nil, var call = calls[header.stream.rawValue] {
                var scanner = DeltaClock.Scanner()
                scanner.scan(payload.readableBytesView) { run.delta(sent: $0, &call) }
                calls[header.stream.rawValue] = call
            }
        case .result:
            owed += uncompressed(header, payload)
            begin(header.stream.rawValue)
        case .end: end(header.stream.rawValue, .answered)
        case .error:
            let body = try? ErrorBody.decode(from: payload)
            let outcome = body?.code == .overloaded ? LoadOutcome.shed : .failed("error \(body.map { "\($0.code)" } ?? "unreadable")")
            if header.stream == .connection { context.close(promise: nil) } else { end(header.stream.rawValue, outcome) }
        case .ping:
            var pong = ByteBuffer()
            pong.writeFrameHeader(FrameHeader(length: payload.readableBytes, type: .pong, stream: .connection))
            pong.writeImmutableBuffer(payload)
            context.write(wrapOutboundOut(pong), promise: nil)
        default: break
        }
    }

    /// What a payload takes of the credit: its length behind decompression stands before an LZ4 block.
    private func uncompressed(_ header: FrameHeader, _ payload: ByteBuffer) -> Int {
        guard header.flags.contains(.compressed) else { return header.length }
        var (length, shift) = (0, 0)
        for byte in payload.readableBytesView.prefix(4) {
            length |= Int(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return length
    }

    private func begin(_ stream: UInt32) {
        guard var call = calls[stream], !call.hasBegun else { return }
        run.began(&call)
        calls[stream] = call
    }

    private func end(_ stream: UInt32, _ outcome: LoadOutcome) {
        guard let call = calls.removeValue(forKey: stream) else { return }
        run.ended(call, on: self, outcome)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isReady { ready.fail(error) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isReady {
            run.lost(self, calls: Array(calls.values))
            calls = [:]
            lost()
        } else {
            ready.fail(BenchFailure(description: "the gateway closed the connection before WELCOME"))
        }
    }
}
