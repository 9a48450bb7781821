import GatewayCore
import GatewayJSON
import NIOCore

/// Parameters of a chat request that change nothing of the answer, or are read elsewhere.
enum ChatParameters {
    static let unsaid: Set<String> = [
        "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "stream", "stream_options", "max_tokens",
        "max_completion_tokens", "reasoning_effort", "store", "user", "safety_identifier", "metadata", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options",
    ]

    /// Reads the rest that no dialect but OpenAI's has a place for.
    static func refuse(_ member: JSONMember, _ gaps: inout TranslationGaps) throws(Fault) {
        guard let key = member.key.string, !unsaid.contains(key) else { return }
        let value = member.value
        // Its mere presence asks for a search.
        let asks = key == "web_search_options" ? !value.isNull : !value.saysNothing
        guard asks else { return }
        switch key {
        case "service_tier": if !value.equals("auto"), !value.equals("default") { try gaps.refuse(value) }
        case "modalities": for modality in value.elements where !modality.equals("text") { try gaps.refuse("modalities") }
        // The middle is what models do unasked.
        case "verbosity": if !value.equals("medium") { try gaps.refuse(value) }
        case "n": if value.int.map({ $0 > 1 }) == true { try gaps.refuse("n", "must be 1 at this model's provider") }
        default: try gaps.refuse(key.count <= 64 ? key : String(key.prefix(64)))
        }
    }
}

/// The names of the functions that were called, for dialects in which a result tells that and not only the call's id.
struct CalledFunctions {
    private var names: [String: String] = [:]

    mutating func called(_ id: JSONValue?, _ name: JSONValue) {
        if let id = id?.string { names[id] = name.string }
    }

    func name(of id: JSONValue) throws(Fault) -> String {
        guard let name = id.string.flatMap({ names[$0] }) else {
            throw .invalidField(id.path, "must be the id of a call in an earlier message of the assistant's")
        }
        return name
    }
}

/// Ids for tool calls that their provider gives none: made of what it sent, so that an answer that is told again has the same, and so that the calls of
/// other answers, which differ in time, counts or identifier, have others.
enum MadeCallID {
    private static let prefix = "call_made"

    /// Bytes that tell an answer: all of one would be read again for each of its calls.
    private static let maxBytes = 4_096

    static func id(_ raw: ByteBuffer, _ number: Int) -> String {
        // FNV-1a (Fowler, Noll, Vo), of 64 bits.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(raw.readableBytes)
        for byte in raw.readableBytesView.suffix(maxBytes) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits + "_\(number)"
    }

    static func isMade(_ id: String) -> Bool { id.hasPrefix(prefix) }
}
