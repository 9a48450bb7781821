import GatewayCore
import GatewayJSON

/// What a translation finds no place for in the other dialect: refused by its name, or left out and told where the request allows it.
///
/// Bound: ``maxDropped`` names are kept; what is left out beyond them is told by the last one, `…`.
package struct TranslationGaps: Sendable {
    private let drops: Bool
    /// The fields that were left out, as the caller writes them.
    package private(set) var dropped: [String] = []

    private static let maxDropped = 16
    /// What the caller calls the fields of what is being translated.
    package var names = CallerNames()

    package init(drops: Bool) {
        self.drops = drops
    }

    /// Says that a field has no place; returns where it is to be left out.
    mutating func refuse(_ path: String, _ reason: String = "has no counterpart in the API of this model's provider") throws(Fault) {
        let path = drops ? names.callersName(of: path) : path
        guard drops else {
            throw .invalidField(path, "\(reason); leave it out, or send `x-agentshield-drop-unsupported: true` to have it left out")
        }
        tell(path)
    }

    /// Says that a field was left out, which no permission is needed for: the provider's own rules allow nothing else in such a request, and the
    /// answer is one to the request all the same.
    mutating func tell(_ path: String) {
        guard dropped.count <= Self.maxDropped, !dropped.contains(path) else { return }
        dropped.append(dropped.count == Self.maxDropped ? "…" : path)
    }

    /// Says of each member that is none of the known ones that it has no place. `cache_control` changes nothing of an answer.
    mutating func refuseOthers(in object: JSONValue, but known: Set<String>) throws(Fault) {
        for member in object.members {
            guard let key = member.key.string, !known.contains(key), key != "cache_control", !member.value.saysNothing else { continue }
            try refuse(member.value)
        }
    }

    mutating func refuse(_ value: JSONValue, _ reason: String = "has no counterpart in the API of this model's provider") throws(Fault) {
        try refuse(value.path, reason)
    }
}

// Reading what a caller sends: whatever is wrong, the fault is the caller's, and named.

extension JSONValue {
    /// The member with this key, of an object; `nil` for one that is `null` too.
    func field(_ key: StaticString) throws(Fault) -> JSONValue? {
        let found: JSONValue?
        do {
            found = try member(key)
        } catch {
            throw Fault(
                .malformedBody, origin: .downstream, message: "The body has an object with the same key twice. Send each key once.",
                parameter: path.isEmpty ? "\(key)" : "\(path).\(key)")
        }
        return found?.isNull == true ? nil : found
    }

    func string(_ key: StaticString) throws(Fault) -> JSONValue? {
        guard let value = try field(key) else { return nil }
        guard value.isString else { throw .invalidField(value.path, "must be a string") }
        return value
    }

    /// The first of two members that is there.
    func string(_ key: StaticString, or other: StaticString) throws(Fault) -> JSONValue? {
        if let value = try string(key) { return value }
        return try string(other)
    }

    func requiredString(_ key: StaticString) throws(Fault) -> JSONValue {
        guard let value = try string(key) else { throw .invalidField(path.isEmpty ? "\(key)" : "\(path).\(key)", "is required") }
        return value
    }

    func object(_ key: StaticString) throws(Fault) -> JSONValue? {
        guard let value = try field(key) else { return nil }
        guard value.isObject else { throw .invalidField(value.path, "must be an object") }
        return value
    }

    func array(_ key: StaticString) throws(Fault) -> JSONValue? {
        guard let value = try field(key) else { return nil }
        guard value.isArray else { throw .invalidField(value.path, "must be an array") }
        return value
    }

    /// The elements of a member that is an array; none where there is no such member.
    func elements(_ key: StaticString) throws(Fault) -> JSONElements {
        // An object has none.
        try array(key)?.elements ?? elements
    }

    /// Whether the value says nothing: `null`, `false`, 0, or an empty string, array or object.
    var saysNothing: Bool {
        isNull || isEmpty || bool == false || double == 0 || (isString && maxDecodedLength == 0)
    }
}

extension Fault {
    /// Providers that want a message with something in it, beside the system's, say so in words that no caller of another dialect understands.
    static let nothingToAnswer = Fault.invalidField(
        "messages", "must have one with something in it, beside the system's, for this model's provider")
}

extension JSONWriter {
    /// A value of another document, byte for byte.
    mutating func raw(_ value: JSONValue) { raw(value.rawBytes) }

    mutating func member(_ key: StaticString, _ value: JSONValue) {
        self.key(key)
        raw(value)
    }
}
