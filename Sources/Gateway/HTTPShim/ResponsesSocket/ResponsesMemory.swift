import GatewayJSON
import GatewayPipeline
import NIOCore

/// What a WebSocket remembers of its last response, so that the next request may go on from it: the conversation's items, in this process and for
/// as long as the connection is open. Counted against the in-flight budget; what does not fit is forgotten.
struct ResponsesMemory {
    private let backend: any ShimBackend
    private var id = ""
    private var items = ByteBuffer()

    init(backend: any ShimBackend) {
        self.backend = backend
    }

    /// The items of the conversation that a response ended; `nil`: it is not the last one.
    func items(behind id: JSONValue) -> ByteBuffer? { !self.id.isEmpty && id.equals(self.id) ? items : nil }

    mutating func keep(_ id: String, _ request: ByteBuffer, _ response: ByteBuffer) {
        forget()
        let bytes = request.readableBytes + response.readableBytes + 1
        guard bytes <= backend.settings.maxRequestBytes, backend.reserveBytes(bytes) else { return }
        self.id = id
        items.writeImmutableBuffer(request)
        if request.readableBytes > 0, response.readableBytes > 0 { items.writeStaticString(",") }
        items.writeImmutableBuffer(response)
        // What is reserved is what is given back.
        if items.readableBytes < bytes { backend.releaseBytes(bytes - items.readableBytes) }
    }

    mutating func forget() {
        if items.readableBytes > 0 { backend.releaseBytes(items.readableBytes) }
        id = ""
        items = ByteBuffer()
    }
}
