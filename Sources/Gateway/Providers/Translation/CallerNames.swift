package import GatewayCore

/// What a caller calls the fields of a chat completion that its request was translated to, so that it hears of its own.
package struct CallerNames: Sendable {
    /// Names of members of the chat completion, each with the caller's.
    var members: [(chat: String, caller: String)] = []
    /// What each message was made of, as the caller writes it.
    var messages: [String] = []

    /// Whether only `messages` is known of a message, because one of the caller's can become several.
    var namesMessagesAlone = false
    /// Whether the caller's tools are functions themselves, not tools with one.
    var hasFlatTools = false

    /// Of a request that is a chat completion already.
    package init() {}

    /// Of one of Anthropic's Messages.
    package static var messages: CallerNames {
        var names = CallerNames(
            members: [
                ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"), ("response_format", "output_config.format"),
                ("stop", "stop_sequences"), ("user", "metadata.user_id"), ("reasoning_effort", "thinking"),
            ], messages: [])
        names.namesMessagesAlone = true
        names.hasFlatTools = true
        return names
    }

    init(members: [(chat: String, caller: String)], messages: [String]) {
        self.members = members
        self.messages = messages
    }

    /// The caller's name of a field; one that is not known stays as it is.
    package func callersName(of path: String) -> String {
        if path.hasPrefix("messages["), let number = Int(path.dropFirst(9).prefix { $0.isNumber }), messages.indices.contains(number) {
            return messages[number]
        }
        if namesMessagesAlone, path.hasPrefix("messages[") { return "messages" }
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
