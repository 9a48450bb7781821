/// The context words of a text, looked up once: recognisers ask for the words before one candidate after another, of many lists, and the
/// bytes between are read only once.
struct ContextView {
    /// A context word in the text.
    struct Word {
        var start = 0
        var end = 0
        /// A bit for each list that has it, by ``ContextWords``' raw value.
        var lists: UInt64 = 0
        /// What follows does not make it another word.
        var isWhole = false
    }

    /// More words than start in a window.
    static let capacity = Limits.contextWindow

    private let index: ContextIndex
    private let instructionSet: InstructionSet
    private let recent: UnsafeMutablePointer<Word>
    private var count = 0
    /// Words that start before this are in `recent`, as far back as a window reaches.
    private var lookedTo = 0
    /// The last end of a placeholder or a mask before ``lookedTo``.
    private var replacementEnd = 0

    /// `memory` has room for ``capacity`` words.
    init(_ memory: UnsafeMutablePointer<Word>, _ instructionSet: InstructionSet) {
        index = .shared
        self.instructionSet = instructionSet
        recent = memory
    }

    /// Reads on up to `start`.
    @inline(__always)
    mutating func look(before start: Int, in text: Text) {
        if start != lookedTo { advance(to: start, in: text) }
    }

    /// One of the words that stand before telephone numbers may be in the window before `start`, or what ends a window.
    @inline(__always)
    func mayHavePhoneWord(before start: Int, in text: Text) -> Bool {
        instructionSet.findWords(text, max(0, start - Limits.contextWindow)..<start, beginnings: index.phoneBeginnings) != 0
    }

    private mutating func advance(to start: Int, in text: Text) {
        let first = max(0, start - Limits.contextWindow)
        if start < lookedTo || first >= lookedTo {
            count = 0
            replacementEnd = 0
            lookedTo = first
        }
        let from = lookedTo
        lookedTo = start
        var found = instructionSet.findWords(text, from..<start, beginnings: index.beginnings)
        while found != 0 {
            stop(at: from &+ found.trailingZeroBitCount, in: text)
            found &= found &- 1
        }
    }

    /// One of the list's words in the window before `start` (which must be where ``look(before:in:)`` read to) fulfils `condition`.
    @inline(__always)
    func words(in list: ContextWords, before start: Int, notBefore covered: Int, _ condition: (Word) -> Bool) -> Bool {
        let first = max(covered, replacementEnd, start - Limits.contextWindow)
        var slot = count
        while slot > 0 {
            slot -= 1
            let word = recent[slot]
            if word.start < first { return false }
            if word.lists >> UInt64(list.rawValue) & 1 != 0, word.isWhole ? word.end <= start : word.end == start, condition(word) {
                return true
            }
        }
        return false
    }

    /// Keeps a word; what no window reaches any more makes room.
    private mutating func note(_ word: Word) {
        if count == Self.capacity {
            var kept = 0
            for slot in 1..<count where recent[slot].start >= word.start - Limits.contextWindow {
                recent[kept] = recent[slot]
                kept += 1
            }
            count = kept
        }
        recent[count] = word
        count += 1
    }

    private mutating func stop(at position: Int, in text: Text) {
        let byte = text.base[position]
        if byte == UInt8(ascii: ">") || byte == UInt8(ascii: "*") {
            if Self.isReplacement(endingAt: position + 1, text) { replacementEnd = position + 1 }
        } else {
            index.words(at: position, in: text) { note(Word(start: position, end: $0, lists: $1, isWhole: $2)) }
        }
    }

    /// A placeholder or a mask ends before `index`: `…L_1>`, `…L>`, `***`.
    private static func isReplacement(endingAt index: Int, _ text: Text) -> Bool {
        guard index >= 3 else { return false }
        let last = text.base[index - 1]
        if last == UInt8(ascii: ">") { return text.base[index - 2].isDigit || text.base[index - 2] &- 0x41 < 26 }
        return last == UInt8(ascii: "*") && text.base[index - 2] == last && text.base[index - 3] == last
    }
}
