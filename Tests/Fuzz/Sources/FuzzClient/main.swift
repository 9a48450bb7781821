// The client's side of a connection: whatever a server sends, in whatever pieces, nothing traps, grows or spins, and the pieces make no
// difference.
//
// Input: options (PeerOptions), a seed for the lengths of the chunks, the server's bytes. Streams 1, 3 and 5 are open, 5 is cancelled
// when the first answer begins.
import FuzzDriver
import FuzzPeer
import NIOCore
import Wire

struct Client: Application {
    var machine: ClientConnection
    private(set) var openStreams: [StreamID] = []

    init(machine: ClientConnection) {
        self.machine = machine
        for _ in 0..<3 {
            guard let stream = try? self.machine.send(Request()) else { preconditionFailure("three streams are within every limit") }
            openStreams.append(stream)
        }
    }

    mutating func handle(_ event: ClientEvent) {
        switch event {
        case .beginReceived:
            if openStreams.count == 3 { machine.cancel(openStreams.removeLast(), reason: .unspecified) }
        case .deltaReceived(let stream, let delta, let cost):
            precondition(cost >= delta.data.readableBytes, "a delta costs less than it carries")
            machine.consumed(cost, on: stream)
        default: break
        }
        precondition(machine.openStreams <= 3, "a stream that nobody opened")
        if machine.isClosed { precondition(machine.openStreams == 0, "streams outlive their connection") }
    }
}

let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

/// What a server sends first.
let handshake: [UInt8] = {
    var client = ClientConnection(credential: "key", now: start)
    var server = ServerConnection(now: start)
    guard var hello = client.takeOutbound() else { preconditionFailure("a client begins with HELLO") }
    server.receive(&hello, now: start)
    guard case .helloReceived = server.nextEvent() else { preconditionFailure("a server reads its client's HELLO") }
    server.accept()
    guard let bytes = server.takeOutbound() else { preconditionFailure("a server answers HELLO with WELCOME") }
    return Array(bytes.readableBytesView)
}()

func makeDriver(_ options: PeerOptions) -> Driver<Client> {
    var driver = Driver(Client(machine: ClientConnection(credential: "key", compressor: LZ4Compressor(), now: start)), now: start)
    if options.contains(.afterHandshake) { driver.receive(handshake) }
    return driver
}

fuzz { bytes in
    var input = Input(bytes)
    let options = PeerOptions(rawValue: input.byte())
    let seed = input.byte()
    let fromServer = input.peerBytes(framed: options.contains(.framed))

    var inChunks = makeDriver(options)
    for chunk in Chunks(fromServer, seed: seed) {
        inChunks.receive(chunk)
        if options.contains(.timePasses) { inChunks.waitForDeadline() }
    }
    if !options.contains(.timePasses) {
        var atOnce = makeDriver(options)
        atOnce.receive(fromServer)
        precondition(atOnce.events == inChunks.events, "a chunking changed what happened")
    }
    inChunks.loseConnection()
}
