/// The places where text can hide, and how to name them.
extension JSONValue {
    /// Everything in this value, itself included, that can carry somebody's data: strings, keys, and numbers of eight digits or more, in document
    /// order. Tell them apart by ``kind``.
    package var leaves: JSONLeaves { JSONLeaves(value: self, position: node, end: Int(record.next)) }

    /// Whether this value itself is one of its ``leaves``.
    package var isLeaf: Bool {
        switch kind {
        case .string, .key: true
        case .number: hasEightDigits
        case .object, .array, .boolean, .null: false
        }
    }

    /// Whether a number has eight digits or more before its exponent.
    package var hasEightDigits: Bool { record.flags.contains(.hasEightDigits) }

    /// Where the value stands in the document, such as `messages[0].content`; empty for the document's own value, and for a key the path of its
    /// value. Costs a walk from the root: for error messages and for policies that name fields.
    ///
    /// A key that is no plain identifier of up to 64 letters, digits, `_` and `-` shows as `*`: it may be somebody's data.
    package var path: String {
        var path = ""
        var current = JSONValue(nodes: nodes, bytes: bytes, node: 0)
        while current.node < node {
            guard let step = current.step(towards: node, path: &path) else { break }
            current = step
        }
        return path
    }

    /// The member or element that holds `target`, its name appended to `path`; `nil` when `target` is not inside this value.
    private func step(towards target: Int, path: inout String) -> JSONValue? {
        if isObject {
            for member in members where target < Int(member.value.record.next) {
                if !path.isEmpty { path += "." }
                path += member.key.identifier ?? "*"
                return member.value
            }
        }
        for (index, element) in elements.enumerated() where target < Int(element.record.next) {
            path += "[\(index)]"
            return element
        }
        return nil
    }

    private var identifier: String? {
        guard isText, maxDecodedLength <= 64 * 6, let name = string, (1...64).contains(name.utf8.count) else { return nil }
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain ? name : nil
    }
}

package struct JSONLeaves: Sequence, IteratorProtocol {
    private let value: JSONValue
    private var position: Int
    private let end: Int

    init(value: JSONValue, position: Int, end: Int) {
        self.value = value
        self.position = position
        self.end = end
    }

    package mutating func next() -> JSONValue? {
        while position < end {
            let candidate = JSONValue(nodes: value.nodes, bytes: value.bytes, node: position)
            position += 1
            if candidate.isLeaf { return candidate }
        }
        return nil
    }
}
