import GatewayCore
import NIOCore
import Scrubbing
import Testing

@Suite("reading, scrubbing and restoring")
struct RequestTests {
    private func scrubbed(_ body: String) throws -> (String, PlaceholderMap) {
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        let buffer = ByteBuffer(string: body)
        let envelope = try workspace.read(buffer)
        try workspace.scrub(buffer, with: &scrubber)
        let rendered = workspace.render(buffer, upstreamModel: "upstream", asksForUsage: envelope.isStreamed)
        return (String(buffer: rendered), scrubber.placeholders)
    }

    @Test("only texts, the model and the wish for usage change; all else is byte for byte")
    func rendering() throws {
        let (body, _) = try scrubbed(
            #"{ "model":"m" , "stream":true,"x":[1,  null],"messages":[{"role":"user","content":"to ana\u0040example.com"}]}"#)
        #expect(
            body == #"{ "model":"upstream" , "stream":true,"x":[1,  null],"messages":[{"role":"user","content":"to <EMAIL_1>"}]"#
                + #","stream_options":{"include_usage":true}}"#)
    }

    @Test("tools are numbered before messages, so that a conversation that grows keeps its numbers")
    func numbering() throws {
        let (body, _) = try scrubbed(
            #"{"model":"m","messages":[{"role":"user","content":"b@example.com"}],"tools":[{"d":"a@example.com"}]}"#)
        #expect(body.contains(#""content":"<EMAIL_2>""#) && body.contains(#""d":"<EMAIL_1>""#))
    }

    @Test(
        "text that only stands where media may stand is scanned",
        arguments: [
            #"{"type":"image_url","image_url":{"url":"data:ana@example.com"}}"#,
            #"{"type":"image_url","image_url":{"url":"data:text/plain;base64,ana@example.com"}}"#,
            #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA ana@example.com"}}"#,
            #"{"type":"file","file":{"file_data":"ana\u0040example.com"}}"#,
            #"{"type":"input_audio","input_audio":{"data":"4111111111111111"}}"#,
        ])
    func disguisedMedia(part: String) throws {
        let (body, _) = try scrubbed(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#)
        #expect(body.contains("<EMAIL_1>") || body.contains("<CARD_1>"), "\(body)")
    }

    @Test("real media passes unchanged")
    func realMedia() throws {
        let image = String(repeating: "4111111111111111+/", count: 8)
        let part = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(image)="}}"#
        let (body, _) = try scrubbed(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#)
        #expect(body.contains(part))
    }

    @Test(
        "a request that breaks a rule names its field",
        arguments: [
            (#"{"model":"m"}"#, "messages"), (#"{"model":1,"messages":[]}"#, "model"), (#"{"model":"m","messages":[]}"#, "messages"),
            (#"{"model":"m","messages":[{"role":"user"}],"stream":"banana"}"#, "stream"),
            (#"{"model":"m","messages":[{"content":"x"}]}"#, "messages[0].role"),
            (#"{"model":"m","\u006dodel":"n","messages":[{"role":"user"}]}"#, "model"),
        ])
    func refusals(body: String, field: String) {
        let fault = #expect(throws: Fault.self) { try scrubbed(body) }
        #expect(fault?.parameter == field)
    }

    private func restored(_ fragments: [String], _ key: AnswerItemKey, tool: String?, map: PlaceholderMap) -> String {
        var restorer = AnswerRestorer(placeholders: map, toolsWithRestoredArguments: ["find"])
        var text = ""
        func deliver(_ chunk: AnswerChunk) { for fragment in chunk.fragments { text += String(buffer: fragment.text) } }
        for (position, piece) in fragments.enumerated() {
            let fragment = AnswerFragment(
                key: key, name: position == 0 ? tool : nil, text: ByteBuffer(string: piece), rawRange: 0..<2)
            restorer.restore(AnswerChunk(raw: ByteBuffer(string: "\"\""), fragments: [fragment])) { deliver($0) }
        }
        restorer.finish { deliver($0) }
        return text
    }

    @Test("a placeholder that is cut anywhere comes back whole")
    func cutPlaceholder() throws {
        let (_, map) = try scrubbed(#"{"model":"m","messages":[{"role":"user","content":"ana@example.com"}]}"#)
        let answer = Array("To <EMAIL_1>, soon")
        for cut in 1..<answer.count {
            let pieces = [String(answer[..<cut]), String(answer[cut...])]
            #expect(restored(pieces, AnswerItemKey(choice: 0, kind: .text), tool: nil, map: map) == "To ana@example.com, soon")
        }
        #expect(restored(["a <EMAIL"], AnswerItemKey(choice: 0, kind: .text), tool: nil, map: map) == "a <EMAIL")
    }

    @Test("a value in a tool's arguments ends no JSON string, and only listed tools get values")
    func toolArguments() throws {
        let (_, map) = try scrubbed(
            #"{"model":"m","messages":[{"role":"user","content":"write to \"a\\\"b\"@example.com"}]}"#)
        let key = AnswerItemKey(choice: 0, kind: .toolCall)
        let arguments = [#"{"to":"<EMAIL_1>"}"#]
        #expect(restored(arguments, key, tool: "other", map: map) == arguments[0])
        let text = restored(arguments, key, tool: "find", map: map)
        #expect(text == #"{"to":"\"a\\\"b\"@example.com"}"#)
    }
}
