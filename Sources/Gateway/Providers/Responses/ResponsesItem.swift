import GatewayCore
import GatewayJSON
import NIOCore

/// One item of a response's output, as far as it has come.
struct ResponsesItem {
    enum Content {
        /// Texts and refusals, in the order in which they came.
        case message([Part])
        case call(id: String?, name: String?, arguments: ByteBuffer, balance: JSONBalance)
        /// What the model thought, and its provider's seal on it.
        case reasoning(ByteBuffer, seal: ByteBuffer?)
    }

    struct Part {
        var isRefusal: Bool
        var text: ByteBuffer
        var logprobs = ResponsesLogprobs()
    }

    enum State {
        /// A call whose name has not come yet.
        case unannounced
        case open
        case completed
        /// The answer ended in its middle.
        case incomplete
    }

    let key: AnswerItemKey
    /// Its place in the output.
    let place: Int
    var content: Content
    var state: State
    /// Whether it is a call of a tool that takes a text. Known when the call's name is.
    var isCustom = false
    private let suffix: String

    var isOpen: Bool { state == .open || state == .unannounced }

    /// - Parameter suffix: what the response's own id ends with.
    init(_ key: AnswerItemKey, place: Int, _ content: Content, state: State, suffix: String) {
        self.key = key
        self.place = place
        self.content = content
        self.state = state
        self.suffix = suffix
    }

    var id: String {
        let prefix =
            switch content {
            case .message: "msg_"
            case .call: isCustom ? "ctc_" : "fc_"
            case .reasoning: "rs_"
            }
        return prefix + tail
    }

    private var tail: String {
        let number = String(place, radix: 16)
        return suffix + String(repeating: "0", count: max(0, 4 - number.utf8.count)) + number
    }

    // MARK: as JSON

    private var status: String {
        switch state {
        case .unannounced, .open: "in_progress"
        case .completed: "completed"
        case .incomplete: "incomplete"
        }
    }

    /// Writes the item.
    ///
    /// - Parameter isNew: without what has come of it, as the event that announces it does.
    func write(isNew: Bool = false, _ json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            switch content {
            case .message(let parts):
                json.member("type", "message")
                json.member("status", status)
                json.member("role", "assistant")
                json.key("content")
                json.array { json in
                    for part in isNew ? [] : parts { part.write(&json) }
                }
            case .call(let callID, let name, let arguments, _):
                json.member("type", isCustom ? "custom_tool_call" : "function_call")
                json.member("status", status)
                json.key(isCustom ? "input" : "arguments")
                json.string(isNew ? ByteBuffer() : isCustom ? ResponsesCustomTool.input(of: arguments) : arguments)
                // Some servers give their calls no ids; here a call needs one.
                json.member("call_id", callID ?? "call_\(tail)")
                json.member("name", name ?? "")
            case .reasoning(let text, let seal):
                json.member("type", "reasoning")
                json.key("summary")
                json.array { json in
                    if !isNew, text.readableBytes > 0 { Self.write(summary: text, &json) }
                }
                if let seal {
                    json.key("encrypted_content")
                    json.string(seal)
                }
            }
        }
    }

    static func write(summary text: ByteBuffer, _ json: inout JSONWriter) {
        json.object { json in
            json.member("type", "summary_text")
            json.key("text")
            json.string(text)
        }
    }
}

extension ResponsesItem.Part {
    func write(_ json: inout JSONWriter) {
        json.object { json in
            json.member("type", isRefusal ? "refusal" : "output_text")
            json.key(isRefusal ? "refusal" : "text")
            json.string(text)
            guard !isRefusal else { return }
            json.key("annotations")
            json.array { _ in }
            logprobs.write(into: &json)
        }
    }
}

/// Whether a JSON text that comes in pieces is a whole object or array: its brackets are counted, and nothing else is looked at.
struct JSONBalance {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var hasBegun = false

    var isWhole: Bool { hasBegun && depth == 0 }

    mutating func take(_ text: ByteBuffer) {
        for byte in text.readableBytesView {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else {
                    isInString = byte != UInt8(ascii: "\"")
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                hasBegun = true
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
    }
}
