import GatewayCore
import NIOCore
import NIOHTTP1

/// Whether a request may become a WebSocket: RFC 6455, 4.2.1, and for the wire protocol SPEC.md ("The WebSocket binding"). Pure.
///
/// `Origin` and cookies are not looked at: who calls is said by HELLO, or by a header of the upgrade, with a credential that no browser adds by itself,
/// so a page of another site gains nothing by one.
enum WebSocketUpgrade {
    static let path = "/agentshield/v1"
    static let subprotocol = "agentshield.v1"
    private static let version = "13"

    /// - Parameters:
    ///   - subprotocol: what the client must offer; `nil`: nothing, and nothing of what it offers is taken.
    ///   - isMultiplexed: whether the request came over HTTP/2, where RFC 8441 would be needed.
    static func check(_ head: HTTPRequestHead, _ framing: BodyFraming, subprotocol: String?, isMultiplexed: Bool) throws(Fault) {
        guard !isMultiplexed else { throw .webSocketOverHTTP2 }
        guard head.version == .http1_1, head.method == .GET, head.headers.lists("websocket", in: "upgrade"),
            head.headers.lists("upgrade", in: "connection")
        else { throw .noUpgrade }
        guard framing.isEmpty else { throw .badHeader("upgrade", "stands in a request with a body") }
        guard head.headers["sec-websocket-version"] == [version] else {
            throw .badHeader("sec-websocket-version", "must be \(version)", status: 426)
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, isKey(keys[0]) else { throw .badHeader("sec-websocket-key", "must be 16 bytes in Base64, once") }
        guard let subprotocol else { return }
        guard head.headers.lists(subprotocol, in: "sec-websocket-protocol") else {
            throw .badHeader("sec-websocket-protocol", "must offer \(subprotocol)")
        }
    }

    /// 16 bytes are 22 characters and two of padding, of which the last one that counts has four bits of nothing.
    private static func isKey(_ text: String) -> Bool {
        let digits = text.utf8.dropLast(2)
        guard text.utf8.count == 24, text.utf8.suffix(2).elementsEqual("==".utf8), let last = digits.last else { return false }
        return digits.allSatisfy(isBase64) && "AQgw".utf8.contains(last)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}

extension HTTPHeaders {
    fileprivate func lists(_ token: String, in name: String) -> Bool {
        self[name].contains { $0.listsToken(token) }
    }
}

extension Fault {
    fileprivate static let noUpgrade = Fault(
        .invalidRequest, origin: .downstream,
        message: """
            This path is a WebSocket's: it takes GET over HTTP/1.1 with `Upgrade: websocket` and `Connection: Upgrade`. A proxy in front must \
            speak HTTP/1.1 and pass both headers on.
            """, parameter: "upgrade", httpStatusOverride: 426)
    fileprivate static let webSocketOverHTTP2 = Fault(
        .unsupported, origin: .downstream,
        message: "A WebSocket begins over HTTP/1.1 here: connect anew and offer http/1.1 alone in ALPN.")
}
