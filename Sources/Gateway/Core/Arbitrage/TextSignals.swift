/// What is counted of a text beside its words' hashes: cheap signs of what a request asks for.
struct TextSignals {
    private var bytes = 0
    private var newlines = 0
    private var questionMarks = 0
    private var mathematical = 0
    private var structural = 0
    private var backticks = 0
    private var codeWords = 0
    private var kinds: Kind = []
    private var placeholders = 0
    /// Letters of several bytes, by how their bytes count (``ByteMix``).
    private var letters = SIMD4<Int32>(repeating: 0)

    private struct Kind: OptionSet {
        let rawValue: UInt8
        static let extraction = Kind(rawValue: 1)
        static let translation = Kind(rawValue: 2)
        static let creative = Kind(rawValue: 4)
        static let code = Kind(rawValue: 8)
    }

    static func isWordByte(_ byte: UInt8) -> Bool {
        byte &- 0x61 < 26 || byte &- 0x30 < 10 || byte >= 0x80 || byte == 0x5F
    }

    mutating func count(_ byte: UInt8) {
        bytes += 1
        switch byte {
        case 0x0A: newlines += 1
        case UInt8(ascii: "?"): questionMarks += 1
        case UInt8(ascii: "`"): backticks += 1
        case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "^"), UInt8(ascii: "%"), UInt8(ascii: "$"), UInt8(ascii: "\\"):
            mathematical += 1
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: ";"):
            structural += 1
        default: break
        }
    }

    /// - Parameter lead: a letter's first byte, C0 or more.
    mutating func noteLetter(lead: UInt8) {
        letters[lead < 0xE0 ? 0 : lead < 0xE3 ? 1 : lead < 0xF0 ? 2 : 3] &+= 1
    }

    mutating func notePlaceholder() { placeholders += 1 }

    /// Of what was read.
    var mix: ByteMix {
        let (two, three, cjk, four) = (2 * Int(letters[0]), 3 * Int(letters[1]), 3 * Int(letters[2]), 4 * Int(letters[3]))
        return ByteMix(ascii: max(0, bytes - two - three - cjk - four), two: two, three: three, cjk: cjk, four: four)
    }

    private static let table = WordTable([
        Hash.of("extract"): .extraction, Hash.of("list"): .extraction, Hash.of("summarize"): .extraction, Hash.of("summarise"): .extraction,
        Hash.of("summary"): .extraction, Hash.of("classify"): .extraction, Hash.of("identify"): .extraction,
        Hash.of("passage"): .extraction,
        Hash.of("translate"): .translation, Hash.of("translation"): .translation, Hash.of("language"): .translation,
        Hash.of("english"): .translation, Hash.of("french"): .translation, Hash.of("german"): .translation,
        Hash.of("spanish"): .translation,
        Hash.of("chinese"): .translation,
        Hash.of("story"): .creative, Hash.of("poem"): .creative, Hash.of("essay"): .creative, Hash.of("imagine"): .creative,
        Hash.of("creative"): .creative, Hash.of("song"): .creative,
        Hash.of("def"): .code, Hash.of("function"): .code, Hash.of("return"): .code, Hash.of("class"): .code, Hash.of("import"): .code,
        Hash.of("python"): .code, Hash.of("sql"): .code, Hash.of("code"): .code, Hash.of("const"): .code, Hash.of("func"): .code,
    ])

    /// An open table: a look-up is one comparison for almost every word.
    private struct WordTable {
        private var hashes = Array(repeating: UInt64(0), count: 1024)
        private var kinds = Array(repeating: Kind(), count: 1024)

        init(_ words: [UInt64: Kind]) {
            for (hash, kind) in words {
                var slot = Int(hash & 1023)
                while hashes[slot] != 0 { slot = (slot + 1) & 1023 }
                (hashes[slot], kinds[slot]) = (hash, kind)
            }
        }

        func kind(_ hash: UInt64) -> Kind? {
            var slot = Int(hash & 1023)
            while hashes[slot] != 0 {
                if hashes[slot] == hash { return kinds[slot] }
                slot = (slot + 1) & 1023
            }
            return nil
        }
    }

    /// - Parameter hash: of a lowercased word, not yet mixed.
    mutating func noteWord(_ hash: UInt64) {
        guard let kind = Self.table.kind(hash) else { return }
        kinds.insert(kind)
        if kind == .code { codeWords += 1 }
    }

    /// - Parameters:
    ///   - whole: bytes of the whole text, of which only a part may have been counted.
    ///   - foreignness: how surely it is not English.
    func write(to lanes: inout SIMD32<Float>, bytes whole: Int, shape: RequestShape, foreignness: Float) {
        func share(_ count: Int, times factor: Float) -> Float { min(1, Float(count) / Float(max(1, bytes)) * factor) }
        func set(_ lane: FeatureVector.Lane, _ value: Float) { lanes[lane.rawValue] = value }
        set(.bias, 1)
        set(.length, Self.log2(1 + Float(TokenEstimate.tokens(bytes: whole))) / 10)
        set(.lines, min(1, Float(newlines) / 20))
        set(.question, questionMarks > 0 ? 1 : 0)
        set(.questions, min(1, Float(questionMarks) / 4))
        set(.code, min(1, Float(codeWords) / 4 + (backticks >= 3 ? 0.5 : 0)))
        set(.mathematics, share(mathematical, times: 8))
        set(.structure, share(structural, times: 10))
        set(.extraction, kinds.contains(.extraction) ? 1 : 0)
        set(.translation, kinds.contains(.translation) ? 1 : 0)
        set(.creative, kinds.contains(.creative) ? 1 : 0)
        set(.conversation, min(1, Self.log2(min(1e6, Float(shape.turns) + Float(shape.tools))) / 4))
        set(.language, foreignness)
        set(.script, bytes > 0 ? 1 - Float(mix.ascii) / Float(bytes) : 0)
        set(.placeholders, min(1, Float(placeholders) / 8))
    }

    /// Between two powers of two by a straight line, which is at most 0.09 below; the same on every machine.
    private static func log2(_ value: Float) -> Float {
        value >= 1 ? Float(value.exponent) + (value.significand - 1) : 0
    }
}
