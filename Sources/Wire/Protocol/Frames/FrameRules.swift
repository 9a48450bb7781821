/// What SPEC.md's frame table says of one frame type.
struct FrameRules: Sendable {
    enum Sender: Sendable {
        case client
        case server
        case both
    }

    enum Place: Sendable {
        case connection
        case stream
        case both
    }

    enum PayloadLength: Sendable {
        case exactly(Int)
        /// At most ``FrameRules/controlPayloadLimit``.
        case control
        /// At most the receiver's `max_frame_bytes`.
        case frame
    }

    /// Payloads of frames that no credit is needed for stay below this, whatever `max_frame_bytes` is.
    static let controlPayloadLimit = 8192

    var sender: Sender
    var place: Place
    var length: PayloadLength
    var flags: FrameFlags

    static func of(_ type: FrameType) -> FrameRules {
        switch type {
        case .hello: FrameRules(sender: .client, place: .connection, length: .control, flags: [])
        case .welcome: FrameRules(sender: .server, place: .connection, length: .control, flags: [])
        case .request: FrameRules(sender: .client, place: .stream, length: .frame, flags: [.compressed, .more, .endStream])
        case .result: FrameRules(sender: .server, place: .stream, length: .frame, flags: [.compressed, .more])
        case .begin: FrameRules(sender: .server, place: .stream, length: .control, flags: [])
        case .delta: FrameRules(sender: .server, place: .stream, length: .frame, flags: [.compressed])
        case .end: FrameRules(sender: .server, place: .stream, length: .control, flags: [])
        case .error: FrameRules(sender: .both, place: .both, length: .control, flags: [])
        case .cancel: FrameRules(sender: .client, place: .stream, length: .control, flags: [])
        case .credit: FrameRules(sender: .both, place: .both, length: .exactly(4), flags: [])
        case .ping, .pong: FrameRules(sender: .both, place: .connection, length: .exactly(8), flags: [])
        case .goAway: FrameRules(sender: .both, place: .connection, length: .control, flags: [])
        }
    }
}

extension FrameHeader {
    /// Checks what can be told from the header alone, before a byte of the payload is kept.
    ///
    /// - Parameters:
    ///   - receiver: whose rules: `.client` receives what servers send.
    ///   - maxFrameBytes: the receiver's own limit.
    func validate(receiver: ConnectionSide, maxFrameBytes: Int) throws(ConnectionBreach) {
        guard length <= maxFrameBytes else {
            throw ConnectionBreach(.frameTooLarge, "the payload is longer than max_frame_bytes")
        }
        guard let type else { return }
        let rules = FrameRules.of(type)
        if rules.sender == (receiver == .client ? .client : .server) {
            throw .protocolError("a \(type) frame from the wrong side")
        }
        switch rules.place {
        case .connection where stream != .connection: throw .protocolError("a \(type) frame on a stream")
        case .stream where stream == .connection: throw .protocolError("a \(type) frame on stream 0")
        default: break
        }
        guard rules.flags.isSuperset(of: flags) else { throw .protocolError("a flag that \(type) frames do not have") }
        if type == .request, flags.contains(.more) == flags.contains(.endStream) {
            throw .protocolError("a REQUEST frame has one of the flags more and endStream")
        }
        switch rules.length {
        case .exactly(let count) where length != count: throw .protocolError("a \(type) payload of the wrong length")
        case .control where length > FrameRules.controlPayloadLimit:
            throw ConnectionBreach(.frameTooLarge, "a \(type) payload is longer than \(FrameRules.controlPayloadLimit) bytes")
        default: break
        }
    }
}

/// The two ends of a connection.
package enum ConnectionSide: Sendable {
    case client
    case server
}
