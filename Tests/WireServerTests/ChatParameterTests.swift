import GatewayCore
import GatewayJSON
import NIOCore
import Testing
import Wire

@testable import WireServer

@Suite("The parameters of a chat on the wire")
struct ChatParameterTests {
    private static let message = ChatMessage(role: .user, parts: [Part(.text("Hi"))])

    @Test(
        "a number that no request may have is refused by the schema's name of its field",
        arguments: [
            ("chat.temperature", ChatRequest(model: "m", messages: [message], temperature: .nan)),
            ("chat.top_p", ChatRequest(model: "m", messages: [message], topP: .infinity)),
            ("chat.choices", ChatRequest(model: "m", messages: [message], choices: 0)),
            ("chat.messages", ChatRequest(model: "m")),
        ])
    func impossibleParameter(_ field: String, _ chat: ChatRequest) {
        var index = JSONIndex()
        let fault = #expect(throws: Fault.self) { try ChatTranslation.body(of: chat, extra: &index) }
        #expect(fault?.kind == .invalidRequest)
        #expect(fault?.parameter == field)
    }

    @Test("numbers in range reach the provider under its dialect's names")
    func possibleParameters() throws {
        var index = JSONIndex()
        let chat = ChatRequest(model: "m", messages: [Self.message], temperature: 0.5, topP: 1, choices: 2)
        let body = String(buffer: try ChatTranslation.body(of: chat, extra: &index))
        #expect(body.hasSuffix(#""temperature":0.5,"top_p":1.0,"n":2}"#), "\(body)")
    }
}
