import GatewayCore
package import GatewayJSON
package import NIOCore

/// What a response repeats of its request, as its caller wrote it.
///
/// Bound: ``maxBytes`` in all. A field for which there is no room left is told as if it had not been set.
package struct ResponsesEcho: Sendable {
    private var fields: [ByteBuffer?]
    /// Whether the request asks for log probabilities.
    private(set) var wantsLogprobs = false
    /// The names of the tools that are called with a text.
    private(set) var customTools: Set<String> = []

    private static let maxBytes = 256 << 10

    /// The fields that are repeated, each with what stands there if it was not set.
    private static let known: [(name: StaticString, unset: StaticString)] = [
        ("instructions", "null"), ("max_output_tokens", "null"), ("max_tool_calls", "null"), ("metadata", "{}"),
        ("parallel_tool_calls", "true"), ("prompt_cache_key", "null"), ("reasoning", #"{"effort":null,"summary":null}"#),
        ("safety_identifier", "null"), ("service_tier", #""auto""#), ("temperature", "null"), ("text", #"{"format":{"type":"text"}}"#),
        ("tool_choice", #""auto""#), ("tools", "[]"), ("top_logprobs", "0"), ("top_p", "null"), ("truncation", #""disabled""#),
        ("user", "null"),
    ]

    /// - Parameter request: the body of the request. One that is not JSON repeats nothing.
    package init(of request: ByteBuffer, index: inout JSONIndex) {
        fields = Array(repeating: nil, count: Self.known.count)
        guard (try? index.scan(request)) != nil else { return }
        var room = Self.maxBytes
        index.read(request) { root in
            wantsLogprobs = Self.asksForLogprobs(root)
            customTools = Self.customTools(of: root)
            for member in root.members where !member.value.isNull {
                guard let place = Self.known.firstIndex(where: { member.key.equals($0.name) }), member.value.rawBytes.count <= room else {
                    continue
                }
                room -= member.value.rawBytes.count
                fields[place] = Self.oneLine(member.value)
            }
        }
    }

    private static func customTools(of root: JSONValue) -> Set<String> {
        func text(_ key: StaticString, of tool: JSONValue) -> String? { tool.members.first { $0.key.equals(key) }?.value.string }
        let tools = root.members.first { $0.key.equals("tools") }?.value
        return Set((tools?.elements ?? root.elements).filter { text("type", of: $0) == "custom" }.compactMap { text("name", of: $0) })
    }

    /// They are asked for as something to include, or by how many there are to be.
    static func asksForLogprobs(_ root: JSONValue) -> Bool {
        root.members.contains { member in
            (member.key.equals("include") && member.value.elements.contains { $0.equals("message.output_text.logprobs") })
                || (member.key.equals("top_logprobs") && member.value.int.map { $0 > 0 } == true)
        }
    }

    /// In JSON a bare line break is white space between tokens; in an event it would end the line.
    static func oneLine(_ value: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: value.rawBytes.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
    }

    func write(into json: inout JSONWriter) {
        for (field, value) in zip(Self.known, fields) {
            json.key(field.name)
            if let value {
                json.raw(value)
            } else {
                json.raw(UnsafeRawBufferPointer(start: field.unset.utf8Start, count: field.unset.utf8CodeUnitCount))
            }
        }
    }
}
