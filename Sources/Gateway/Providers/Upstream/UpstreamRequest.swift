package import NIOCore
package import NIOHTTP1

/// The methods that upstreams are called with.
package enum UpstreamMethod: Sendable, Hashable {
    case get
    case post
}

/// One request to an upstream. The pool adds `host` and `content-length`.
package struct UpstreamRequest: Sendable {
    package var endpoint: UpstreamEndpoint
    package var method: UpstreamMethod
    /// Appended to the endpoint's base path: starts with `/`, may hold a query. Bytes that no request line may hold are percent-encoded.
    package var path: String
    package var headers: UpstreamHeaders
    package var body: ByteBuffer
    /// Instead of the endpoint's own.
    package var timeouts: UpstreamTimeouts
    /// Whether the pool may send the request a second time when a kept-alive connection turns out to have been closed by the server.
    ///
    /// HTTP cannot tell whether the server had read the request before it closed (RFC 9112 section 9.3.1), so this is safe for requests whose
    /// repetition harms nobody. A completion is one: it changes nothing at the provider, and the price of a wrong guess, which the stale
    /// window makes unlikely, is that it is generated twice. Set it to `false` for anything that creates or deletes.
    package var retriesOnStaleConnection: Bool

    package init(
        endpoint: UpstreamEndpoint, method: UpstreamMethod = .post, path: String, headers: UpstreamHeaders = UpstreamHeaders(),
        body: ByteBuffer = ByteBuffer(), timeouts: UpstreamTimeouts? = nil, retriesOnStaleConnection: Bool = true
    ) {
        self.endpoint = endpoint
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.timeouts = timeouts ?? endpoint.timeouts
        self.retriesOnStaleConnection = retriesOnStaleConnection
    }

    /// Writes request line and header fields in their wire form (RFC 9112 section 2.1).
    func writeHead(into buffer: inout ByteBuffer) {
        switch method {
        case .get: buffer.writeStaticString("GET ")
        case .post: buffer.writeStaticString("POST ")
        }
        Self.writeTarget(endpoint.basePath, into: &buffer)
        Self.writeTarget(path, into: &buffer)
        buffer.writeStaticString(" HTTP/1.1\r\nhost: ")
        buffer.writeString(endpoint.authority)
        if method == .post || body.readableBytes > 0 {
            buffer.writeStaticString("\r\ncontent-length: ")
            buffer.writeString(String(body.readableBytes))
        }
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(headers.wireForm)
        buffer.writeStaticString("\r\n")
    }

    private static func writeTarget(_ path: String, into buffer: inout ByteBuffer) {
        if path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            buffer.writeString(path)
            return
        }
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in path.utf8 {
            if byte > 0x20, byte < 0x7F {
                buffer.writeInteger(byte)
            } else {
                buffer.writeBytes([UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
    }
}

/// Who takes an answer. Called on the pool's event loop only and never from inside `send`.
///
/// The order is: at most one head, then any number of body pieces, then exactly one of `upstreamEnded` and `upstreamFailed`. Nothing is
/// called after `UpstreamCall.cancel()`, and nothing while the call is paused. A method may cancel, pause or resume its call and may send
/// other requests.
package protocol UpstreamReceiver: AnyObject {
    func upstreamHeadReceived(status: Int, headers: HTTPHeaders)
    /// A piece of the body with its transfer coding removed: never empty, a slice of the receive buffer.
    func upstreamBodyReceived(_ bytes: ByteBuffer)
    /// The answer is whole.
    func upstreamEnded()
    func upstreamFailed(_ failure: UpstreamFailure)
}
