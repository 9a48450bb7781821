// The PROXY protocol's header: no cutting of a balancer's bytes changes what is read, and nothing is taken but a whole header.
//
// Input: a seed for the cuts, then the bytes of a connection.
import Door
import FuzzDriver
import NIOCore

/// What reading comes to, and how many bytes are left.
enum Reading: Equatable {
    case header(ProxyHeader, left: Int)
    case flaw(ProxyHeader.Flaw)
    case unfinished
}

func read(_ bytes: inout ByteBuffer) -> Reading {
    let before = bytes
    do throws(ProxyHeader.Flaw) {
        guard let header = try ProxyHeader.read(from: &bytes) else {
            precondition(bytes == before, "bytes of a header that is not whole were taken")
            precondition(bytes.readableBytes < ProxyHeader.maxBytes, "more is waited for than a header can have")
            return .unfinished
        }
        let taken = before.readableBytes - bytes.readableBytes
        precondition(taken <= ProxyHeader.maxBytes && before.readableBytesView.dropFirst(taken).elementsEqual(bytes.readableBytesView))
        precondition(ProxyHeader.isBegun(by: before), "a header that does not begin like one was read")
        if case .client(let address) = header.source {
            precondition((try? SocketAddress(ipAddress: address, port: 0)) != nil, "a client without an address")
        }
        return .header(header, left: bytes.readableBytes)
    } catch {
        return .flaw(error)
    }
}

fuzz { bytes in
    var input = Input(bytes)
    let seed = input.byte()
    let all = [UInt8](input.rest)
    var whole = ByteBuffer(bytes: all)
    let expected = read(&whole)
    var pieces = ByteBuffer()
    var came = 0
    for piece in Chunks(all, seed: seed) {
        pieces.writeBytes(piece)
        came += piece.count
        switch read(&pieces) {
        case .unfinished: continue
        case .flaw(let flaw):
            precondition(expected == .flaw(flaw), "cutting changed what is wrong")
            return
        case .header(let header, let left):
            precondition(expected == .header(header, left: left + all.count - came), "cutting changed the header")
            return
        }
    }
    precondition(expected == .unfinished || all.isEmpty, "cut bytes come to nothing")
}
