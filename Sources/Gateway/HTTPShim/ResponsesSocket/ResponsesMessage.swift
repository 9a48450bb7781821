import GatewayCore
import GatewayJSON
import NIOCore
import Providers

/// What a message on the WebSocket asks for: the body that `POST /v1/responses` would have had.
struct ResponsesMessage {
    /// The request, streamed, with its whole conversation.
    private(set) var body = ByteBuffer()
    /// The elements of `input`, the earlier ones among them.
    private(set) var items = ByteBuffer()
    private(set) var model = ""
    /// Whether an answer is asked for; otherwise the message says what the next one goes on from.
    private(set) var generates = true

    /// - Parameter memory: what the connection's last response left.
    init(_ message: ByteBuffer, _ memory: ResponsesMemory) throws(SocketFault) {
        var index = JSONIndex()
        do {
            try index.scan(message)
        } catch {
            throw .malformed
        }
        self = try index.read(message) { root throws(SocketFault) in try Self(root, memory) }
    }

    private init(_ root: JSONValue, _ memory: ResponsesMemory) throws(SocketFault) {
        guard root.isObject, root.firstDuplicateKey() == nil else { throw .malformed }
        func member(_ key: StaticString) -> JSONValue? { root.members.first { $0.key.equals(key) && !$0.value.isNull }?.value }
        guard let type = member("type"), type.isString else { throw .withoutType }
        guard type.equals("response.create") else { throw .unknownType }
        if let generate = member("generate") {
            guard let isWanted = generate.bool else { throw .badField("generate", "must be true or false") }
            generates = isWanted
        }
        model = member("model")?.string ?? ""
        if let previous = member("previous_response_id") {
            guard previous.isString, let earlier = memory.items(behind: previous) else { throw .previousNotFound }
            items = earlier
        }
        try takeItems(of: member("input"))
        writeBody(root, hasInput: member("input") != nil || items.readableBytes > 0)
    }

    private mutating func takeItems(of input: JSONValue?) throws(SocketFault) {
        guard let input else { return }
        guard input.isString || input.isArray else { throw .badField("input", "must be a text, or an array of items") }
        if input.isString {
            var json = JSONWriter()
            json.object { json in
                json.member("role", "user")
                json.key("content")
                json.raw(input.rawBytes)
            }
            append(json.buffer)
        }
        for item in input.elements { append(ByteBuffer(bytes: item.rawBytes)) }
    }

    private mutating func append(_ item: ByteBuffer) {
        if items.readableBytes > 0 { items.writeStaticString(",") }
        items.writeImmutableBuffer(item)
    }

    /// What belongs to the transport is left out, or set.
    private mutating func writeBody(_ root: JSONValue, hasInput: Bool) {
        var json = JSONWriter()
        json.beginObject()
        json.member("stream", true)
        for member in root.members where !Self.own.contains(where: { member.key.equals($0) }) {
            json.key(named: member.key.string ?? "")
            json.raw(member.value.rawBytes)
        }
        if hasInput {
            var list = ByteBuffer(string: "[")
            list.writeImmutableBuffer(items)
            list.writeStaticString("]")
            json.key("input")
            json.raw(list)
        }
        json.endObject()
        body = json.buffer
    }

    private static let own: [StaticString] = ["type", "stream", "generate", "previous_response_id", "input"]
}
