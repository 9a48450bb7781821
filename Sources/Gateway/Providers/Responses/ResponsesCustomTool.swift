import GatewayCore
import GatewayJSON
import NIOCore

/// How OpenAI's custom tools, which are called with a text and not with JSON, are told to providers that know functions alone: as functions whose one
/// argument, `input`, is the text. A grammar that the text is to keep to is told to the model in the tool's description.
enum ResponsesCustomTool {
    /// The schema of such a function's arguments.
    static let parameters = ByteBuffer(
        string:
            #"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool."}},"required":["input"],"additionalProperties":false}"#
    )

    /// What the model is told of a tool.
    static func description(of tool: JSONValue, _ gaps: inout TranslationGaps) throws(Fault) -> String {
        try gaps.refuseOthers(in: tool, but: ["type", "name", "description", "format"])
        var description = try tool.string("description")?.string ?? ""
        guard let format = try tool.object("format"), try !format.requiredString("type").equals("text") else { return description }
        guard try format.requiredString("type").equals("grammar") else {
            try gaps.refuse(try format.requiredString("type"))
            return description
        }
        let (syntax, definition) = (try format.requiredString("syntax").string ?? "", try format.requiredString("definition").string ?? "")
        if !description.isEmpty { description += "\n\n" }
        return description + "The input must be a text of this grammar (\(syntax)):\n\(definition)"
    }

    /// The arguments of a call with this input.
    static func arguments(input: JSONValue) -> ByteBuffer {
        var json = JSONWriter()
        json.object { json in json.member("input", input) }
        return json.buffer
    }

    /// The input that a call's arguments say; arguments of another form are the input themselves. Of those that were cut none is told: what is left is no
    /// text of the model's.
    static func input(of arguments: ByteBuffer) -> ByteBuffer {
        var index = JSONIndex()
        guard (try? index.scan(arguments)) != nil else {
            let signs = arguments.readableBytesView.lazy.filter { $0 > 0x20 }
            return signs.starts(with: #"{"input":"#.utf8) ? ByteBuffer() : arguments
        }
        let input = index.read(arguments) { root in
            root.members.first { $0.key.equals("input") && $0.value.isString }?.value.string
        }
        return input.map { ByteBuffer(string: $0) } ?? arguments
    }
}
