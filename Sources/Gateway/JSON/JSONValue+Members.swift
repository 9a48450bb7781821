/// Members of objects and elements of arrays. A value of another kind has none.
extension JSONValue {
    /// An object's members, in document order, repeated keys included.
    package var members: JSONMembers {
        JSONMembers(object: self, position: node + 1, end: isObject ? Int(record.next) : 0)
    }

    /// An array's elements.
    package var elements: JSONElements {
        JSONElements(array: self, position: node + 1, end: isArray ? Int(record.next) : 0)
    }

    /// An object without members or an array without elements.
    package var isEmpty: Bool { (isObject || isArray) && Int(record.next) == node + 1 }

    /// The value of the member with this key, however the key is written. `nil` when there is none.
    ///
    /// - Throws: ``JSONFault/Reason/duplicateKey`` when the object has the key twice: parsers differ in which one they take.
    package func member(_ key: StaticString) throws(JSONFault) -> JSONValue? {
        try uniqueMember { $0.equals(key) }
    }

    /// As ``member(_:)``, for a key that is not known at compile time.
    package func member(named key: String) throws(JSONFault) -> JSONValue? {
        try uniqueMember { $0.equals(key) }
    }

    @inline(__always)
    private func uniqueMember(where matches: (JSONValue) -> Bool) throws(JSONFault) -> JSONValue? {
        var found: JSONValue?
        for member in members where matches(member.key) {
            guard found == nil else { throw JSONFault(.duplicateKey, at: member.key.range.lowerBound) }
            found = member.value
        }
        return found
    }

    /// The second occurrence of a key that an object has twice, the first such in the document; `nil` when all keys differ. Objects inside are
    /// not looked into. Allocates only for objects of more than sixteen members.
    package func firstDuplicateKey() -> JSONValue? {
        var count = 0
        for member in members {
            if count == Self.maxComparedPairwise { return firstDuplicateKeyByHash() }
            for earlier in members.prefix(count) where member.key.sameText(as: earlier.key) { return member.key }
            count += 1
        }
        return nil
    }

    private static let maxComparedPairwise = 16

    private func firstDuplicateKeyByHash() -> JSONValue? {
        var scratch: [UInt8] = []
        var keys: [(hash: Int, key: JSONValue)] = []
        for member in members { keys.append((member.key.textHash(scratch: &scratch), member.key)) }
        // Equal keys come together, in document order. The hash is seeded anew in each process: nobody can choose keys that collide.
        keys.sort { ($0.hash, $0.key.node) < ($1.hash, $1.key.node) }
        var first: JSONValue?
        for (one, two) in zip(keys, keys.dropFirst()) where one.hash == two.hash {
            if two.key.node < first?.node ?? .max, two.key.sameText(as: one.key) { first = two.key }
        }
        return first
    }

    private func textHash(scratch: inout [UInt8]) -> Int {
        var hasher = Hasher()
        withDecodedString(scratch: &scratch) { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    private func sameText(as other: JSONValue) -> Bool {
        if !other.hasEscapes { return textEquals(other.content) }
        if !hasEscapes { return other.textEquals(content) }
        var text: [UInt8] = []
        other.decodeString(into: &text)
        return text.withUnsafeBytes { textEquals($0) }
    }
}

/// A member of an object.
package struct JSONMember {
    /// Of kind ``JSONKind/key``; its text is the key's name.
    package let key: JSONValue
    package let value: JSONValue
}

package struct JSONMembers: Sequence, IteratorProtocol {
    private let object: JSONValue
    private var position: Int
    private let end: Int

    init(object: JSONValue, position: Int, end: Int) {
        self.object = object
        self.position = position
        self.end = end
    }

    package mutating func next() -> JSONMember? {
        guard position < end else { return nil }
        let value = JSONValue(nodes: object.nodes, bytes: object.bytes, node: position + 1)
        defer { position = Int(value.record.next) }
        return JSONMember(key: JSONValue(nodes: object.nodes, bytes: object.bytes, node: position), value: value)
    }
}

package struct JSONElements: Sequence, IteratorProtocol {
    private let array: JSONValue
    private var position: Int
    private let end: Int

    init(array: JSONValue, position: Int, end: Int) {
        self.array = array
        self.position = position
        self.end = end
    }

    package mutating func next() -> JSONValue? {
        guard position < end else { return nil }
        let element = JSONValue(nodes: array.nodes, bytes: array.bytes, node: position)
        position = Int(element.record.next)
        return element
    }
}
