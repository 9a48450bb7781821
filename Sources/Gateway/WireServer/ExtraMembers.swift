import GatewayCore
import GatewayJSON
import NIOCore

/// What a request's `extra_json` says beside the schema's fields.
enum ExtraMembers {
    /// Writes the members into the object that is open.
    ///
    /// - Parameters:
    ///   - operation: the schema's name of what is asked for.
    ///   - typed: what has a field of its own in the schema, or follows from one.
    /// - Throws: ``FaultKind/invalidRequest`` with the schema's name of the field.
    static func write(
        _ extra: ByteBuffer, of operation: String, except typed: Set<String>, index: inout JSONIndex, into json: inout JSONWriter
    ) throws(Fault) {
        guard extra.readableBytes > 0 else { return }
        let field = "\(operation).extra_json"
        do {
            try index.scan(extra)
        } catch {
            throw .invalidField(field, "is not valid JSON: \(error.message)")
        }
        var written = json
        json = JSONWriter()
        defer { json = written }
        try index.read(extra) { root throws(Fault) in
            guard root.isObject else { throw .invalidField(field, "must be a JSON object") }
            guard root.firstDuplicateKey() == nil else { throw .invalidField(field, "has the same key twice") }
            for member in root.members {
                guard let key = member.key.string else { continue }
                guard !typed.contains(key) else { throw .invalidField(field, "may not hold `\(key)`: the schema has a field for it") }
                written.key(named: key)
                written.raw(member.value.rawBytes)
            }
        }
    }
}
