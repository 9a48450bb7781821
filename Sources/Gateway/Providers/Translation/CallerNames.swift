package import GatewayCore

/// What a caller calls the fields of a chat completion that its request was translated to, so that it hears of its own.
package struct CallerNames: Sendable {
    /// Names of members of the chat completion, each with the caller's.
    var members: [(chat: String, caller: String)] = []
    /// What each message was made of, as the caller writes it.
    var messages: [String] = []

    /// The same of one of Anthropic's Messages, made into text only when there is something to say of it.
    var places: [MessagePlace] = []
    /// Whether the caller's tools are functions themselves, not tools with one.
    var hasFlatTools = false

    /// Of a request that is a chat completion already.
    package init() {}

    /// Of one of Anthropic's Messages.
    static func messages(_ places: [MessagePlace]) -> CallerNames {
        var names = CallerNames(
            members: [
                ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"), ("response_format", "output_config.format"),
                ("stop", "stop_sequences"), ("user", "metadata.user_id"), ("reasoning_effort", "thinking"),
            ], messages: [])
        names.places = places
        names.hasFlatTools = true
        return names
    }

    init(members: [(chat: String, caller: String)], messages: [String]) {
        self.members = members
        self.messages = messages
    }

    /// The caller's name of a field; one that is not known stays as it is.
    package func callersName(of path: String) -> String {
        if path.hasPrefix("messages["), let number = Int(path.dropFirst(9).prefix { $0.isNumber }) {
            if messages.indices.contains(number) { return messages[number] }
            if places.indices.contains(number) {
                return places[number].callersName(of: path[(path.firstIndex(of: "]") ?? path.startIndex)...].dropFirst())
            }
        }
        if hasFlatTools, path.hasPrefix("tools[") { return path.replacing("].function", with: "]", maxReplacements: 1) }
        for member in members where path == member.chat || path.hasPrefix("\(member.chat).") || path.hasPrefix("\(member.chat)[") {
            return member.caller
        }
        return path
    }

    /// The fault with the caller's name in place of its field's.
    package func inCallersWords(_ fault: Fault) -> Fault {
        guard let field = fault.parameter else { return fault }
        let name = callersName(of: field)
        guard name != field else { return fault }
        var fault = fault
        fault.parameter = name
        fault.message = fault.message.replacing("`\(field)`", with: "`\(name)`")
        return fault
    }
}

/// Where a message of a chat completion stood in one of Anthropic's Messages.
struct MessagePlace: Sendable {
    /// `nil`: it is what stood in `system`.
    var message: Int?
    /// The one block that it was made of; `nil`: more than one, or the content is a text.
    var block: Int?
    /// Whether its parts are the blocks, in their order.
    var keepsBlocks = false

    /// - Parameter rest: what stands behind the message in a field's path, such as `.content[1].image_url`.
    fileprivate func callersName(of rest: Substring) -> String {
        let content = message.map { "messages[\($0)].content" } ?? "system"
        if let block { return "\(content)[\(block)]" }
        guard rest.hasPrefix(".content") else { return message.map { "messages[\($0)]" } ?? content }
        let part = rest.dropFirst(".content[".count).prefix { $0.isNumber }
        return keepsBlocks && !part.isEmpty ? "\(content)[\(part)]" : content
    }
}
