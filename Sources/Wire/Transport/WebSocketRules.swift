package import NIOCore
package import NIOWebSocket
import Wire

/// What one side of a WebSocket does about the frames that it receives, by RFC 6455 and SPEC.md ("The WebSocket binding"). Pure.
package struct WebSocketRules {
    package enum Side: Sendable {
        case client
        case server
    }

    /// What the data frames carry.
    package enum Carried: Sendable {
        /// The byte stream of the wire protocol: messages mean nothing, and what binary frames hold comes one after the other.
        case bytes
        /// Texts, one in each message, which is put together from its frames. A longer one is `1009`.
        case texts(maxBytes: Int)
    }

    package enum Action: Equatable {
        case none
        /// Bytes of the wire protocol, or a whole text, of which nobody has looked yet whether it is UTF-8.
        case deliver(ByteBuffer)
        /// Answer a ping with the same bytes.
        case pong(ByteBuffer)
        /// The peer broke a rule: say so with Close, and nothing behind it.
        case fail(WebSocketErrorCode)
        /// The peer said Close: say it too, with this code, and end the connection. `nil`: the peer gave none.
        case answerClose(WebSocketErrorCode?)
        /// The peer has answered our Close: end the connection.
        case end
    }

    private enum State {
        case open
        /// We have said Close, and the peer may not have yet.
        case closing
        case over
    }

    /// Payload of a frame of the wire protocol at most, either way. A longer one from the peer is `1009`, before its bytes are kept.
    package static let maxFrameBytes = 131_072
    /// Ping, pong. Proxies and libraries send one every few seconds at most.
    static let controlFrames = AbuseBudget.Rate(burst: 32, permitsPerSecond: 1)
    /// Data frames that carry nothing.
    static let emptyFrames = AbuseBudget.Rate(burst: 64, permitsPerSecond: 4)

    private let side: Side
    private var state = State.open
    package private(set) var isInsideMessage = false
    private let carried: Carried
    /// What has come of a text.
    private var text = ByteBuffer()
    private var control: AbuseBudget
    private var empty: AbuseBudget

    package init(_ side: Side, carries carried: Carried = .bytes, now: NIODeadline) {
        self.side = side
        self.carried = carried
        control = AbuseBudget(Self.controlFrames, now: now)
        empty = AbuseBudget(Self.emptyFrames, now: now)
    }

    /// Whether data may be sent.
    package var isOpen: Bool { state == .open }

    package mutating func frameReceived(_ frame: WebSocketFrame, now: NIODeadline) -> Action {
        switch state {
        case .over: return .none
        case .closing:
            guard frame.opcode == .connectionClose else { return .none }
            state = .over
            return .end
        case .open:
            // Clients mask, servers do not; reserved bits belong to extensions, of which there are none.
            guard (frame.maskKey != nil) == (side == .server), frame.reservedBits.isEmpty else { return fail(.protocolError) }
            return frame.opcode.isControlOpcode ? controlReceived(frame, now: now) : dataReceived(frame, now: now)
        }
    }

    /// The peer's bytes are no frame, or one that may not be.
    package mutating func decodingFailed(_ error: NIOWebSocketError) -> Action {
        guard state == .open else {
            state = .over
            return .end
        }
        switch error {
        case .invalidFrameLength: return fail(.messageTooLarge)
        case .fragmentedControlFrame, .multiByteControlFrameLength: return fail(.protocolError)
        }
    }

    /// This side is done.
    ///
    /// - Returns: whether Close is to be said; `false`: it was.
    package mutating func closeRequested() -> Bool {
        guard state == .open else { return false }
        state = .closing
        return true
    }

    private mutating func dataReceived(_ frame: WebSocketFrame, now: NIODeadline) -> Action {
        let (own, other): (WebSocketOpcode, WebSocketOpcode) = if case .bytes = carried { (.binary, .text) } else { (.text, .binary) }
        switch frame.opcode {
        case other: return fail(.unacceptableData)
        case own where !isInsideMessage, .continuation where isInsideMessage: break
        default: return fail(.protocolError)
        }
        isInsideMessage = !frame.fin
        if frame.length == 0, !empty.spend(now: now) { return fail(.policyViolation) }
        switch carried {
        case .bytes: return frame.length > 0 ? .deliver(frame.unmaskedData) : .none
        case .texts(let maxBytes): return textReceived(frame, maxBytes)
        }
    }

    private mutating func textReceived(_ frame: WebSocketFrame, _ maxBytes: Int) -> Action {
        guard frame.length <= maxBytes - text.readableBytes else { return fail(.messageTooLarge) }
        if text.readableBytes == 0 { text = frame.unmaskedData } else { text.writeImmutableBuffer(frame.unmaskedData) }
        guard frame.fin else { return .none }
        defer { text = ByteBuffer() }
        return .deliver(text)
    }

    private mutating func controlReceived(_ frame: WebSocketFrame, now: NIODeadline) -> Action {
        switch frame.opcode {
        case .connectionClose: return closeReceived(frame.unmaskedData)
        case .ping, .pong:
            guard control.spend(now: now) else { return fail(.policyViolation) }
            return frame.opcode == .ping ? .pong(frame.unmaskedData) : .none
        default: return fail(.protocolError)
        }
    }

    private mutating func closeReceived(_ payload: ByteBuffer) -> Action {
        state = .over
        var payload = payload
        if payload.readableBytes == 0 { return .answerClose(nil) }
        guard let number = payload.readInteger(as: UInt16.self), Self.maySend(number) else { return .answerClose(.protocolError) }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else {
            return .answerClose(.dataInconsistentWithMessage)
        }
        return .answerClose(WebSocketErrorCode(codeNumber: Int(number)))
    }

    /// Whether a Close may have this code (RFC 6455, 7.4, and IANA's registry).
    private static func maySend(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    private mutating func fail(_ code: WebSocketErrorCode) -> Action {
        state = .closing
        return .fail(code)
    }
}
