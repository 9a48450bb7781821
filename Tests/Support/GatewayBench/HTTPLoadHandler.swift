import NIOCore
import NIOTLS

/// A connection of HTTP/1.1: one request at a time, its bytes made in advance where all are the same.
final class HTTPLoadHandler: ChannelInboundHandler, LoadConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let run: LoadRun
    private let plan: LoadPlan
    /// The next request, where all are the same.
    private let request: ByteBuffer?
    private let isTLS: Bool
    private let ready: EventLoopPromise<Void>
    private var isReady = false
    private var context: ChannelHandlerContext?
    private var time: NIODeadline?
    private var scanner = HTTPAnswerScanner()

    init(_ plan: LoadPlan, _ run: LoadRun, ready: EventLoopPromise<Void>) {
        self.run = run
        self.ready = ready
        isTLS = plan.target.door == .https
        self.plan = plan
        request = plan.prompts == .same ? Self.request(plan, 0) : nil
    }

    private static func request(_ plan: LoadPlan, _ number: Int) -> ByteBuffer {
        let body = plan.body(number)
        return ByteBuffer(
            string: "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(plan.target.credential)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    func send(_ time: NIODeadline, number: Int) {
        self.time = time
        context?.writeAndFlush(wrapOutboundOut(request ?? Self.request(plan, number)), promise: nil)
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

    func channelActive(context: ChannelHandlerContext) {
        if !isTLS { becomeReady() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(TLSUserEvent.handshakeCompleted) = event as? TLSUserEvent { becomeReady() }
    }

    private func becomeReady() {
        isReady = true
        run.opened(self)
        ready.succeed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch scanner.take(unwrapInboundIn(data)) {
        case .more: break
        case .whole(let status):
            guard let time else { return context.close(promise: nil) }
            self.time = nil
            run.ended(time, on: self, isGood: status == 200)
        case .unreadable: context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isReady { ready.fail(error) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isReady {
            run.lost(self, requests: time == nil ? 0 : 1)
        } else {
            ready.fail(ChannelError.eof)
        }
    }
}

/// Finds the end of an answer: by Content-Length, or by the last chunk.
struct HTTPAnswerScanner {
    enum Verdict: Equatable {
        case more
        case whole(status: Int)
        case unreadable
    }

    private enum State {
        case head
        case body(left: Int)
        case chunkSize
        case chunk(left: Int)
        case trailer
    }

    private var state = State.head
    private var status = 0
    private var input = ByteBuffer()

    mutating func take(_ bytes: ByteBuffer) -> Verdict {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeImmutableBuffer(bytes)
        }
        while true {
            switch state {
            case .head:
                guard let end = input.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) else { return .more }
                let head = String(decoding: input.readableBytesView[..<end.lowerBound], as: UTF8.self)
                input.moveReaderIndex(to: end.upperBound)
                guard readHead(head) else { return .unreadable }
            case .body(let left):
                let count = min(left, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                state = .body(left: left - count)
                if left > count { return .more }
                return finish()
            case .chunkSize:
                guard let line = readLine() else { return .more }
                guard let size = Int(line, radix: 16), size >= 0 else { return .unreadable }
                // A chunk's line end belongs to it.
                state = size == 0 ? .trailer : .chunk(left: size + 2)
            case .chunk(let left):
                let count = min(left, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                state = .chunk(left: left - count)
                if left > count { return .more }
                state = .chunkSize
            case .trailer:
                guard let line = readLine() else { return .more }
                if line.isEmpty { return finish() }
            }
        }
    }

    private mutating func finish() -> Verdict {
        state = .head
        return .whole(status: status)
    }

    private mutating func readLine() -> String? {
        guard let end = input.readableBytesView.firstRange(of: Array("\r\n".utf8)) else { return nil }
        let line = String(decoding: input.readableBytesView[..<end.lowerBound], as: UTF8.self)
        input.moveReaderIndex(to: end.upperBound)
        return line
    }

    private mutating func readHead(_ head: String) -> Bool {
        let lines = head.split(separator: "\r\n")
        guard let code = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return false }
        status = code
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.lowercased() }
            guard parts.count == 2 else { continue }
            let value = String(parts[1].drop { $0 == " " })
            if parts[0] == "content-length", let length = Int(value), length >= 0 {
                state = .body(left: length)
                return true
            }
            if parts[0] == "transfer-encoding", value == "chunked" {
                state = .chunkSize
                return true
            }
        }
        return false
    }
}

/// Says when TLS is up.
final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let ready: EventLoopPromise<Void>

    init(_ ready: EventLoopPromise<Void>) {
        self.ready = ready
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(TLSUserEvent.handshakeCompleted) = event as? TLSUserEvent { ready.succeed() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ready.fail(ChannelError.eof)
    }
}
