import NIOCore
import Testing
import Wire

extension StreamID {
    static let first = StreamID(rawValue: 1)
    static let second = StreamID(rawValue: 3)
}

extension Request {
    /// A streamed chat with a text of so many bytes.
    static func chat(bytes: Int = 2) -> Request {
        let message = ChatMessage(role: .user, parts: [Part(.text(Text(String(repeating: "x", count: bytes))))])
        return Request(operation: .chat(ChatRequest(model: "m", messages: [message], stream: true)))
    }
}

extension Delta {
    static func text(_ text: String) -> Delta {
        Delta(kind: .text, data: ByteBuffer(string: text))
    }
}

/// Bytes that LZ4 finds nothing in.
func noise(_ count: Int) -> ByteBuffer {
    var state: UInt32 = 7
    return ByteBuffer(
        bytes: (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(33 + (state >> 24) % 94)
        })
}

extension ServerConnection {
    /// A server that has accepted HELLO, and has nothing to send or tell.
    static func open(
        _ settings: ServerSettings = ServerSettings(), clientLimits: Limits = Limits(), features: Features = [],
        compressor: LZ4Compressor? = nil, admission: (any RequestAdmission)? = nil
    ) -> ServerConnection {
        var server = ServerConnection(settings: settings, compressor: compressor, admission: admission, now: .start)
        server.receive(TestFrame(.hello, on: 0, Hello(minVersion: 1, maxVersion: 1, limits: clientLimits, features: features.rawValue)))
        _ = server.nextEvent()
        server.accept()
        _ = server.takeFrames()
        return server
    }

    /// The same with whole requests on the given streams, BEGIN sent.
    static func answering(
        _ settings: ServerSettings = ServerSettings(), clientLimits: Limits = Limits(), features: Features = [],
        compressor: LZ4Compressor? = nil, on streams: [StreamID] = [.first]
    ) -> ServerConnection {
        var server = open(settings, clientLimits: clientLimits, features: features, compressor: compressor)
        for stream in streams {
            server.receive(TestFrame(whole: .request, on: stream.rawValue, Request.chat()))
            _ = server.takeEvents()
            server.sendBegin(Begin(), on: stream)
        }
        _ = server.takeFrames()
        return server
    }
}

extension ClientConnection {
    /// A client that has got WELCOME, and has nothing to send or tell.
    static func open(_ settings: ClientSettings = ClientSettings(), serverLimits: Limits = Limits()) -> ClientConnection {
        var client = ClientConnection(settings: settings, credential: "key", now: .start)
        client.receive(TestFrame(.welcome, on: 0, Welcome(version: 1, limits: serverLimits, features: settings.features.rawValue)))
        _ = client.takeEvents()
        _ = client.takeFrames()
        return client
    }
}
