import Foundation
import NIOCore

/// A connection to the bench's provider: finds where requests end, answers each in one write.
final class UpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: UpstreamState
    private var input = ByteBuffer()
    /// Of the request that is being read: where its head ends and how long its body is.
    private var head: (end: Int, body: Int)?
    private var clock: Scheduled<Void>?
    private static let maxRequestBytes = 64 << 20

    init(_ state: UpstreamState) {
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
        while let answer = nextRequest(context) { send(answer, context) }
        if input.readableBytes > Self.maxRequestBytes { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        clock?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Takes a request that is whole from the input. `.some(nil)`: of a model that nobody knows.
    private func nextRequest(_ context: ChannelHandlerContext) -> UpstreamAnswer?? {
        let found: UpstreamAnswer?? = input.withUnsafeReadableBytes { bytes in
            if head == nil { head = Self.head(of: bytes) }
            guard let head, bytes.count >= head.end + head.body else { return nil }
            return .some(
                UpstreamAnswer(
                    head: UnsafeRawBufferPointer(rebasing: bytes[..<head.end]),
                    body: UnsafeRawBufferPointer(rebasing: bytes[head.end..<head.end + head.body])))
        }
        guard let found, let head else { return nil }
        input.moveReaderIndex(forwardBy: head.end + head.body)
        self.head = nil
        return .some(found)
    }

    private static func head(of bytes: UnsafeRawBufferPointer) -> (end: Int, body: Int)? {
        guard let blank = bytes.firstOffset(of: "\r\n\r\n") else { return nil }
        let end = blank + 4
        let name = "\ncontent-length:"
        var at = 0
        // Names of fields come in either case.
        while at + name.utf8.count < end {
            if bytes[at] == 10, zip(bytes[at...], name.utf8).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) {
                var length = 0
                for byte in bytes[(at + name.utf8.count)..<end].drop(while: { $0 == 32 }) {
                    guard (48..<58).contains(byte), length < maxRequestBytes else { break }
                    length = length * 10 + Int(byte - 48)
                }
                return (end, length)
            }
            at += 1
        }
        return (end, 0)
    }

    private func send(_ answer: UpstreamAnswer?, _ context: ChannelHandlerContext) {
        guard let answer else {
            let error = "{\"error\":{\"message\":\"no such model\",\"type\":\"invalid_request_error\"}}"
            return context.write(wrapOutboundOut(UpstreamAnswer.whole(error, status: "404 Not Found")), promise: nil)
        }
        if answer.content == .statistics {
            return context.write(wrapOutboundOut(UpstreamAnswer.whole("{\"requests\":\(state.requests)}")), promise: nil)
        }
        state.requests += 1
        context.write(wrapOutboundOut(state.bytes(answer)), promise: nil)
        if case .clock(let deltas, let milliseconds) = answer.content { run(deltas, every: milliseconds, context) }
    }

    /// The first delta goes out at once, each other one at its time.
    private func run(_ deltas: Int, every milliseconds: Int, _ context: ChannelHandlerContext) {
        tick(0, of: deltas, start: .now(), every: .milliseconds(Int64(milliseconds)), context)
    }

    private func tick(_ number: Int, of deltas: Int, start: NIODeadline, every interval: TimeAmount, _ context: ChannelHandlerContext) {
        guard number < deltas else {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: UpstreamAnswer.end(tokens: deltas))), promise: nil)
            clock = nil
            return
        }
        let text = String(decoding: DeltaClock.text(.now()), as: UTF8.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: UpstreamAnswer.event(text + " "))), promise: nil)
        let next = start + .nanoseconds(interval.nanoseconds * Int64(number + 1))
        clock = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) {
            self.tick(number + 1, of: deltas, start: start, every: interval, context)
        }
    }
}
