package import NIOCore

/// A conversation for a model to continue.
package struct ChatRequest: Sendable, Equatable {
    package var model: Text
    package var messages: [ChatMessage]
    /// DELTA frames; otherwise one RESULT.
    package var stream: Bool
    package var maxOutputTokens: UInt32?
    package var temperature: Double?
    package var topP: Double?
    package var stop: [Text]
    package var choices: UInt32?
    package var tools: [ToolDefinition]
    package var toolChoice: ToolChoice?
    package var parallelToolCalls: Bool?
    package var responseFormat: ResponseFormat?
    package var seed: Int64?
    package var reasoningEffort: Text
    /// A JSON object: other parameters of the provider; may not name what has a field here.
    package var extraJSON: ByteBuffer

    package init(
        model: Text = Text(), messages: [ChatMessage] = [], stream: Bool = false, maxOutputTokens: UInt32? = nil,
        temperature: Double? = nil, topP: Double? = nil, stop: [Text] = [], choices: UInt32? = nil, tools: [ToolDefinition] = [],
        toolChoice: ToolChoice? = nil, parallelToolCalls: Bool? = nil, responseFormat: ResponseFormat? = nil, seed: Int64? = nil,
        reasoningEffort: Text = Text(), extraJSON: ByteBuffer = ByteBuffer()
    ) {
        self.model = model
        self.messages = messages
        self.stream = stream
        self.maxOutputTokens = maxOutputTokens
        self.temperature = temperature
        self.topP = topP
        self.stop = stop
        self.choices = choices
        self.tools = tools
        self.toolChoice = toolChoice
        self.parallelToolCalls = parallelToolCalls
        self.responseFormat = responseFormat
        self.seed = seed
        self.reasoningEffort = reasoningEffort
        self.extraJSON = extraJSON
    }
}

extension ChatRequest: WireMessage {
    package init() {
        self.init(model: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&model)
        case 2: try reader.read(&messages)
        case 3: try reader.read(&stream)
        case 4: try reader.read(&maxOutputTokens)
        case 5: try reader.read(&temperature)
        case 6: try reader.read(&topP)
        case 7: try reader.read(&stop)
        case 8: try reader.read(&choices)
        case 9: try reader.read(&tools)
        case 10: try reader.read(&toolChoice)
        case 11: try reader.read(&parallelToolCalls)
        case 12: try reader.read(&responseFormat)
        case 13: try reader.read(&seed)
        case 14: try reader.read(&reasoningEffort)
        case 15: try reader.read(&extraJSON)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, model)
        writer.write(2, messages)
        writer.write(3, stream)
        writer.write(4, maxOutputTokens)
        writer.write(5, temperature)
        writer.write(6, topP)
        writer.write(7, stop)
        writer.write(8, choices)
        writer.write(9, tools)
        writer.write(10, toolChoice)
        writer.write(11, parallelToolCalls)
        writer.write(12, responseFormat)
        writer.write(13, seed)
        writer.write(14, reasoningEffort)
        writer.write(15, extraJSON)
    }
}

/// A function that the model asks to have called.
package struct ToolCall: Sendable, Equatable {
    package var id: Text
    package var name: Text
    /// JSON text as the model wrote it; may be invalid JSON.
    package var arguments: Text

    package init(id: Text = Text(), name: Text = Text(), arguments: Text = Text()) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

extension ToolCall: WireMessage {
    package init() {
        self.init(id: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&id)
        case 2: try reader.read(&name)
        case 3: try reader.read(&arguments)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, id)
        writer.write(2, name)
        writer.write(3, arguments)
    }
}

/// A function that the model may call.
package struct ToolDefinition: Sendable, Equatable {
    package var name: Text
    package var description: Text
    /// A JSON Schema object; empty: no parameters.
    package var parametersJSON: ByteBuffer
    package var strict: Bool?

    package init(name: Text = Text(), description: Text = Text(), parametersJSON: ByteBuffer = ByteBuffer(), strict: Bool? = nil) {
        self.name = name
        self.description = description
        self.parametersJSON = parametersJSON
        self.strict = strict
    }
}

extension ToolDefinition: WireMessage {
    package init() {
        self.init(name: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&name)
        case 2: try reader.read(&description)
        case 3: try reader.read(&parametersJSON)
        case 4: try reader.read(&strict)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, name)
        writer.write(2, description)
        writer.write(3, parametersJSON)
        writer.write(4, strict)
    }
}

/// Which of the tools the model may or must call.
package struct ToolChoice: Sendable, Equatable {
    /// Whether and which tool is to be called.
    package struct Mode: OpenEnum {
        package static let unspecified = Mode(rawValue: 0)
        package static let auto = Mode(rawValue: 1)
        package static let none = Mode(rawValue: 2)
        package static let required = Mode(rawValue: 3)
        package static let named = Mode(rawValue: 4)

        package var rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    package var mode: Mode
    /// Only with ``Mode/named``.
    package var name: Text

    package init(mode: Mode = .unspecified, name: Text = Text()) {
        self.mode = mode
        self.name = name
    }
}

extension ToolChoice: WireMessage {
    package init() {
        self.init(mode: .unspecified)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&mode)
        case 2: try reader.read(&name)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, mode)
        writer.write(2, name)
    }
}

/// The form that the answer must have.
package struct ResponseFormat: Sendable, Equatable {
    /// What the answer's text must be.
    package struct Kind: OpenEnum {
        package static let unspecified = Kind(rawValue: 0)
        package static let text = Kind(rawValue: 1)
        package static let jsonObject = Kind(rawValue: 2)
        package static let jsonSchema = Kind(rawValue: 3)

        package var rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    package var kind: Kind
    package var name: Text
    package var description: Text
    package var schemaJSON: ByteBuffer
    package var strict: Bool?

    package init(
        kind: Kind = .unspecified, name: Text = Text(), description: Text = Text(), schemaJSON: ByteBuffer = ByteBuffer(),
        strict: Bool? = nil
    ) {
        self.kind = kind
        self.name = name
        self.description = description
        self.schemaJSON = schemaJSON
        self.strict = strict
    }
}

extension ResponseFormat: WireMessage {
    package init() {
        self.init(kind: .unspecified)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&kind)
        case 2: try reader.read(&name)
        case 3: try reader.read(&description)
        case 4: try reader.read(&schemaJSON)
        case 5: try reader.read(&strict)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, kind)
        writer.write(2, name)
        writer.write(3, description)
        writer.write(4, schemaJSON)
        writer.write(5, strict)
    }
}
