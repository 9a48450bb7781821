import Foundation
import GatewayJSON
import NIOCore
import Testing

/// Foundation's parser as a second opinion.
enum SecondParser {
    /// `nil` when it refuses the document.
    static func parse(_ document: [UInt8]) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(document), options: .fragmentsAllowed)
    }

    /// Where the two differ in what they read, as a path; `nil` when they agree on every value.
    static func difference(_ value: JSONValue, _ other: Any) -> String? {
        switch other {
        case is NSNull: return value.isNull ? nil : value.path
        case let text as String: return isSame(value, text) ? nil : value.path
        case let number as NSNumber: return isSame(value, number) ? nil : value.path
        case let elements as [Any]:
            let own = Array(value.elements)
            guard value.isArray, own.count == elements.count else { return value.path }
            return zip(own, elements).lazy.compactMap { difference($0, $1) }.first
        case let members as [String: Any]:
            guard value.isObject else { return value.path }
            // Of a key that stands twice, Foundation keeps one.
            if value.firstDuplicateKey() != nil { return nil }
            guard Array(value.members).count == members.count else { return value.path }
            for member in value.members {
                guard let key = member.key.string, let other = members[key] else { return value.path }
                if let difference = difference(member.value, other) { return difference }
            }
            return nil
        default: return value.path
        }
    }

    /// Foundation drops a byte order mark at a string's start.
    private static func isSame(_ value: JSONValue, _ text: String) -> Bool {
        guard value.isString, let own = value.string?.unicodeScalars else { return false }
        return own.elementsEqual(text.unicodeScalars) || (own.first == "\u{FEFF}" && own.dropFirst().elementsEqual(text.unicodeScalars))
    }

    private static func isSame(_ value: JSONValue, _ number: NSNumber) -> Bool {
        let type = String(cString: number.objCType)
        if type == "c" || type == "B" { return value.bool == number.boolValue }
        guard value.isNumber, let double = value.double else { return false }
        if let int = value.int, type == "q" || type == "i" { return int == number.int64Value }
        // Foundation goes by way of Decimal and loses the last bits; the C library does not.
        let exact = strtod(String(decoding: value.rawBytes, as: UTF8.self), nil)
        return double.bitPattern == exact.bitPattern && abs(double - number.doubleValue) <= abs(double) * 1e-14
    }
}

@Suite("Agreement with a second parser")
struct FoundationAgreementTests {
    /// Documents that we refuse and Foundation takes, or reads otherwise. Everything else must agree.
    ///
    /// - `loneSurrogate`, `numberOutOfRange`, `depthExceeded`: stricter on purpose (duplicate keys are not the scan's business).
    /// - `byteOrderMark`, and null bytes at the start: Foundation guesses encodings other than UTF-8 from them.
    private static let stricter: Set<JSONFault.Reason> = [.loneSurrogate, .numberOutOfRange, .depthExceeded, .byteOrderMark]

    private func check(_ document: [UInt8], index: inout JSONIndex) -> String? {
        let shown = String(decoding: document, as: UTF8.self)
        let other = document.prefix(4).contains(0) ? nil : SecondParser.parse(document)
        do throws(JSONFault) {
            let bytes = ByteBuffer(bytes: document)
            try index.scan(bytes)
            guard let other else { return "accepted, refused by Foundation: \(shown)" }
            return index.read(bytes) { SecondParser.difference($0, other) }.map { "read differently at \($0): \(shown)" }
        } catch {
            guard other != nil, !Self.stricter.contains(error.reason) else { return nil }
            return "refused (\(error.message)), accepted by Foundation: \(shown)"
        }
    }

    @Test("generated documents are read the same", arguments: 0..<8)
    func generated(seed: UInt64) {
        var generator = DocumentGenerator(seed: seed)
        var index = JSONIndex()
        for _ in 0..<500 {
            let document = generator.document()
            #expect(fault(in: document) == nil)
            #expect(check(document, index: &index) == nil)
        }
    }

    @Test("damaged documents are accepted or refused alike, and read the same", arguments: 100..<108)
    func mutated(seed: UInt64) {
        var generator = DocumentGenerator(seed: seed)
        var index = JSONIndex()
        var accepted = 0
        var refused = 0
        for _ in 0..<2000 {
            let document = generator.mutated(generator.document())
            #expect(check(document, index: &index) == nil)
            if fault(in: document) == nil { accepted += 1 } else { refused += 1 }
        }
        // Neither side may be a rarity, or the comparison says little.
        #expect(accepted > 200 && refused > 200)
    }
}
