import GatewayCore
import GatewayJSON
import HTTPShim
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// One HTTP/1.1 connection to the door, in virtual time.
final class HTTP1Connection {
    let channel: EmbeddedChannel
    let backend: ScriptedBackend
    /// Where the door's connection goes when it becomes a WebSocket.
    let afterUpgrade = BytesAfterUpgrade()
    private(set) var isClosed = false

    /// - Parameter isPlain: whether the connection has still to say which HTTP it speaks.
    init(_ backend: ScriptedBackend = ScriptedBackend(), needsEdgeProof: Bool = false, isPlain: Bool = false) throws {
        self.backend = backend
        channel = EmbeddedChannel()
        let bytes = afterUpgrade
        let configure = isPlain ? configurePlainHTTP : configureHTTP1
        try configure(channel, backend, needsEdgeProof, "192.0.2.1") { channel, address in
            bytes.clientAddress = address
            try channel.pipeline.syncOperations.addHandler(bytes)
        }
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in self?.isClosed = true }
    }

    deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

    /// Lets bytes arrive in one read.
    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        guard channel.isActive else { return }
        do { try channel.writeInbound(ByteBuffer(bytes: bytes)) } catch is HTTPParserError {}
        channel.embeddedEventLoop.run()
    }

    func post(_ body: String, _ headers: [String] = [], path: String = "/v1/chat/completions") throws {
        let lines = [
            "POST \(path) HTTP/1.1", "host: gateway", "authorization: Bearer \(ScriptedBackend.key)", "content-length: \(body.utf8.count)",
        ]
        try send((lines + headers).joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    func get(_ path: String, method: String = "GET", _ headers: [String] = []) throws {
        let lines = ["\(method) \(path) HTTP/1.1", "host: gateway", "x-api-key: \(ScriptedBackend.key)"]
        try send((lines + headers).joined(separator: "\r\n") + "\r\n\r\n")
    }

    func advance(_ time: TimeAmount) {
        channel.embeddedEventLoop.advanceTime(by: time)
    }

    func setWritable(_ isWritable: Bool) {
        channel.isWritable = isWritable
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.run()
    }

    /// Every byte that was sent to the client since the last look.
    private func sentBytes() throws -> [UInt8] {
        channel.embeddedEventLoop.run()
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes += buffer.readableBytesView }
        return bytes
    }

    func sent() throws -> String { String(decoding: try sentBytes(), as: UTF8.self) }

    /// The one response that was sent since the last look.
    func response(toHead: Bool = false) throws -> HTTPResponse {
        let responses = try responses(toHead: toHead)
        try #require(responses.count == 1)
        return responses[0]
    }

    func responses(toHead: Bool = false) throws -> [HTTPResponse] {
        var bytes = try sentBytes()[...]
        var responses: [HTTPResponse] = []
        while let response = HTTPResponse(reading: &bytes, toHead: toHead) { responses.append(response) }
        #expect(bytes.isEmpty)
        return responses
    }

    var exchange: ScriptedExchange {
        get throws { try #require(backend.exchanges.last) }
    }
}

/// A response as a client reads it.
struct HTTPResponse {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body = ""
    var trailers: [(name: String, value: String)] = []
    /// Whether the body's end was there.
    var isComplete = true

    subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    func trailer(_ name: String) -> String? { trailers.first { $0.name == name }?.value }

    /// Takes one response from the front of `bytes`; `nil`: there is none, or its head is not whole.
    init?(reading bytes: inout ArraySlice<UInt8>, toHead: Bool = false) {
        guard let headEnd = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        var lines = Self.lines(bytes[..<headEnd.lowerBound])
        guard let code = lines.removeFirst().split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        status = code
        headers = lines.map(Self.header)
        bytes = bytes[headEnd.upperBound...]
        if let length = self["content-length"].flatMap({ Int($0) }) {
            let content = toHead ? [] : bytes.prefix(length)
            body = String(decoding: content, as: UTF8.self)
            isComplete = toHead || content.count == length
            bytes = bytes.dropFirst(content.count)
        } else if self["transfer-encoding"] == "chunked" {
            isComplete = readChunks(&bytes)
        } else if code >= 200, code != 204 {
            body = String(decoding: bytes, as: UTF8.self)
            bytes = []
        }
    }

    private static func lines(_ bytes: ArraySlice<UInt8>) -> [String] {
        bytes.split(separator: 0x0A).map { String(decoding: $0.filter { $0 != 0x0D }, as: UTF8.self) }
    }

    private static func header(_ line: String) -> (name: String, value: String) {
        let name = line.prefix { $0 != ":" }
        return (name.lowercased(), String(line.dropFirst(name.count + 1).drop { $0 == " " }))
    }

    private mutating func readChunks(_ bytes: inout ArraySlice<UInt8>) -> Bool {
        while let lineEnd = bytes.firstRange(of: [0x0D, 0x0A]) {
            guard let size = Int(String(decoding: bytes[..<lineEnd.lowerBound], as: UTF8.self), radix: 16) else { return false }
            if size == 0 {
                guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return false }
                trailers = Self.lines(bytes[lineEnd.upperBound..<max(lineEnd.upperBound, end.lowerBound)]).map(Self.header)
                bytes = bytes[end.upperBound...]
                return true
            }
            bytes = bytes[lineEnd.upperBound...]
            body += String(decoding: bytes.prefix(size), as: UTF8.self)
            bytes = bytes.dropFirst(size + 2)
        }
        return false
    }

    func error() throws -> ErrorObject { try ErrorObject(body) }
}

/// The four fields of OpenAI's error object, when a text is one with all four and nothing else.
struct ErrorObject: Equatable {
    var message: String
    var type: String
    var param: String?
    var code: String

    init(_ json: String) throws {
        let document = ByteBuffer(string: json)
        var index = JSONIndex()
        try index.scan(document)
        (message, type, param, code) = try index.read(document) { root in
            let error = try #require(try root.member("error"))
            #expect(error.members.map { $0.key.string } == ["message", "type", "param", "code"])
            return (
                try #require(try error.member("message")?.string), try #require(try error.member("type")?.string),
                try error.member("param")?.string, try #require(try error.member("code")?.string)
            )
        }
    }
}

/// Keeps what a connection brings once it is no longer HTTP.
final class BytesAfterUpgrade: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private(set) var isReached = false
    private(set) var text = ""
    var clientAddress: String?

    func handlerAdded(context: ChannelHandlerContext) { isReached = true }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
    }
}
