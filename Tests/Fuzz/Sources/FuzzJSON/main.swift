// The JSON scanner: it accepts what RFC 8259's grammar does, reads the same from it as Foundation's parser, and splicing keeps every
// byte that it was not asked to change.
import Foundation
import FuzzDriver
import GatewayJSON
import NIOCore

/// Rules of our own, beyond the grammar.
let ownRules: Set<JSONFault.Reason> = [.depthExceeded, .tooManyValues, .numberOutOfRange, .loneSurrogate]

/// Foundation loses a U+FEFF that follows an escape.
func hasMark(_ string: String) -> Bool { string.unicodeScalars.contains("\u{FEFF}") }

func checkEqual(_ ours: JSONValue, _ theirs: Any) throws(JSONFault) {
    switch ours.kind {
    case .object:
        guard let theirs = theirs as? [String: Any] else { preconditionFailure("one object is none") }
        // Of repeated keys Foundation keeps one, and keys that are canonically equivalent are one key to it.
        guard ours.firstDuplicateKey() == nil, Array(ours.members).count == theirs.count else { return }
        for member in ours.members {
            guard let key = member.key.string else { preconditionFailure("a key has no text") }
            if hasMark(key) { continue }
            guard let value = theirs[key] else { preconditionFailure("a key is missing") }
            try checkEqual(member.value, value)
        }
    case .array:
        guard let theirs = theirs as? [Any] else { preconditionFailure("one array is none") }
        precondition(Array(ours.elements).count == theirs.count, "arrays differ in length")
        for (element, their) in zip(ours.elements, theirs) { try checkEqual(element, their) }
    case .string:
        guard let string = ours.string, let theirs = theirs as? String else { preconditionFailure("one string is none") }
        if !hasMark(string) { precondition(Array(string.utf8) == Array(theirs.utf8), "strings differ") }
    case .number:
        precondition(theirs is NSNumber, "one number is none")
        // The standard library judges: Foundation rounds long integers by way of Decimal, one unit off.
        let text = String(decoding: ours.rawBytes, as: UTF8.self)
        if let integer = ours.int { precondition(Int64(text) == integer, "integers differ") }
        precondition(ours.double == Double(text), "numbers differ")
    case .boolean: precondition(ours.bool == (theirs as? NSNumber)?.boolValue, "booleans differ")
    case .null: precondition(theirs is NSNull, "one null is none")
    case .key: preconditionFailure("a key is no value")
    }
}

/// Every string leaf is replaced by its own text, which must neither change a text nor lose a byte around it.
func checkSplicing(_ document: ByteBuffer, _ index: borrowing JSONIndex) {
    var splicer = JSONSplicer()
    var unchanged = ByteBuffer()
    splicer.write(document, into: &unchanged)
    precondition(unchanged == document, "no change changed the document")

    var texts: [[UInt8]] = []
    index.read(document) { root in
        for leaf in root.leaves where leaf.isString {
            var text: [UInt8] = []
            leaf.decodeString(into: &text)
            text.withUnsafeBytes { splicer.replace(leaf.range, withString: $0) }
            texts.append(text)
        }
    }
    var output = ByteBuffer()
    splicer.write(document, into: &output)
    var second = JSONIndex()
    guard (try? second.scan(output)) != nil else { preconditionFailure("the spliced document is not valid") }
    precondition(second.nodeCount == index.nodeCount, "the spliced document has other values")
    var found: [[UInt8]] = []
    second.read(output) { root in
        for leaf in root.leaves where leaf.isString {
            var text: [UInt8] = []
            leaf.decodeString(into: &text)
            found.append(text)
        }
    }
    precondition(found == texts, "splicing changed a text")
}

fuzz { bytes in
    var index = JSONIndex()
    let isJSON = Grammar.accepts(Array(bytes))
    do throws(JSONFault) {
        try index.scan(bytes)
        precondition(isJSON, "what is no JSON was accepted")
        guard let theirs = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) else {
            preconditionFailure("what was accepted is refused by Foundation")
        }
        try checkEqual(index.root(of: bytes), theirs)
        checkSplicing(ByteBuffer(bytes: bytes), index)
    } catch {
        precondition(!isJSON || ownRules.contains(error.reason), "JSON was refused: \(error.message)")
    }
}
