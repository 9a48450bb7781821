package import FuzzDriver
import NIOCore
import Wire

/// How an input is turned into what a peer does. Its first byte's bits:
///
/// | bit | meaning |
/// |---|---|
/// | 0 | the handshake is already over when the input's bytes come |
/// | 1 | the rest is records, `kind:8 stream:8 length:16 payload`, each of which becomes a frame with a right header |
/// | 2 | time passes between chunks |
package struct PeerOptions: OptionSet {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let afterHandshake = PeerOptions(rawValue: 1)
    package static let framed = PeerOptions(rawValue: 2)
    package static let timePasses = PeerOptions(rawValue: 4)
}

extension Input {
    /// All that is left, as bytes of the peer's.
    package mutating func peerBytes(framed: Bool) -> [UInt8] {
        guard framed else { return Array(bytes(rest.count)) }
        var frames = ByteBuffer()
        while !isEmpty {
            let kind = byte()
            let stream = StreamID(rawValue: UInt32(byte()))
            let payload = bytes(Int(byte()) << 8 | Int(byte()))
            frames.writeFrameHeader(FrameHeader(length: payload.count, kind: kind, stream: stream))
            frames.writeBytes(payload)
        }
        return Array(frames.readableBytesView)
    }
}
