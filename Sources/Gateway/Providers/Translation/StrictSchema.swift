import GatewayJSON

/// Whether a JSON schema may be sent to OpenAI's API with `strict`: it refuses any other there. (OpenAI, "Structured model outputs", supported schemas:
/// the root is an object and no `anyOf`; every object says `additionalProperties: false` and requires all its properties; some keywords are unknown.)
enum StrictSchema {
    /// Deeper and larger ones are refused there too.
    private static let maxDepth = 10
    private static let unknown: Set<String> = [
        "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties",
        "unevaluatedProperties",
        "propertyNames", "minProperties", "maxProperties", "contains", "uniqueItems", "prefixItems",
    ]

    static func isKept(by schema: JSONValue) -> Bool {
        schema.members.contains { $0.key.equals("type") && $0.value.equals("object") }
            && !schema.members.contains { $0.key.equals("anyOf") } && isKept(by: schema, depth: 1)
    }

    private static func isKept(by schema: JSONValue, depth: Int) -> Bool {
        guard schema.isObject, depth <= maxDepth else { return false }
        var (isObject, isClosed) = (false, false)
        var properties: JSONValue?
        var required: JSONValue?
        for member in schema.members {
            guard let key = member.key.string, !unknown.contains(key) else { return false }
            switch key {
            case "type": isObject = member.value.equals("object") || member.value.elements.contains { $0.equals("object") }
            case "additionalProperties": isClosed = member.value.bool == false
            case "properties": properties = member.value
            case "required": required = member.value
            case "items": guard isKept(by: member.value, depth: depth + 1) else { return false }
            case "anyOf": guard member.value.elements.allSatisfy({ isKept(by: $0, depth: depth + 1) }) else { return false }
            case "$defs", "definitions":
                guard member.value.members.allSatisfy({ isKept(by: $0.value, depth: depth + 1) }) else { return false }
            default: break
            }
        }
        guard isObject || properties != nil else { return true }
        let names = properties.map { Array($0.members) } ?? []
        let areRequired = names.allSatisfy { name in
            name.key.string.map { text in required?.elements.contains { $0.equals(text) } == true } ?? false
        }
        return isClosed && areRequired && names.allSatisfy { isKept(by: $0.value, depth: depth + 1) }
    }
}
