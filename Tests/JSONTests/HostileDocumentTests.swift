import GatewayJSON
import NIOCore
import SeededRandomness
import Testing

@Suite("Hostile and extreme documents")
struct HostileDocumentTests {
    @Test("nesting is limited, exactly", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func depth(opening: String) {
        let perOpening = opening.hasPrefix("[{") ? 2 : 1
        let closing = String(opening.reversed().compactMap { $0 == "[" ? "]" : $0 == "{" ? "}" : nil })
        func nested(_ depth: Int) -> String {
            String(repeating: opening, count: depth / perOpening) + "1" + String(repeating: closing, count: depth / perOpening)
        }
        #expect(fault(in: nested(128)) == nil)
        #expect(fault(in: nested(130))?.reason == .depthExceeded)
        #expect(fault(in: nested(4), limits: JSONLimits(maxDepth: 4)) == nil)
        #expect(fault(in: nested(6), limits: JSONLimits(maxDepth: 4))?.reason == .depthExceeded)
        #expect(fault(in: String(repeating: opening, count: 100_000))?.reason == .depthExceeded)
    }

    @Test("values and keys are limited together, exactly")
    func nodes() {
        #expect(fault(in: "[1,1]", limits: JSONLimits(maxNodes: 3)) == nil)
        #expect(fault(in: "[1,1,1]", limits: JSONLimits(maxNodes: 3)) == JSONFault(.tooManyValues, at: 5))
        #expect(fault(in: "{\"a\":1}", limits: JSONLimits(maxNodes: 3)) == nil)
        #expect(fault(in: "{\"a\":1}", limits: JSONLimits(maxNodes: 2)) == JSONFault(.tooManyValues, at: 5))
        #expect(fault(in: "{\"a\":1}", limits: JSONLimits(maxNodes: 1)) == JSONFault(.tooManyValues, at: 1))
        #expect(fault(in: "1", limits: JSONLimits(maxNodes: 0)) == JSONFault(.tooManyValues, at: 0))
        let ones = Array(repeating: "1", count: 262_143)
        #expect(fault(in: "[" + ones.joined(separator: ",") + "]") == nil)
        #expect(fault(in: "[" + (ones + ["1"]).joined(separator: ",") + "]")?.reason == .tooManyValues)
        #expect(fault(in: "[" + Array(repeating: "{\"\":[]}", count: 500_000).joined(separator: ",") + "]")?.reason == .tooManyValues)
    }

    @Test("a smaller limit holds on an index that has grown")
    func limitAfterGrowth() throws {
        var index = JSONIndex()
        let document = ByteBuffer(string: "[" + Array(repeating: "1", count: 5000).joined(separator: ",") + "]")
        try index.scan(document)
        #expect(throws: JSONFault.self) { try index.scan(document, limits: JSONLimits(maxNodes: 100)) }
        try index.scan(document)
        #expect(index.nodeCount == 5001)
    }

    @Test("strings of a megabyte are whole, wherever what ends them stands")
    func longStrings() throws {
        for length in [1_048_576, 1_048_577, 1_048_583] {
            for piece in ["a", "é", "€", "😀", "\\n", "\\u20ac", "\\ud83d\\ude00"] {
                let text = String(repeating: piece, count: length / piece.utf8.count)
                try read("[\"\(text)\",\"\(text)x\"]") { root throws in
                    #expect(root.elements.map(\.contentRange?.count) == [text.utf8.count, text.utf8.count + 1])
                }
                #expect(fault(in: "\"\(text)")?.reason == .unexpectedEnd)
                #expect(fault(in: Array("\"\(text)".utf8) + [0xFF, 0x22])?.reason == .invalidUTF8)
            }
        }
    }

    @Test("every byte is seen at every distance from a word's edge")
    func everyByteEverywhere() {
        for byte in UInt8.min ... .max {
            for before in 0..<17 {
                for after in [0, 1, 7, 8, 9] {
                    let text = [UInt8](repeating: 0x61, count: before) + [byte] + [UInt8](repeating: 0x61, count: after)
                    let found = fault(in: [0x22] + text + [0x22])
                    switch byte {
                    case 0x22: #expect(found?.reason == .trailingBytes)
                    // A backslash: with `a` or the closing quote behind it.
                    case 0x5C: #expect(found?.reason == (after == 0 ? .unexpectedEnd : .invalidEscape))
                    case 0..<0x20: #expect(found == JSONFault(.controlCharacter, at: before + 1))
                    case 0x80...: #expect(found == JSONFault(.invalidUTF8, at: before + 1))
                    default: #expect(found == nil)
                    }
                }
            }
        }
    }

    @Test("UTF-8 is what the standard library says it is, for every lead and second byte")
    func utf8() {
        let tails: [[UInt8]] = [
            [], [0x61], [0x80], [0xBF], [0x80, 0x80], [0xBF, 0xBF], [0x80, 0x61], [0x7F, 0x80], [0xC0, 0x80], [0x80, 0xC0],
            [0x80, 0x80, 0x80],
        ]
        var index = JSONIndex()
        for lead in UInt8(0x80) ... .max {
            for second in UInt8(0x20) ... .max where second != 0x22 && second != 0x5C {
                for tail in tails {
                    let text = [lead, second] + tail
                    let isAccepted = ([0x22] + text + [0x22]).withUnsafeBytes { (try? index.scan($0)) != nil }
                    if isAccepted != (String(validating: text, as: UTF8.self) != nil) { Issue.record("\(text)") }
                }
            }
        }
    }

    @Test("a document cut anywhere is refused as incomplete")
    func truncation() {
        let document = Array(#"{"a":[-12.5e+3,"é\u00e9\ud83d\ude00😀\n",true,false,null],"b":{"c":[]}}"#.utf8)
        for length in 0..<document.count {
            let reason = fault(in: Array(document.prefix(length)))?.reason
            // A character cut in two is not UTF-8.
            #expect(reason == .unexpectedEnd || reason == .invalidUTF8)
        }
        #expect(fault(in: document) == nil)
    }

    @Test("random bytes never crash and are refused in their place", arguments: 0..<4)
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = Array("[]{}\",:\\u0019.eE+-truefalsn \n".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<random.below(40)).map { _ in random.chance(9, in: 10) ? random.pick(alphabet) : random.textByte() }
            if let found = fault(in: bytes) { #expect((0...bytes.count).contains(found.offset)) }
        }
    }

    @Test("numbers at the edge of Double are in or out as the rounding rule says")
    func overflow() {
        // 2^1024 - 2^970: halfway between the largest Double and what would come next; the tie goes up.
        let threshold =
            "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070963"
            + "3028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027"
            + "0069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792"
        let below = String(threshold.dropLast()) + "1"
        for shape in [
            below, "-" + below, below + ".9", below + "." + String(repeating: "9", count: 2000), "0.\(below)e309", below + "000e-3",
        ] {
            #expect(fault(in: shape) == nil)
        }
        for shape in [threshold, "-" + threshold, threshold + ".0", "0.000\(threshold)e312", threshold + "00000e-5", "1" + below] {
            #expect(fault(in: shape) == JSONFault(.numberOutOfRange, at: 0))
        }
    }
}
