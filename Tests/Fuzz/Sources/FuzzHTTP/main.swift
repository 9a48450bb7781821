// A stranger's bytes at the HTTP door as it is wired, in virtual time: nothing traps; whatever was begun is answered or cancelled; every answer is whole and
// none a 500; nothing stays reserved; in the end every connection is closed; and over HTTP/1.1 no cutting changes what is begun or answered.
//
// Input: how the connection speaks, how requests are answered, whether time passes (``Options``); the seed of the cuts; then the bytes of the connection.
import FuzzDriver
import HTTPShim
import NIOCore
import NIOEmbedded

struct Options {
    enum Speech { case http1, chosen, http2, socket }

    let speech: Speech
    let manner: FuzzBackend.Manner
    let timePasses: Bool

    init(_ byte: UInt8) {
        speech = [.http1, .chosen, .http2, .socket][Int(byte & 3)]
        manner = [.whole, .streamed, .fails, .late][Int(byte >> 2 & 3)]
        timePasses = byte & 16 == 16
    }
}

/// Takes what comes when a connection has become the wire protocol's: a fuzzer of its own has that.
final class Sink: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}

/// One connection to the door.
struct Connection {
    let channel = EmbeddedChannel()
    let backend: FuzzBackend
    let options: Options

    init(_ options: Options) {
        self.options = options
        backend = FuzzBackend(options.manner, on: channel.embeddedEventLoop)
        do {
            switch options.speech {
            case .http1, .socket:
                try configureHTTP1(channel, backend: backend, needsEdgeProof: false, clientAddress: "192.0.2.1") { channel, _ in
                    try channel.pipeline.syncOperations.addHandler(Sink())
                }
            case .chosen:
                try configurePlainHTTP(channel, backend: backend, needsEdgeProof: false, clientAddress: nil) { channel, _ in
                    try channel.pipeline.syncOperations.addHandler(Sink())
                }
            case .http2: try configureHTTP2(channel, backend: backend, needsEdgeProof: false, clientAddress: nil)
            }
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        } catch {
            preconditionFailure("the door cannot be set up: \(error)")
        }
    }

    func send(_ bytes: some Collection<UInt8>) {
        guard channel.isActive else { return }
        // A pipeline says so when bytes are no HTTP.
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
        if options.timePasses { channel.embeddedEventLoop.advanceTime(by: .milliseconds(700)) }
    }

    /// Waits until every limit of time is over, and checks what is left; returns what was sent.
    func finish() -> [UInt8] {
        for _ in 0..<8 { channel.embeddedEventLoop.advanceTime(by: .seconds(100)) }
        precondition(backend.underWay == 0, "a request is neither answered nor cancelled")
        precondition(backend.reservedBytes == 0, "bytes stay reserved")
        let isClosed = !channel.isActive
        var sent: [UInt8] = []
        while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { sent += bytes.readableBytesView }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        precondition(isClosed || options.speech != .http2, "a connection is still open")
        return sent
    }
}

/// What a request for a WebSocket looks like.
let upgrade = Array(
    """
    GET /v1/responses HTTP/1.1\r\nhost: g\r\nx-api-key: sk-good\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n
    """.utf8)

/// What an HTTP/2 connection begins with: its preface, and SETTINGS with nothing in them.
let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

/// HTTP/2's frames, from records that a search can change without breaking the next one: kind, flags, stream, length in two bytes, payload.
func frames(_ records: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = records[...]
    while rest.count >= 5 {
        let head = Array(rest.prefix(5))
        let payload = rest.dropFirst(5).prefix(Int(head[3]) << 8 | Int(head[4]))
        rest = rest.dropFirst(5 + payload.count)
        bytes += [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), head[0], head[1], 0, 0, 0, head[2]]
        bytes += payload
    }
    return bytes
}

/// Whether what was sent is a row of whole frames.
func checkFrames(_ sent: [UInt8]) {
    var rest = sent[...]
    while !rest.isEmpty {
        precondition(rest.count >= 9, "a frame's head is cut")
        let length = rest.prefix(3).reduce(0) { $0 << 8 | Int($1) }
        precondition(rest.count >= 9 + length, "a frame is cut")
        rest = rest.dropFirst(9 + length)
    }
}

func converse(_ options: Options, _ pieces: some Sequence<ArraySlice<UInt8>>) -> (begun: [ByteBuffer], sent: [UInt8]) {
    let connection = Connection(options)
    switch options.speech {
    case .socket: connection.send(upgrade)
    case .http2: connection.send(preface)
    case .http1, .chosen: break
    }
    for piece in pieces { connection.send(piece) }
    let sent = connection.finish()
    return (connection.backend.begun, sent)
}

fuzz { bytes in
    var input = Input(bytes)
    let options = Options(input.byte())
    let seed = input.byte()
    let all = options.speech == .http2 ? frames(Array(input.rest)) : Array(input.rest)
    let cut = converse(options, Chunks(all, seed: seed))
    switch options.speech {
    case .http2: checkFrames(cut.sent)
    case .chosen where all.starts(with: preface.prefix(24)): checkFrames(cut.sent)
    case .http1, .chosen, .socket:
        let responses = Responses(cut.sent)
        guard !options.timePasses else { return }
        let whole = converse(options, all.isEmpty ? [] : [all[...]])
        precondition(whole.begun == cut.begun, "cutting changes what is begun")
        precondition(Responses(whole.sent).outcome == responses.outcome, "cutting changes what is answered")
    }
}
