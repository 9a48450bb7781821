// The server's side of a connection: whatever a client sends, in whatever pieces, nothing traps, grows or spins, and the pieces make
// no difference.
//
// Input: options (PeerOptions), a seed for the lengths of the chunks, the client's bytes.
import FuzzDriver
import FuzzPeer
import NIOCore
import Wire

/// Answers requests, each in a way that follows from its stream's number.
struct Server: Application {
    var machine: ServerConnection

    mutating func handle(_ event: ServerEvent) {
        switch event {
        case .helloReceived: machine.accept()
        case .requestReceived(let stream, _): answer(stream)
        default: break
        }
        precondition(machine.openStreams >= 0 && machine.openStreams <= 256, "more streams than the limit")
        precondition(machine.inFlightRequestBytes >= 0, "more requests ended than began")
        if machine.isClosed {
            precondition(machine.openStreams == 0 && machine.inFlightRequestBytes == 0, "streams outlive their connection")
        }
    }

    private mutating func answer(_ stream: StreamID) {
        let text = ByteBuffer(repeating: UInt8(ascii: "a"), count: 100_000)
        switch stream.rawValue >> 1 & 3 {
        case 0:
            machine.sendBegin(Begin(), on: stream)
            var delta = Delta()
            delta.data = text
            for _ in 0..<3 { machine.sendDelta(delta, on: stream) }
            machine.sendEnd(End(), on: stream)
        case 1:
            machine.sendBegin(Begin(), on: stream)
            machine.sendResult(ResultBody(.chat(ChatResult(choices: [Choice(items: [Item(data: text)])]))), on: stream)
            machine.sendEnd(End(), on: stream)
        case 2: machine.sendError(ErrorBody(code: .overloaded), on: stream)
        // Left open, for CANCEL, CREDIT and deadlines to act on.
        default: machine.sendBegin(Begin(), on: stream)
        }
    }
}

let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

/// What a client sends first.
let handshake: [UInt8] = {
    var client = ClientConnection(credential: "key", now: start)
    guard let bytes = client.takeOutbound() else { preconditionFailure("a client begins with HELLO") }
    return Array(bytes.readableBytesView)
}()

func makeDriver(_ options: PeerOptions) -> Driver<Server> {
    var driver = Driver(Server(machine: ServerConnection(compressor: LZ4Compressor(), now: start)), now: start)
    if options.contains(.afterHandshake) { driver.receive(handshake) }
    return driver
}

/// Events in the order in which they come for any chunking: how far the socket has emptied the queues is not among them.
func comparable(_ events: [ServerEvent]) -> [ServerEvent] {
    events.filter { event in
        if case .streamWritable = event { return false }
        return true
    }
}

fuzz { bytes in
    var input = Input(bytes)
    let options = PeerOptions(rawValue: input.byte())
    let seed = input.byte()
    let fromClient = input.peerBytes(framed: options.contains(.framed))

    var inChunks = makeDriver(options)
    for chunk in Chunks(fromClient, seed: seed) {
        inChunks.receive(chunk)
        if options.contains(.timePasses) { inChunks.waitForDeadline() }
    }
    if !options.contains(.timePasses) {
        var atOnce = makeDriver(options)
        atOnce.receive(fromClient)
        precondition(comparable(atOnce.events) == comparable(inChunks.events), "a chunking changed what happened")
    }
    inChunks.loseConnection()
}
