/// Words that a custom pattern asks for in the ``Limits/contextWindow`` bytes to the left of a match. Case makes no difference, in ASCII and in
/// Latin-1; a word starts behind what is no letter and no `<`, for our own placeholders are no context, and ends before what is no letter.
struct PatternContext: Sendable {
    /// The most words of a pattern, and the longest one in bytes.
    static let mostWords = 32
    static let longestWord = 32

    private let words: [[UInt8]]
    private let canStart: [Bool]

    init(_ words: [String]) {
        self.words = words.map { Array($0.lowercased().utf8) }
        let firsts = Set(self.words.compactMap(\.first))
        canStart = (0..<256).map { firsts.contains(UInt8($0).lowercased) }
    }

    func precedes(_ start: Int, in text: Text) -> Bool {
        var index = max(0, start - Limits.contextWindow)
        while index < start {
            if canStart[Int(text.base[index])], index == 0 || !Self.continuesWord(text.base[index - 1]),
                words.contains(where: { matches($0, at: index, limit: start, in: text) })
            {
                return true
            }
            index += 1
        }
        return false
    }

    private static func continuesWord(_ before: UInt8) -> Bool {
        before.isLetter || before >= 0x80 || before == UInt8(ascii: "<")
    }

    private func matches(_ word: [UInt8], at index: Int, limit: Int, in text: Text) -> Bool {
        guard index + word.count <= limit else { return false }
        var previous: UInt8 = 0
        for (offset, expected) in word.enumerated() {
            let byte = text.base[index + offset]
            let folded = previous == 0xC3 && byte &- 0x80 < 0x1F ? byte | 0x20 : byte.lowercased
            guard folded == expected else { return false }
            previous = byte
        }
        guard index + word.count < limit else { return true }
        let next = text.base[index + word.count]
        return !next.isLetter && next < 0x80
    }
}
