/// Tells which language a text is in by its commonest words, and by letters that few languages use. Immutable.
///
/// A vote is a word or a letter that speaks for a language; the language of most votes is taken. Looking up a word is one comparison for almost every one.
package final class LanguageModel: Sendable {
    struct Vote: Sendable, Equatable {
        var language: UInt8
        var weight: UInt8
    }

    /// Where votes stand.
    private struct Span: Sendable {
        var first: UInt16 = 0
        var count: UInt16 = 0
    }

    static let most = 64
    package static let none = LanguageModel()

    /// By ISO 639-1.
    package let languages: [String]
    private let english: Int?
    /// An open table of words' hashes; a power of two, at most half full.
    private let hashes: [UInt64]
    private let words: [Span]
    /// By a letter's first byte less C0, then the low six bits of the second.
    private let letters: [Span]
    private let votes: [Vote]

    private init() {
        (languages, english, hashes, words, letters, votes) = ([], nil, [], [], [], [])
    }

    // MARK: - Reading the file

    /// Lines are `words`, a language, words; `letters`, a language, letters; `script`, a language, a range of code points and how much a letter counts.
    package convenience init(_ bytes: [UInt8]) throws(ModelFault) {
        var draft = Draft()
        for row in try ModelLines(bytes).rows { try draft.read(row.fields, line: row.number) }
        self.init(draft)
    }

    private init(_ draft: Draft) {
        languages = draft.languages
        english = draft.languages.firstIndex(of: "en")
        var capacity = 16
        while capacity < 2 * draft.words.count { capacity *= 2 }
        var hashes = Array(repeating: UInt64(0), count: capacity)
        var words = Array(repeating: Span(), count: capacity)
        var votes: [Vote] = []
        func span(_ added: [Vote]) -> Span {
            let span = Span(first: UInt16(votes.count), count: UInt16(added.count))
            votes += added
            return span
        }
        for (hash, speaking) in draft.words.sorted(by: { $0.key < $1.key }) {
            let weight: UInt8 = speaking.count == 1 ? 4 : speaking.count == 2 ? 2 : 1
            var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while hashes[slot] != 0 { slot = (slot + 1) & (capacity - 1) }
            (hashes[slot], words[slot]) = (hash, span(speaking.sorted().map { Vote(language: UInt8($0), weight: weight) }))
        }
        var letters = Array(repeating: Span(), count: 64 * 64)
        for (place, weights) in draft.letters.sorted(by: { $0.key < $1.key }) {
            letters[place] = span(weights.sorted { $0.key < $1.key }.map { Vote(language: UInt8($0.key), weight: $0.value) })
        }
        (self.hashes, self.words, self.letters, self.votes) = (hashes, words, letters, votes)
    }

    /// What the file's lines come to.
    private struct Draft {
        var languages: [String] = []
        var words: [UInt64: Set<Int>] = [:]
        var letters: [Int: [Int: UInt8]] = [:]
        private var votes = 0

        mutating func read(_ fields: [Substring], line: Int) throws(ModelFault) {
            guard fields.count >= 3, !fields[1].isEmpty else { throw ModelFault(line: line, "has too few fields") }
            let language = try language(String(fields[1]), line)
            switch fields[0] {
            case "words":
                for word in fields[2].split(separator: " ") { add(word: word, language) }
            case "letters":
                for scalar in fields[2].unicodeScalars where scalar != " " { try add(scalar, language, weight: 2, line) }
            case "script":
                guard fields.count == 4, let weight = UInt8(fields[3]), (1...16).contains(weight), let range = Self.range(fields[2]) else {
                    throw ModelFault(line: line, "is no range of code points with its weight")
                }
                for scalar in range.compactMap({ Unicode.Scalar($0) }) { try add(scalar, language, weight: weight, line) }
            default: throw ModelFault(line: line, "begins with `\(fields[0])`, which is none of words, letters and script")
            }
            votes += 1
            guard words.count < 16_000, letters.count < 16_000 else { throw ModelFault(line: line, "is one too many") }
        }

        private mutating func language(_ name: String, _ line: Int) throws(ModelFault) -> Int {
            if let known = languages.firstIndex(of: name) { return known }
            guard languages.count < LanguageModel.most else {
                throw ModelFault(line: line, "names one language more than \(LanguageModel.most)")
            }
            languages.append(name)
            return languages.count - 1
        }

        /// Also as it begins a sentence: bytes behind ASCII are not put into lower case when they are read.
        private mutating func add(word: Substring, _ language: Int) {
            for form in [String(word), word.prefix(1).uppercased() + word.dropFirst()] {
                words[LanguageModel.hash(form), default: []].insert(language)
            }
        }

        private mutating func add(_ scalar: Unicode.Scalar, _ language: Int, weight: UInt8, _ line: Int) throws(ModelFault) {
            let bytes = Array(String(scalar).utf8)
            guard bytes.count == 2 || bytes.count == 3 else { throw ModelFault(line: line, "has a letter of \(bytes.count) bytes") }
            letters[LanguageModel.place(bytes[0], bytes[1]), default: [:]][language] = weight
        }

        private static func range(_ text: Substring) -> ClosedRange<UInt32>? {
            let ends = text.split(separator: "-").map { UInt32($0, radix: 16) }
            guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last, last <= 0xFFFF else { return nil }
            return first...last
        }
    }

    /// As ``FeatureExtractor`` hashes words.
    private static func hash(_ word: String) -> UInt64 {
        word.utf8.reduce(Hash.start) { Hash.extended($0, $1 &- 0x41 < 26 ? $1 | 0x20 : $1) }
    }

    private static func place(_ lead: UInt8, _ next: UInt8) -> Int { (Int(lead) & 0x3F) << 6 | Int(next) & 0x3F }

    // MARK: - Telling

    /// - Parameters:
    ///   - hash: of a word.
    ///   - scores: one for each language, ``most`` of them.
    func vote(word hash: UInt64, _ scores: UnsafeMutablePointer<Int32>) {
        guard !hashes.isEmpty else { return }
        var slot = Int(truncatingIfNeeded: hash) & (hashes.count - 1)
        while hashes[slot] != 0 {
            if hashes[slot] == hash { return add(words[slot], scores) }
            slot = (slot + 1) & (hashes.count - 1)
        }
    }

    /// - Parameters:
    ///   - lead: a letter's first byte, C0 or more.
    ///   - next: its second.
    func vote(lead: UInt8, next: UInt8, _ scores: UnsafeMutablePointer<Int32>) {
        guard !letters.isEmpty else { return }
        add(letters[Self.place(lead, next)], scores)
    }

    private func add(_ span: Span, _ scores: UnsafeMutablePointer<Int32>) {
        for index in Int(span.first)..<Int(span.first) + Int(span.count) {
            let vote = votes[index]
            scores[Int(vote.language)] &+= Int32(vote.weight)
        }
    }

    /// The language of most votes, of equals the first; `nil`: nothing speaks for any.
    func guess(_ scores: UnsafeMutablePointer<Int32>) -> Int? {
        var best: (language: Int, score: Int32)?
        for language in languages.indices where scores[language] > best?.score ?? 0 { best = (language, scores[language]) }
        return best?.language
    }

    /// How surely the text is not English: 0 where English has most votes, or nothing is known, 1 where it has none.
    func foreignness(_ scores: UnsafeMutablePointer<Int32>) -> Float {
        guard let best = guess(scores), let english, best != english else { return 0 }
        return Float(scores[best] - scores[english]) / Float(scores[best])
    }
}
