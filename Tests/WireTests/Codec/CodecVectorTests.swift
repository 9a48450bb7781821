import Foundation
import NIOCore
import Testing
import Wire

/// `protocol/vectors/messages`, whose README says what is in a vector.
@Suite("Codec: vectors")
struct CodecVectorTests {
    struct Vector {
        var name: String
        var message: CataloguedMessage
        var bytes: [UInt8]
        var elementLimit: Int
        var expected: Expected

        enum Expected {
            /// The message as a JSON text, and whether its bytes are the ones that an encoder writes.
            case message(json: String, isCanonical: Bool)
            case fault(DecodingFault.Rule)
        }
    }

    private func vectors() throws -> [Vector] {
        let folder = ProtoSchema.repository.appending(path: "protocol/vectors/messages")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "json" }.flatMap { file in
            let entries = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]]
            return try #require(entries, "\(file.lastPathComponent) is no array of objects").map(Vector.init)
        }
    }

    @Test("every message and every rule has a vector, and every vector a name of its own")
    func coverage() throws {
        let vectors = try vectors()
        #expect(vectors.count >= 140)
        #expect(Set(vectors.map(\.name)).count == vectors.count)

        let canonical = vectors.filter { if case .message(_, isCanonical: true) = $0.expected { true } else { false } }
        #expect(Set(canonical.map(\.message.name)) == Set(ProtoSchema.agentshield.messages.keys))

        let rules = vectors.compactMap { if case .fault(let rule) = $0.expected { rule } else { nil } }
        #expect(Set(rules) == Set(DecodingFault.Rule.allCases))
    }

    @Test("a valid vector is decoded and encoded as it says")
    func valid() throws {
        for vector in try vectors() {
            guard case .message(let json, let isCanonical) = vector.expected else { continue }
            let reading = try vector.message.readByUs(vector.bytes, elementLimit: vector.elementLimit).get()
            #expect(reading == (try vector.message.readByThem(json: json)), "\(vector.name)")
            #expect(reading == (try vector.message.readByThem(vector.bytes)), "\(vector.name)")
            #expect((reading.encoded == vector.bytes) == isCanonical, "\(vector.name)")
        }
    }

    @Test("an invalid vector is refused for the reason that it says")
    func invalid() throws {
        for vector in try vectors() {
            guard case .fault(let rule) = vector.expected else { continue }
            let fault = #expect(throws: DecodingFault.self, "\(vector.name)") {
                try vector.message.readByUs(vector.bytes, elementLimit: vector.elementLimit).get()
            }
            #expect(fault?.rule == rule, "\(vector.name)")
        }
    }
}

extension CodecVectorTests.Vector {
    struct Malformed: Error {
        var entry: String
    }

    init(_ entry: [String: Any]) throws {
        guard let name = entry["name"] as? String,
            let message = CataloguedMessage.all.first(where: { $0.name == entry["message"] as? String }),
            let hex = entry["hex"] as? String, let bytes = Self.bytes(hex: hex),
            let isValid = entry["valid"] as? Bool
        else { throw Malformed(entry: "\(entry)") }

        if isValid, let decoded = entry["decoded"] as? [String: Any], let isCanonical = entry["canonical"] as? Bool {
            let json = try JSONSerialization.data(withJSONObject: decoded)
            expected = .message(json: String(decoding: json, as: UTF8.self), isCanonical: isCanonical)
        } else if !isValid, let rule = (entry["error"] as? String).flatMap(DecodingFault.Rule.init) {
            expected = .fault(rule)
        } else {
            throw Malformed(entry: "\(entry)")
        }
        self.name = name
        self.message = message
        self.bytes = bytes
        elementLimit = entry["element_limit"] as? Int ?? FieldReader.defaultElementLimit
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = Array(hex)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(digits[index...index + 1]), radix: 16) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
