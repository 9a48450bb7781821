import GatewayCore
import GatewayJSON
import NIOCore

// What a chat completion request says, for whoever writes it in another dialect.

/// Which tools the model may call, or must.
enum ChatToolChoice {
    case auto
    case none
    case required
    /// The function of this name.
    case function(JSONValue)

    init?(of root: JSONValue) throws(Fault) {
        guard let choice = try root.field("tool_choice") else { return nil }
        guard !choice.isObject else {
            guard try choice.requiredString("type").equals("function"), let function = try choice.object("function") else {
                throw .invalidField("tool_choice", "must be auto, none, required or a function for this model's provider")
            }
            self = .function(try function.requiredString("name"))
            return
        }
        switch choice.string {
        case "auto": self = .auto
        case "none": self = .none
        case "required": self = .required
        default: throw .invalidField("tool_choice", "must be auto, none, required or a function")
        }
    }

    /// Whether the model has no choice but to call one.
    var isForced: Bool {
        switch self {
        case .required, .function: true
        case .auto, .none: false
        }
    }
}

/// What the answer's text is to be.
enum ChatFormat {
    case text
    case json
    /// JSON that keeps to a schema; the second is its object in the request.
    case schema(JSONValue, in: JSONValue)

    init(of root: JSONValue) throws(Fault) {
        guard let format = try root.object("response_format") else {
            self = .text
            return
        }
        let type = try format.requiredString("type")
        if type.equals("text") {
            self = .text
        } else if type.equals("json_object") {
            self = .json
        } else if type.equals("json_schema") {
            guard let told = try format.object("json_schema"), let schema = try told.object("schema") else {
                throw .invalidField("response_format.json_schema.schema", "is required")
            }
            self = .schema(schema, in: told)
        } else {
            throw .invalidField(type.path, "must be text, json_object or json_schema")
        }
    }
}

/// Where a medium is.
enum ChatMedia {
    case data(mediaType: String, base64: String)
    case url

    private static let rule = "must be a data URL in base64, or an http:// or https:// URL"

    init(url: JSONValue) throws(Fault) {
        guard let text = url.string else { throw .invalidField(url.path, Self.rule) }
        guard text.hasPrefix("data:") else {
            guard text.hasPrefix("https://") || text.hasPrefix("http://") else { throw .invalidField(url.path, Self.rule) }
            self = .url
            return
        }
        guard let comma = text.firstIndex(of: ","), text[..<comma].hasSuffix(";base64") else { throw .invalidField(url.path, Self.rule) }
        let mediaType = text[..<comma].dropFirst(5).prefix { $0 != ";" }
        // The type has no other name with those who are asked for it.
        self = .data(
            mediaType: mediaType == "image/jpg" ? "image/jpeg" : String(mediaType), base64: String(text[text.index(after: comma)...]))
    }
}

extension JSONValue {
    /// The cap on the output: of two the larger one counts, as it does for budgets.
    func chatCap() throws(Fault) -> Int64? {
        let caps = (try field("max_tokens")?.int, try field("max_completion_tokens")?.int)
        guard let one = caps.0 ?? caps.1 else { return nil }
        return max(one, caps.1 ?? one)
    }

    /// The URL of an image part; some clients send it bare. What else is said of the image has no place anywhere.
    func chatImageURL(_ gaps: inout TranslationGaps) throws(Fault) -> JSONValue {
        let image = try field("image_url")
        let url = try image?.isString == true ? image : image?.string("url")
        guard let image, let url else { throw .invalidField("\(path).image_url.url", "is required") }
        if image.isObject {
            if let detail = try image.field("detail"), !detail.equals("auto") { try gaps.refuse(detail) }
            try gaps.refuseOthers(in: image, but: ["url", "detail"])
        }
        try gaps.refuseOthers(in: self, but: ["type", "image_url"])
        return url
    }

    /// The arguments of a function that was called, which are JSON in a string here and an object elsewhere.
    func chatArguments() throws(Fault) -> ByteBuffer {
        guard let arguments = try string("arguments"), arguments.maxDecodedLength > 0 else { return ByteBuffer(string: "{}") }
        var text = ByteBuffer()
        arguments.decodeString(into: &text)
        var index = JSONIndex()
        guard (try? index.scan(text)) != nil, index.read(text, { $0.isObject }) else {
            throw .invalidField(arguments.path, "must be a JSON object in a string for this model's provider")
        }
        return text
    }

    /// The sequences that end an answer, of a member that is one or an array of them.
    func writeChatStops(_ key: StaticString, to json: inout JSONWriter) throws(Fault) {
        guard !isNull else { return }
        guard isString || isArray else { throw .invalidField("stop", "must be a string or an array of strings") }
        json.key(key)
        json.beginArray()
        if isString { json.raw(self) }
        for stop in elements {
            guard stop.isString else { throw .invalidField(stop.path, "must be a string") }
            json.raw(stop)
        }
        json.endArray()
    }

    /// A string without anything but white space, as short ones may be.
    var isBlank: Bool {
        guard isString else { return false }
        return maxDecodedLength == 0 || (maxDecodedLength <= 256 && string?.allSatisfy(\.isWhitespace) == true)
    }
}
