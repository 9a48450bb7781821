// The message codec: whatever bytes are accepted mean the same after they are written and read again.
//
// Input: the frame type whose body follows (see the frame table of SPEC.md), then the body.
import FuzzDriver
import NIOCore
import Wire

func checkRoundTrip<M: WireMessage>(_: M.Type, _ body: ByteBuffer) {
    guard let message = try? M.decode(from: body) else { return }
    var encoded = ByteBuffer(integer: UInt8(0xFF))
    message.encode(into: &encoded)
    encoded.moveReaderIndex(forwardBy: 1)
    precondition(encoded.readableBytes == message.encodedLength, "the measured length is not the written one")
    guard let again = try? M.decode(from: encoded) else { preconditionFailure("what was written is not read") }
    var encodedAgain = ByteBuffer()
    again.encode(into: &encodedAgain)
    // Bytes, not values: a NaN in an embedding does not equal itself.
    precondition(encodedAgain == encoded, "writing and reading changed the message")
}

func checkRoundTrip(_ type: FrameType, _ body: ByteBuffer) {
    switch type {
    case .hello: checkRoundTrip(Hello.self, body)
    case .welcome: checkRoundTrip(Welcome.self, body)
    case .request: checkRoundTrip(Request.self, body)
    case .result: checkRoundTrip(ResultBody.self, body)
    case .begin: checkRoundTrip(Begin.self, body)
    case .delta: checkRoundTrip(Delta.self, body)
    case .end: checkRoundTrip(End.self, body)
    case .error: checkRoundTrip(ErrorBody.self, body)
    case .cancel: checkRoundTrip(Cancel.self, body)
    case .goAway: checkRoundTrip(GoAway.self, body)
    case .credit, .ping, .pong: break
    }
}

fuzz { bytes in
    var input = Input(bytes)
    guard let type = FrameType(rawValue: input.byte()) else { return }
    checkRoundTrip(type, ByteBuffer(bytes: input.rest))
}
