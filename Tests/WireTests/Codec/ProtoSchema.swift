import Foundation

/// The messages of `agentshield.proto`, read from its text, so that tests cover what it declares.
struct ProtoSchema {
    struct Field {
        var name: String
        var number: UInt64
        var type: String
        var isRepeated: Bool
        /// Written even when zero: declared `optional`, or a member of a oneof.
        var hasPresence: Bool
        var isInOneof: Bool
    }

    /// Fields by message, in ascending order of their numbers.
    private(set) var messages: [String: [Field]] = [:]
    private(set) var enums: Set<String> = []

    static let agentshield = ProtoSchema(
        text: (try? String(contentsOf: repository.appending(path: "protocol/agentshield.proto"), encoding: .utf8)) ?? "")

    /// The root of the checkout that this file was compiled in.
    static let repository = URL(filePath: #filePath).appending(path: "../../../..").standardizedFileURL

    init(text: String) {
        var blocks: [(kind: Substring, name: String)] = []
        for line in text.split(separator: "\n") {
            let words = line.prefix { $0 != "/" }.split { " ={};".contains($0) }
            if let kind = words.first, ["message", "enum", "oneof"].contains(kind), line.contains("{") {
                blocks.append((kind, String(words[1])))
                if kind == "enum" { enums.insert(String(words[1])) }
                if kind == "message" { messages[String(words[1])] = [] }
            } else if line.trimmingCharacters(in: .whitespaces) == "}" {
                blocks.removeLast()
            } else if let block = blocks.last, block.kind != "enum", words.count >= 3, let number = UInt64(words[words.count - 1]) {
                guard let message = blocks.last(where: { $0.kind == "message" }) else { continue }
                let isInOneof = block.kind == "oneof"
                messages[message.name]?.append(
                    Field(
                        name: String(words[words.count - 2]), number: number, type: String(words[words.count - 3]),
                        isRepeated: words[0] == "repeated", hasPresence: words[0] == "optional" || isInOneof, isInOneof: isInOneof))
            }
        }
    }
}
