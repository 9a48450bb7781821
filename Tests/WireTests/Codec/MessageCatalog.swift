import NIOCore
import ProtobufReference
import SwiftProtobuf
import Testing
import Wire

/// A message of the schema as this package's type and as swift-protobuf's.
struct CataloguedMessage: Sendable, CustomTestStringConvertible {
    /// The name in `agentshield.proto`.
    let name: String
    let ours: any WireMessage.Type
    let theirs: any SwiftProtobuf.Message.Type

    init(_ name: String, _ ours: any WireMessage.Type, _ theirs: any SwiftProtobuf.Message.Type) {
        self.name = name
        self.ours = ours
        self.theirs = theirs
    }

    var testDescription: String { name }

    static let all: [CataloguedMessage] = [
        CataloguedMessage("Limits", Limits.self, Agentshield_V1_Limits.self),
        CataloguedMessage("Hello", Hello.self, Agentshield_V1_Hello.self),
        CataloguedMessage("Welcome", Welcome.self, Agentshield_V1_Welcome.self),
        CataloguedMessage("GoAway", GoAway.self, Agentshield_V1_GoAway.self),
        CataloguedMessage("Cancel", Cancel.self, Agentshield_V1_Cancel.self),
        CataloguedMessage("Error", ErrorBody.self, Agentshield_V1_Error.self),
        CataloguedMessage("Request", Request.self, Agentshield_V1_Request.self),
        CataloguedMessage("ChatRequest", ChatRequest.self, Agentshield_V1_ChatRequest.self),
        CataloguedMessage("Message", ChatMessage.self, Agentshield_V1_Message.self),
        CataloguedMessage("Part", Part.self, Agentshield_V1_Part.self),
        CataloguedMessage("Media", Media.self, Agentshield_V1_Media.self),
        CataloguedMessage("ProviderBlock", ProviderBlock.self, Agentshield_V1_ProviderBlock.self),
        CataloguedMessage("ToolCall", ToolCall.self, Agentshield_V1_ToolCall.self),
        CataloguedMessage("Tool", ToolDefinition.self, Agentshield_V1_Tool.self),
        CataloguedMessage("ToolChoice", ToolChoice.self, Agentshield_V1_ToolChoice.self),
        CataloguedMessage("ResponseFormat", ResponseFormat.self, Agentshield_V1_ResponseFormat.self),
        CataloguedMessage("EmbeddingsRequest", EmbeddingsRequest.self, Agentshield_V1_EmbeddingsRequest.self),
        CataloguedMessage("ModelsRequest", ModelsRequest.self, Agentshield_V1_ModelsRequest.self),
        CataloguedMessage("FeedbackRequest", FeedbackRequest.self, Agentshield_V1_FeedbackRequest.self),
        CataloguedMessage("ResumeRequest", ResumeRequest.self, Agentshield_V1_ResumeRequest.self),
        CataloguedMessage("Begin", Begin.self, Agentshield_V1_Begin.self),
        CataloguedMessage("Delta", Delta.self, Agentshield_V1_Delta.self),
        CataloguedMessage("Result", ResultBody.self, Agentshield_V1_Result.self),
        CataloguedMessage("ChatResult", ChatResult.self, Agentshield_V1_ChatResult.self),
        CataloguedMessage("Choice", Choice.self, Agentshield_V1_Choice.self),
        CataloguedMessage("Item", Item.self, Agentshield_V1_Item.self),
        CataloguedMessage("EmbeddingsResult", EmbeddingsResult.self, Agentshield_V1_EmbeddingsResult.self),
        CataloguedMessage("Embedding", Embedding.self, Agentshield_V1_Embedding.self),
        CataloguedMessage("ModelsResult", ModelsResult.self, Agentshield_V1_ModelsResult.self),
        CataloguedMessage("Model", ModelEntry.self, Agentshield_V1_Model.self),
        CataloguedMessage("FeedbackResult", FeedbackResult.self, Agentshield_V1_FeedbackResult.self),
        CataloguedMessage("End", End.self, Agentshield_V1_End.self),
        CataloguedMessage("Finish", Finish.self, Agentshield_V1_Finish.self),
        CataloguedMessage("Usage", Usage.self, Agentshield_V1_Usage.self),
        CataloguedMessage("ScrubCount", ScrubCount.self, Agentshield_V1_ScrubCount.self),
        CataloguedMessage("PhaseTiming", PhaseTiming.self, Agentshield_V1_PhaseTiming.self),
        CataloguedMessage("LimitStatus", LimitStatus.self, Agentshield_V1_LimitStatus.self),
    ]
}

extension CataloguedMessage {
    /// What this package's codec makes of bytes: the message as JSON and encoded again, or the fault.
    func readByUs(_ bytes: [UInt8], elementLimit: Int = FieldReader.defaultElementLimit) -> Swift.Result<Reading, DecodingFault> {
        func read<M: WireMessage>(_: M.Type) throws(DecodingFault) -> Reading {
            // The message lies in the middle of a buffer, as in a receive buffer.
            var buffer = ByteBuffer(bytes: [0xFF, 0xFF] + bytes + [0xFF])
            buffer.moveReaderIndex(forwardBy: 2)
            buffer.moveWriterIndex(to: buffer.writerIndex - 1)
            let message = try M.decode(from: buffer, elementLimit: elementLimit)

            var encoded = ByteBuffer(bytes: [0x01])
            message.encode(into: &encoded)
            let body = Array(encoded.readableBytesView.dropFirst())
            return Reading(json: protoJSON(message), encoded: body, measured: message.encodedLength)
        }
        do {
            return .success(try read(ours))
        } catch {
            return .failure(error)
        }
    }

    /// The same by swift-protobuf.
    func readByThem(_ bytes: [UInt8]) throws -> Reading {
        // They would write unknown fields back; we do not.
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        return try reading(try theirs.init(serializedBytes: bytes, options: options))
    }

    /// The message that a JSON text in the proto3 mapping describes.
    func readByThem(json: String) throws -> Reading {
        try reading(try theirs.init(jsonString: json))
    }

    private func reading(_ message: any SwiftProtobuf.Message) throws -> Reading {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        options.alwaysPrintEnumsAsInts = true
        let encoded: [UInt8] = try message.serializedBytes()
        return Reading(json: try message.jsonString(options: options), encoded: encoded, measured: encoded.count)
    }
}

/// What a codec made of a message's bytes.
struct Reading: Equatable {
    /// In the proto3 mapping, with the field names of the schema and enums as numbers.
    var json: String
    var encoded: [UInt8]
    var measured: Int
}
