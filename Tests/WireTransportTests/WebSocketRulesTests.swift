import NIOCore
import NIOWebSocket
import Testing

@testable import WireTransport

@Suite("WebSocketRules")
struct WebSocketRulesTests {
    private static let key = WebSocketMaskingKey([1, 2, 3, 4])

    /// A client's frame, masked as it must be.
    private static func frame(_ opcode: WebSocketOpcode, _ text: String = "", fin: Bool = true) -> WebSocketFrame {
        var data = ByteBuffer(string: text)
        if let key { data.webSocketMask(key) }
        return WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: data)
    }

    private static func close(_ bytes: [UInt8]) -> WebSocketFrame {
        var data = ByteBuffer(bytes: bytes)
        if let key { data.webSocketMask(key) }
        return WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: key, data: data)
    }

    private static let start = NIODeadline.uptimeNanoseconds(0)

    private static func server() -> WebSocketRules { WebSocketRules(.server, now: start) }

    @Test("the bytes of data frames are one stream, however messages cut it, with control frames between their fragments")
    func bytes() {
        var rules = Self.server()
        let frames: [(WebSocketFrame, WebSocketRules.Action)] = [
            (Self.frame(.binary, "one"), .deliver(ByteBuffer(string: "one"))),
            (Self.frame(.binary, "two", fin: false), .deliver(ByteBuffer(string: "two"))),
            (Self.frame(.ping, "are you there"), .pong(ByteBuffer(string: "are you there"))),
            (Self.frame(.continuation, "three", fin: false), .deliver(ByteBuffer(string: "three"))),
            (Self.frame(.pong), .none),
            (Self.frame(.continuation), .none),
            (Self.frame(.binary, "four"), .deliver(ByteBuffer(string: "four"))),
        ]
        for (frame, action) in frames {
            let taken = rules.frameReceived(frame, now: Self.start)
            #expect(taken == action)
        }
        #expect(rules.isOpen)
    }

    @Test("what breaks a rule is answered with its code, once, and nothing behind it counts")
    func violations() {
        var reserved = Self.frame(.binary, "x")
        reserved.rsv1 = true
        var reservedControl = Self.frame(.ping)
        reservedControl.rsv3 = true
        let unmasked = WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(string: "x"))
        let opcode3 = WebSocketOpcode(encodedWebSocketOpcode: 3) ?? .text
        let opcode11 = WebSocketOpcode(encodedWebSocketOpcode: 11) ?? .text
        let table: [([WebSocketFrame], WebSocketErrorCode)] = [
            ([unmasked], .protocolError), ([reserved], .protocolError), ([reservedControl], .protocolError),
            ([Self.frame(opcode3)], .protocolError), ([Self.frame(opcode11)], .protocolError),
            ([Self.frame(.continuation, "x")], .protocolError),
            ([Self.frame(.binary, "x", fin: false), Self.frame(.binary, "y")], .protocolError),
            ([Self.frame(.binary, "x"), Self.frame(.continuation, "y")], .protocolError),
            ([Self.frame(.text, "x")], .unacceptableData), ([Self.frame(.text, "x", fin: false)], .unacceptableData),
            (Array(repeating: Self.frame(.ping), count: 33), .policyViolation),
            (Array(repeating: Self.frame(.pong), count: 33), .policyViolation),
            (Array(repeating: Self.frame(.binary), count: 65), .policyViolation),
        ]
        for (frames, code) in table {
            var rules = Self.server()
            for frame in frames.dropLast() {
                if case .fail = rules.frameReceived(frame, now: Self.start) { Issue.record("too early: \(code)") }
            }
            let last = frames.last.map { rules.frameReceived($0, now: Self.start) }
            #expect(last == .fail(code), "\(frames.count) \(code)")
            let mayClose = rules.closeRequested()
            #expect(!rules.isOpen && !mayClose)
            let behind = [Self.frame(.binary, "later"), Self.close([3, 232]), Self.close([3, 232])].map {
                rules.frameReceived($0, now: Self.start)
            }
            #expect(behind == [.none, .end, .none])
        }
        var client = WebSocketRules(.client, now: Self.start)
        let masked = client.frameReceived(Self.frame(.binary, "x"), now: Self.start)
        #expect(masked == .fail(.protocolError))
    }

    @Test("what the decoder refuses has a code too; behind a Close it only ends the connection")
    func decoding() {
        for (error, code) in [
            (NIOWebSocketError.invalidFrameLength, WebSocketErrorCode.messageTooLarge), (.fragmentedControlFrame, .protocolError),
            (.multiByteControlFrameLength, .protocolError),
        ] {
            var rules = Self.server()
            let actions = [rules.decodingFailed(error), rules.decodingFailed(error)]
            #expect(actions == [.fail(code), .end])
        }
    }

    @Test("pings come back with time")
    func budgets() {
        var rules = Self.server()
        func ping(_ seconds: Int) -> WebSocketRules.Action {
            rules.frameReceived(Self.frame(.ping), now: Self.start + .seconds(Int64(seconds)))
        }
        let pings = (0..<32).map { _ in ping(0) } + (1...20).map(ping)
        #expect(pings.allSatisfy { $0 == .pong(ByteBuffer()) })
        let overdone = ping(20)
        #expect(overdone == .fail(.policyViolation))
    }

    @Test(
        "a peer's Close is answered with its code, or with what is wrong with it",
        arguments: [
            ([], nil), ([3, 232], .normalClosure), ([3, 233], .goingAway), ([3, 232, 98, 121, 101], .normalClosure),
            ([15, 160], .unknown(4000)), ([11, 184], .unknown(3000)),
            ([3], .protocolError), ([3, 237], .protocolError), ([3, 238], .protocolError), ([3, 247], .protocolError),
            ([0, 0], .protocolError), ([7, 208], .protocolError), ([19, 136], .protocolError),
            ([3, 232, 0xFF], .dataInconsistentWithMessage),
        ] as [([UInt8], WebSocketErrorCode?)])
    func peersClose(payload: [UInt8], answer: WebSocketErrorCode?) {
        var rules = Self.server()
        let actions = [Self.close(payload), Self.frame(.binary, "x")].map { rules.frameReceived($0, now: Self.start) }
        #expect(actions == [.answerClose(answer), .none])
        let mayClose = rules.closeRequested()
        #expect(!rules.isOpen && !mayClose)
    }

    @Test("our own Close is said once, and the peer's ends the connection")
    func ownClose() {
        var rules = Self.server()
        let requests = [rules.closeRequested(), rules.closeRequested()]
        #expect(requests == [true, false])
        let actions = [Self.frame(.binary, "late"), Self.frame(.ping), Self.close([3, 232])].map {
            rules.frameReceived($0, now: Self.start)
        }
        #expect(actions == [.none, .none, .end])
    }
}
