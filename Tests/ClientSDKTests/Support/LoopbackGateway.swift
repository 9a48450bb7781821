import GatewayCrypto
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import Testing
import Wire
import WireTransport

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A gateway on loopback: the real server side of the wire over TLS, whose answers a test scripts.
final class LoopbackGateway: Sendable {
    enum Observation: Equatable, Sendable {
        case connected(credential: String)
        case requested(idempotencyKey: String, deadlineMs: UInt32)
        case cancelled(Cancel.Reason)
        case aborted
        case writable
        case disconnected
    }

    static let certificate: Result<DevelopmentCertificate, CryptoError> = Result { () throws(CryptoError) in
        try DevelopmentCertificate.make(now: secondsSince1970())
    }

    let record: Recorder<Observation>
    let port: Int
    private let listener: any Channel
    private let doors: NIOLockedValueBox<[ObjectIdentifier: ScriptedDoor]>

    private init(listener: any Channel, doors: NIOLockedValueBox<[ObjectIdentifier: ScriptedDoor]>, record: Recorder<Observation>) throws {
        self.listener = listener
        self.doors = doors
        self.record = record
        port = try #require(listener.localAddress?.port)
    }

    /// - Parameter answer: called on the connection's event loop for each request.
    static func start(
        port: Int = 0, applicationProtocol: String = "agentshield/1", settings: ServerSettings = ServerSettings(),
        accepts: @escaping @Sendable (String) -> Bool = { _ in true }, answer: @escaping @Sendable (ScriptedRequest) -> Void
    ) async throws -> LoopbackGateway {
        let certificate = try certificate.get()
        let key = try certificate.privateKey.withUnsafeBytes { try NIOSSLPrivateKey(bytes: Array($0), format: .pem) }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(certificate.certificate).map { .certificate($0) },
            privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv13
        tls.applicationProtocols = [applicationProtocol]
        let context = try NIOSSLContext(configuration: tls)
        let record = Recorder<Observation>()
        let doors = NIOLockedValueBox<[ObjectIdentifier: ScriptedDoor]>([:])
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let door = ScriptedDoor(channel: channel, record: record, accepts: accepts, answer: answer)
                    let handler = WireServerHandler(ServerConnection(settings: settings, now: .now()), delegate: door)
                    door.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
                    doors.withLockedValue { $0[ObjectIdentifier(door)] = door }
                    try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), handler])
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return try LoopbackGateway(listener: listener, doors: doors, record: record)
    }

    /// Tells every connection that the gateway goes away.
    func goAway() {
        for door in doors.withLockedValue({ Array($0.values) }) {
            door.onLoop { $0.perform { $0.goAway(.drain, drainWithin: .seconds(30)) } }
        }
    }

    /// Cuts every connection.
    func cut() {
        for door in doors.withLockedValue({ Array($0.values) }) { door.channel.close(promise: nil) }
    }

    func stopListening() async throws {
        try await listener.close()
    }

    func stop() async throws {
        try? await listener.close()
        cut()
    }
}

private func secondsSince1970() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec)
}

/// The server's side of one connection. Its mutable state is touched on the channel's event loop only.
final class ScriptedDoor: WireDelegate, @unchecked Sendable {
    typealias Machine = ServerConnection

    let channel: any Channel
    /// Set once, before the channel is used.
    var handler: NIOLoopBound<WireServerHandler>?
    private let record: Recorder<LoopbackGateway.Observation>
    private let accepts: @Sendable (String) -> Bool
    private let answer: @Sendable (ScriptedRequest) -> Void

    init(
        channel: any Channel, record: Recorder<LoopbackGateway.Observation>, accepts: @escaping @Sendable (String) -> Bool,
        answer: @escaping @Sendable (ScriptedRequest) -> Void
    ) {
        self.channel = channel
        self.record = record
        self.accepts = accepts
        self.answer = answer
    }

    func onLoop(_ body: @escaping @Sendable (WireServerHandler) -> Void) {
        channel.eventLoop.execute { self.handler.map { body($0.value) } }
    }

    func eventReceived(_ event: ServerEvent, from handler: WireServerHandler) {
        switch event {
        case .helloReceived(let hello):
            record.add(.connected(credential: hello.credential.string))
            let isWelcome = accepts(hello.credential.string)
            handler.perform {
                if isWelcome {
                    $0.accept(region: "test", replicaID: "1", serverVersion: "1")
                } else {
                    $0.reject(ErrorBody(code: .unauthenticated, message: "unknown key"))
                }
            }
        case .requestReceived(let stream, let request):
            record.add(.requested(idempotencyKey: request.idempotencyKey.string, deadlineMs: request.deadlineMs))
            answer(ScriptedRequest(stream: stream, request: request, door: self))
        case .cancelReceived(_, let reason): record.add(.cancelled(reason))
        case .streamAborted: record.add(.aborted)
        case .streamWritable: record.add(.writable)
        case .requestRefused, .goAwayReceived, .failed, .closed: break
        }
    }

    func connectionClosed(_ handler: WireServerHandler, error: (any Error)?) {
        record.add(.disconnected)
    }
}

/// A request, and the ways to answer it; from any thread.
struct ScriptedRequest: Sendable {
    let stream: StreamID
    let request: Request
    let door: ScriptedDoor

    var model: String {
        if case .chat(let chat) = request.operation { return chat.model.string }
        return ""
    }

    var prompt: String {
        guard case .chat(let chat) = request.operation, case .text(let text) = chat.messages.last?.parts.last?.content else { return "" }
        return text.string
    }

    func perform(_ body: @escaping @Sendable (inout ServerConnection) -> Void) {
        door.onLoop { $0.perform(body) }
    }

    func begin() {
        perform { [stream] in
            $0.sendBegin(Begin(responseID: "r-1", model: "real", provider: "scripted", cache: .miss, requestID: "q-1"), on: stream)
        }
    }

    func text(_ text: String) {
        perform { [stream] in _ = $0.sendDelta(Delta(kind: .text, data: ByteBuffer(string: text)), on: stream) }
    }

    func end() {
        perform { [stream] in $0.sendEnd(.sample, on: stream) }
    }

    func fail(_ error: ErrorBody) {
        perform { [stream] in $0.sendError(error, on: stream) }
    }

    func answer(_ text: String) {
        begin()
        if case .chat(let chat) = request.operation, chat.stream {
            self.text(text)
        } else {
            let item = Item(kind: .text, data: ByteBuffer(string: text))
            perform { [stream] in $0.sendResult(ResultBody(.chat(ChatResult(choices: [Choice(items: [item])]))), on: stream) }
        }
        end()
    }
}

extension End {
    static let sample = End(
        finishes: [Finish(reason: .stop, providerReason: "stop")], usage: Usage(input: 5, cacheRead: 1, output: 3), costNanoUSD: 1_500,
        scrubbed: [ScrubCount(kind: "EMAIL", count: 2)], timings: [PhaseTiming(phase: "scrub", microseconds: 42)], receiptID: "rc-1",
        attempts: 1,
        limits: [
            Wire.LimitStatus(measure: .tokens, limit: 100, remaining: 40, resetMs: 1_500),
            Wire.LimitStatus(measure: .concurrentRequests, limit: 8, remaining: 7),
        ])
}
