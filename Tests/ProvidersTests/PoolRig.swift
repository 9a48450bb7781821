import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ProcessSupport
import Providers

/// What a receiver saw of one call.
struct Answer: Sendable, Equatable {
    var status: Int?
    var headers: [String: String] = [:]
    var body = ""
    var failure: UpstreamFailure?
}

/// Collects an answer; on the pool's loop.
final class AnswerRecorder: UpstreamReceiver {
    private(set) var answer = Answer()
    private let promise: EventLoopPromise<Answer>
    private let headPromise: EventLoopPromise<Void>
    var call: UpstreamCall?
    /// Called with each piece of the body.
    var onBody: (() -> Void)?
    var onHead: (() -> Void)?
    /// Everything that was called, after the end too.
    private(set) var calls = 0
    var keepsBody = true
    private(set) var bodyBytes = 0

    init(loop: any EventLoop) {
        promise = loop.makePromise()
        headPromise = loop.makePromise()
        headPromise.futureResult.whenComplete { _ in }
        promise.futureResult.whenComplete { _ in }
    }

    var whole: EventLoopFuture<Answer> { promise.futureResult }
    var head: EventLoopFuture<Void> { headPromise.futureResult }

    func upstreamHeadReceived(status: Int, headers: HTTPHeaders) {
        calls += 1
        answer.status = status
        for (name, value) in headers {
            answer.headers[name] = value
        }
        headPromise.succeed(())
        onHead?()
    }

    func upstreamBodyReceived(_ bytes: ByteBuffer) {
        calls += 1
        bodyBytes += bytes.readableBytes
        if keepsBody {
            answer.body += String(buffer: bytes)
        }
        onBody?()
    }

    func upstreamEnded() {
        calls += 1
        headPromise.succeed(())
        promise.succeed(answer)
    }

    func upstreamFailed(_ failure: UpstreamFailure) {
        calls += 1
        answer.failure = failure
        headPromise.succeed(())
        promise.succeed(answer)
    }

    /// For tests that end a call without an answer.
    func giveUp() {
        headPromise.succeed(())
        promise.succeed(answer)
    }
}

/// A pool on a loop of its own, a server on another, both gone at the end.
struct PoolRig: Sendable {
    let loop: any EventLoop
    let serverLoop: any EventLoop
    let pool: NIOLoopBound<UpstreamPool>

    static func run<Result>(_ body: (PoolRig) async throws -> Result) async throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let loop = group.next()
        let pool = try await loop.submit { NIOLoopBound(UpstreamPool(eventLoop: loop), eventLoop: loop) }.get()
        do {
            let result = try await body(PoolRig(loop: loop, serverLoop: group.next(), pool: pool))
            try await group.shutdownGracefully()
            return result
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    func server(_ script: [[ServerStep]], certificate: String? = nil, reads: Bool = true) async throws -> ScriptedServer {
        try await ScriptedServer(loop: serverLoop, script: script, certificate: certificate, reads: reads)
    }

    /// Sends one request and waits for the end of its answer.
    func call(_ request: UpstreamRequest) async throws -> Answer {
        try await loop.flatSubmit {
            let recorder = AnswerRecorder(loop: self.loop)
            recorder.call = self.pool.value.send(request, receiver: recorder)
            return recorder.whole
        }.get()
    }

    /// Sends one request and hands over its recorder, which must be used on the loop only.
    func begin(_ request: UpstreamRequest, prepare: @escaping @Sendable (AnswerRecorder) -> Void = { _ in }) async throws
        -> NIOLoopBound<AnswerRecorder>
    {
        try await loop.submit {
            let recorder = AnswerRecorder(loop: self.loop)
            prepare(recorder)
            recorder.call = self.pool.value.send(request, receiver: recorder)
            return NIOLoopBound(recorder, eventLoop: self.loop)
        }.get()
    }

    func onLoop<T: Sendable>(_ body: @escaping @Sendable (UpstreamPool) throws -> T) async throws -> T {
        try await loop.submit { try body(self.pool.value) }.get()
    }

    /// Lets the loop turn until the condition holds.
    func until(_ condition: @escaping @Sendable (UpstreamPool) -> Bool) async throws {
        try await ProcessSupport.until("the pool's state") { try await onLoop(condition) }
    }

    var holdsNothing: Bool {
        get async throws { try await statistics.isEmpty }
    }

    var statistics: [UpstreamPoolStatistics] {
        get async throws { try await onLoop { $0.statistics } }
    }

    func state(of recorder: NIOLoopBound<AnswerRecorder>) async throws -> (calls: Int, bodyBytes: Int, isOver: Bool) {
        try await onLoop { _ in (recorder.value.calls, recorder.value.bodyBytes, recorder.value.call?.isOver == true) }
    }

    var counters: UpstreamPoolCounters {
        get async throws { try await onLoop { $0.counters } }
    }
}

extension ScriptedServer {
    func endpoint(
        host: String = "127.0.0.1", basePath: String = "", tls: UpstreamTLS? = nil, timeouts: UpstreamTimeouts = UpstreamTimeouts(),
        limits: UpstreamLimits = UpstreamLimits()
    ) throws -> UpstreamEndpoint {
        try UpstreamEndpoint(
            baseURL: "\(tls == nil ? "http" : "https")://\(host):\(port)\(basePath)", tls: tls, timeouts: timeouts, limits: limits)
    }
}

func request(_ endpoint: UpstreamEndpoint, body: String = "{}", retries: Bool = true) -> UpstreamRequest {
    UpstreamRequest(
        endpoint: endpoint, path: "/v1/chat/completions", body: ByteBuffer(string: body), retriesOnStaleConnection: retries)
}

/// A whole answer with a length.
func answer(_ body: String, head: String = "") -> ServerStep {
    .write("HTTP/1.1 200 OK\r\n\(head)content-length: \(body.utf8.count)\r\n\r\n\(body)")
}
