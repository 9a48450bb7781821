import GatewayCore
import GatewayJSON

/// The functions among the tools of a chat completion.
enum ChatFunctions {
    /// - Parameter gaps: what becomes of tools that are none, and of members of tools that are unknown.
    /// - Throws: ``FaultKind/invalidRequest`` with the path of what is wrong.
    static func read(
        _ root: JSONValue, _ gaps: inout TranslationGaps
    ) throws(Fault) -> [(tool: JSONValue, function: JSONValue)] {
        guard let tools = try root.array("tools") else { return [] }
        var functions: [(tool: JSONValue, function: JSONValue)] = []
        for tool in tools.elements {
            guard tool.isObject else { throw .invalidField(tool.path, "must be an object") }
            let type = try tool.requiredString("type")
            guard type.equals("function") else {
                try gaps.refuse(type)
                continue
            }
            guard let function = try tool.object("function") else { throw .invalidField("\(tool.path).function", "is required") }
            try gaps.refuseOthers(in: tool, but: ["type", "function"])
            functions.append((tool, function))
        }
        return functions
    }
}
