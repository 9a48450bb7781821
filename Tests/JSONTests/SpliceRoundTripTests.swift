import Foundation
import GatewayJSON
import NIOCore
import SeededRandomness
import Testing

@Suite("Splicing generated documents")
struct SpliceRoundTripTests {
    /// A change to one leaf: where, and the value that must be found there afterwards.
    private struct Change {
        var range: Range<Int>
        var text: String
    }

    private func text(_ random: inout SeededRandom) -> String {
        String(decoding: (0..<random.below(20)).map { _ in random.textByte() }, as: UTF8.self)
    }

    @Test("replaced leaves have their new values, and every other byte is where it was", arguments: 0..<6)
    func replaced(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: 1000 + seed)
        var random = SeededRandom(seed: seed)
        var index = JSONIndex()
        var splicer = JSONSplicer()
        var replacements = 0
        for _ in 0..<400 {
            let original = generator.document()
            let document = ByteBuffer(bytes: original)
            try index.scan(document)
            let ranges = index.read(document) { $0.leaves.filter(\.isString).map(\.range) }
            let changes = ranges.filter { _ in random.chance(1, in: 2) }.map { Change(range: $0, text: text(&random)) }
            replacements += changes.count

            splicer.clear()
            for change in changes.shuffled(using: &random) { splicer.replace(change.range, withString: change.text) }
            var output = ByteBuffer()
            splicer.write(document, into: &output)

            #expect(rebuilt(original, changes) == Array(output.readableBytesView))
            // Foundation reads exactly the new texts, and what was there before everywhere else.
            try index.scan(output)
            let parsed = try #require(SecondParser.parse(Array(output.readableBytesView)))
            #expect(index.read(output) { SecondParser.difference($0, parsed) } == nil)
            let expected = ranges.map { range in changes.first { $0.range == range }?.text }
            let found = index.read(output) { $0.leaves.filter(\.isString).map(\.string) }
            #expect(found.count == expected.count)
            for case (let new, let wanted?) in zip(found, expected) {
                #expect(new.map { $0.unicodeScalars.elementsEqual(wanted.unicodeScalars) } == true)
            }
        }
        #expect(replacements > 100)
    }

    /// The same by hand: ranges replaced from the back.
    private func rebuilt(_ original: [UInt8], _ changes: [Change]) -> [UInt8] {
        var bytes = original
        for change in changes.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            var json = JSONWriter()
            json.string(change.text)
            bytes.replaceSubrange(change.range, with: json.buffer.readableBytesView)
        }
        return bytes
    }

    @Test("members added to any object are found in it", arguments: 0..<4)
    func inserted(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: 2000 + seed)
        var index = JSONIndex()
        var splicer = JSONSplicer()
        for _ in 0..<300 {
            let document = ByteBuffer(bytes: generator.document())
            try index.scan(document)
            splicer.clear()
            let isObject = index.read(document) { root in
                splicer.insert(into: root, "stream_options", raw: #"{"include_usage":true}"#)
                splicer.insert(into: root, "x", raw: "1")
                return root.isObject
            }
            var output = ByteBuffer()
            splicer.write(document, into: &output)
            try index.scan(output)
            try index.read(output) { root throws in
                #expect(try root.member("stream_options")?.member("include_usage")?.bool == (isObject ? true : nil))
                #expect(try root.member("x")?.int == (isObject ? 1 : nil))
            }
            if !isObject { #expect(output == document) }
        }
    }

    @Test("paths lead to the values they name", arguments: 0..<4)
    func paths(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: 3000 + seed)
        for _ in 0..<200 {
            try read(String(decoding: generator.document(), as: UTF8.self)) { root in
                expectPaths(of: root, at: "")
            }
        }
    }

    private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-".unicodeScalars)

    /// Walks the document from above and compares each value's own idea of its path.
    private func expectPaths(of value: JSONValue, at path: String) {
        #expect(value.path == path)
        for (position, element) in value.elements.enumerated() { expectPaths(of: element, at: "\(path)[\(position)]") }
        for member in value.members {
            let key = member.key.string ?? ""
            let isPlain = (1...64).contains(key.utf8.count) && key.unicodeScalars.allSatisfy(Self.plain.contains)
            expectPaths(of: member.value, at: (path.isEmpty ? "" : path + ".") + (isPlain ? key : "*"))
            #expect(member.key.path == member.value.path)
        }
    }
}
