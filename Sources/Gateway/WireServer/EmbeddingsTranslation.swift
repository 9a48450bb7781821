import GatewayCore
import GatewayJSON
import NIOCore
import Wire

/// Embeddings between the wire protocol and OpenAI's API, which is the gateway's form of them.
enum EmbeddingsTranslation {
    /// Writes a request.
    ///
    /// - Throws: ``FaultKind/invalidRequest`` with the schema's name of the field at fault.
    static func body(of request: EmbeddingsRequest, extra index: inout JSONIndex) throws(Fault) -> ByteBuffer {
        guard !request.model.isEmpty else { throw .invalidField("embeddings.model", "is required: the name of a model") }
        guard !request.input.isEmpty else { throw .invalidField("embeddings.input", "must have at least one text") }
        var json = JSONWriter()
        json.beginObject()
        json.key("model")
        json.string(request.model.buffer)
        json.key("input")
        json.beginArray()
        for text in request.input { json.string(text.buffer) }
        json.endArray()
        if let dimensions = request.dimensions {
            guard dimensions > 0 else { throw .invalidField("embeddings.dimensions", "must be at least 1") }
            json.member("dimensions", Int64(dimensions))
        }
        // Four bytes a number, where numbers as text are many values each of which would have to be read.
        json.member("encoding_format", "base64")
        try ExtraMembers.write(request.extraJSON, of: "embeddings", except: typedFields, index: &index, into: &json)
        json.endObject()
        return json.buffer
    }

    private static let typedFields: Set<String> = ["model", "input", "dimensions", "encoding_format"]

    /// Values of an answer whose server knows no base64.
    private static let limits = JSONLimits(maxNodes: 2 << 20)

    /// Reads a provider's answer, with its vectors in base64 or as numbers.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer``.
    static func result(of answer: ByteBuffer) throws(Fault) -> EmbeddingsResult {
        var index = JSONIndex()
        do {
            try index.scan(answer, limits: limits)
        } catch {
            throw .unreadableEmbeddings
        }
        return try index.read(answer) { root throws(Fault) in
            var embeddings: [Embedding] = []
            for (position, entry) in (root.first("data")?.elements ?? root.elements).enumerated() {
                guard let vector = entry.first("embedding") else { throw .unreadableEmbeddings }
                let index = entry.first("index")?.int.flatMap { UInt32(exactly: $0) } ?? UInt32(clamping: position)
                embeddings.append(Embedding(index: index, values: try values(of: vector)))
            }
            return EmbeddingsResult(embeddings: embeddings)
        }
    }

    private static func values(of vector: JSONValue) throws(Fault) -> [Float] {
        if vector.isString {
            guard let text = vector.string, let values = floats(base64: text) else { throw .unreadableEmbeddings }
            return values
        }
        guard vector.isArray else { throw .unreadableEmbeddings }
        var values: [Float] = []
        for number in vector.elements {
            guard let value = number.double else { throw .unreadableEmbeddings }
            values.append(Float(value))
        }
        return values
    }

    /// Numbers of four bytes each, the lowest first; `nil`: it is no base64, or they do not come out even.
    static func floats(base64 text: String) -> [Float]? {
        var values: [Float] = []
        values.reserveCapacity(text.utf8.count * 3 / 16)
        var (bits, bitCount): (UInt32, Int) = (0, 0)
        var (word, byteCount): (UInt32, UInt32) = (0, 0)
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let digit = digit(byte) else { return nil }
            bits = bits << 6 | digit
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            word |= (bits >> UInt32(bitCount) & 0xFF) << (8 * byteCount)
            byteCount += 1
            guard byteCount == 4 else { continue }
            values.append(Float(bitPattern: word))
            (word, byteCount) = (0, 0)
        }
        return byteCount == 0 ? values : nil
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

extension JSONValue {
    fileprivate func first(_ key: StaticString) -> JSONValue? { members.first { $0.key.equals(key) }?.value }
}

extension Fault {
    fileprivate static let unreadableEmbeddings = Fault(
        .upstreamBadAnswer, origin: .upstream, message: "The provider sent an answer that cannot be used: there are no embeddings in it.")
}
