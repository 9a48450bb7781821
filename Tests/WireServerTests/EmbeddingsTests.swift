import Foundation
import GatewayCore
import GatewayJSON
import NIOCore
import Testing
import Wire

@testable import WireServer

@Suite("Embeddings on the wire")
struct EmbeddingsTests {
    private static func body(_ request: EmbeddingsRequest) throws -> String {
        var index = JSONIndex()
        return String(buffer: try EmbeddingsTranslation.body(of: request, extra: &index))
    }

    @Test("a request in OpenAI's words")
    func request() throws {
        let request = EmbeddingsRequest(
            model: "m", input: ["a\"", "b"], dimensions: 3, extraJSON: ByteBuffer(string: #"{ "user" : "u" }"#))
        #expect(
            try Self.body(request) == #"{"model":"m","input":["a\"","b"],"dimensions":3,"encoding_format":"base64","user":"u"}"#)
    }

    @Test(
        "what no request may say is refused by the schema's name",
        arguments: [
            ("embeddings.model", EmbeddingsRequest(input: ["x"])), ("embeddings.input", EmbeddingsRequest(model: "m")),
            ("embeddings.dimensions", EmbeddingsRequest(model: "m", input: ["x"], dimensions: 0)),
            ("embeddings.extra_json", EmbeddingsRequest(model: "m", input: ["x"], extraJSON: ByteBuffer(string: #"{"input":"y"}"#))),
            ("embeddings.extra_json", EmbeddingsRequest(model: "m", input: ["x"], extraJSON: ByteBuffer(string: #"{"a":1,"a":2}"#))),
            ("embeddings.extra_json", EmbeddingsRequest(model: "m", input: ["x"], extraJSON: ByteBuffer(string: "[]"))),
        ])
    func refusals(field: String, request: EmbeddingsRequest) {
        let fault = #expect(throws: Fault.self) { try Self.body(request) }
        #expect(fault?.kind == .invalidRequest && fault?.parameter == field)
    }

    @Test("vectors are read from base64 and from numbers")
    func vectors() throws {
        let values: [Float] = [1, -0.5, 3.25e-8, .greatestFiniteMagnitude]
        let base64 = values.withUnsafeBytes { Data($0) }.base64EncodedString()
        let answer = ByteBuffer(
            string: #"{"data":[{"index":1,"embedding":"\#(base64)"},{"index":0,"embedding":[1,-0.5,1e3]},{"embedding":[]}],"usage":{}}"#)
        #expect(
            try EmbeddingsTranslation.result(of: answer).embeddings == [
                Embedding(index: 1, values: values), Embedding(index: 0, values: [1, -0.5, 1000]), Embedding(index: 2, values: []),
            ])
    }

    @Test(
        "an answer without vectors is the provider's fault",
        arguments: [
            "{", #"{"data":[{}]}"#, #"{"data":[{"embedding":["1"]}]}"#, #"{"data":[{"embedding":"AAA="}]}"#,
            #"{"data":[{"embedding":"A A="}]}"#,
        ])
    func unreadable(answer: String) {
        let fault = #expect(throws: Fault.self) { try EmbeddingsTranslation.result(of: ByteBuffer(string: answer)) }
        #expect(fault?.kind == .upstreamBadAnswer)
    }
}
