import SeededRandomness
import Testing

@testable import PostgresStore

@Suite("COPY's text format")
struct CopyTextTests {
    @Test("cells are escaped as PostgreSQL's manual says")
    func examples() {
        var text = CopyText()
        text.append("a\tb\nc\rd\\e")
        text.appendNull()
        text.append(-5)
        text.append(true)
        text.append("")
        text.append("\\N")
        text.endRow()
        text.append("\\.")
        text.endRow()
        #expect(String(decoding: text.bytes, as: UTF8.self) == "a\\tb\\nc\\rd\\\\e\t\\N\t-5\tt\t\t\\\\N\n\\\\.\n")
        #expect(!text.hasNUL)
        text.append("\u{0}")
        #expect(text.hasNUL)
    }

    @Test("what is written is read back, and a row has one line feed and one tab less than cells", arguments: 0..<200)
    func roundTrip(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let cells = (0..<Int.random(in: 1...8, using: &random)).map { _ in anyText(using: &random) }
        var text = CopyText()
        for cell in cells { text.append(SQLValue(cell)) }
        text.endRow()
        #expect(text.bytes.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(text.bytes.count { $0 == UInt8(ascii: "\t") } == cells.count - 1)
        #expect(CopyText.cells(of: text.bytes.dropLast()) == cells)
    }

    @Test("a backslash that this writer would not write is told")
    func malformed() {
        #expect(CopyText.cells(of: Array("a\\x".utf8)) == nil)
        #expect(CopyText.cells(of: Array("a\\".utf8)) == nil)
    }
}

/// Texts full of what needs escaping, and NULL.
func anyText(using random: inout SeededRandom) -> String? {
    let pieces = ["\\", "\t", "\n", "\r", "\\N", "\\.", "\"", "'", "{", "}", ",", "x", "é", "🛡️", "\u{1}", "\u{7F}", " ", ""]
    guard Int.random(in: 0..<8, using: &random) > 0 else { return nil }
    let count = Int.random(in: 0...12, using: &random)
    return (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
}
