import GatewayCore
import NIOCore

@testable import GatewayPipeline

/// What a door is told of one request. Confined to the gateway's loop.
final class Recorder: AnswerReceiver {
    struct Told: Sendable {
        var head: AnswerHead?
        var texts: [Int: String] = [:]
        var chunks = 0
        /// The last chunk as it came.
        var last: ByteBuffer?
        var summary: AnswerSummary?
        var fault: Fault?
        /// Everything that was told, after the end too.
        var calls = 0
    }

    private(set) var told = Told()
    private let ended: EventLoopPromise<Told>
    private let loop: any EventLoop
    private var waiting: [(chunks: Int, promise: EventLoopPromise<Void>)] = []

    init(loop: any EventLoop) {
        self.loop = loop
        ended = loop.makePromise()
        ended.futureResult.whenComplete { _ in }
    }

    deinit {
        // A cancelled request has no end.
        ended.succeed(told)
    }

    var bound: NIOLoopBound<Recorder> { NIOLoopBound(self, eventLoop: loop) }
    var end: EventLoopFuture<Told> { ended.futureResult }

    func chunks(_ count: Int) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        if told.chunks >= count { promise.succeed(()) } else { waiting.append((count, promise)) }
        return promise.futureResult
    }

    func answerBegan(_ head: AnswerHead) {
        told.calls += 1
        told.head = head
    }

    func answerReceived(_ chunk: AnswerChunk) {
        told.calls += 1
        told.chunks += 1
        told.last = chunk.raw
        for fragment in chunk.fragments { told.texts[fragment.key.choice, default: ""] += String(buffer: fragment.text) }
        for waiter in waiting where waiter.chunks <= told.chunks { waiter.promise.succeed(()) }
        waiting.removeAll { $0.chunks <= told.chunks }
    }

    func answerEnded(_ summary: AnswerSummary) {
        told.calls += 1
        told.summary = summary
        ended.succeed(told)
    }

    func answerFailed(_ fault: Fault, summary: AnswerSummary) {
        told.calls += 1
        told.fault = fault
        told.summary = summary
        ended.succeed(told)
    }
}

/// A request in the pipeline, in the hands of a test.
struct PipelineRequest: Sendable {
    let id: RequestID
    let exchange: NIOLoopBound<Exchange>
    let recorder: NIOLoopBound<Recorder>
    private var loop: any EventLoop { exchange.eventLoop }

    /// The answer's or the failure's end.
    func end() async throws -> Recorder.Told { try await loop.flatSubmit { recorder.value.end }.get() }

    /// What `read` finds in the turn of the loop in which the request ends.
    func atEnd<T: Sendable>(_ read: @escaping @Sendable (Recorder.Told) -> T) async throws -> T {
        try await loop.flatSubmit { recorder.value.end.map(read) }.get()
    }

    /// Returns when so many chunks have been told.
    func chunks(_ count: Int) async throws { try await loop.flatSubmit { recorder.value.chunks(count) }.get() }

    /// What has been told so far.
    var told: Recorder.Told { get async throws { try await loop.submit { recorder.value.told }.get() } }

    func cancel() async throws { try await loop.submit { exchange.value.cancel() }.get() }

    func pause() async throws { try await loop.submit { exchange.value.pause() }.get() }

    func resume() async throws { try await loop.submit { exchange.value.resume() }.get() }
}
