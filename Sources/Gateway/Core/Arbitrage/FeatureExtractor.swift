/// Makes a request's ``FeatureVector`` from its scrubbed text, in one pass over at most ``mostBytes`` of it, without a network call and without
/// allocating: the buffer of counts is made once and used for every request of its loop. Pure; keeps nothing of the text.
///
/// Words, pairs of words and 4-grams of bytes are hashed into 1,024 buckets (K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning",
/// 2009); the square roots of the counts, scaled to length 1, are projected by fixed random signs (D. Achlioptas, "Database-friendly random
/// projections", 2003).
package struct FeatureExtractor: ~Copyable {
    /// Of a longer text, the first and the last half of so many bytes are read.
    package static let mostBytes = 16 * 1024
    static let buckets = 1024

    /// What one occurrence adds: a 4-gram half of a word.
    private enum Weight {
        static let word: Int32 = 2
        static let gram: Int32 = 1
    }

    private let counts: UnsafeMutablePointer<Int32>
    /// For each four bits, four signs: −1 where a bit is set.
    private let signs: UnsafeMutablePointer<SIMD4<Float>>
    private let languages: LanguageModel
    /// What speaks for each language.
    private let scores: UnsafeMutablePointer<Int32>

    package init(languages: LanguageModel) {
        self.languages = languages
        scores = .allocate(capacity: LanguageModel.most)
        scores.initialize(repeating: 0, count: LanguageModel.most)
        counts = .allocate(capacity: Self.buckets)
        counts.initialize(repeating: 0, count: Self.buckets)
        signs = .allocate(capacity: 16)
        for bits in 0..<16 {
            func sign(_ bit: Int) -> Float { bits >> bit & 1 == 1 ? -1 : 1 }
            (signs + bits).initialize(to: SIMD4(sign(0), sign(1), sign(2), sign(3)))
        }
    }

    deinit {
        counts.deallocate()
        signs.deallocate()
        scores.deallocate()
    }

    package mutating func features(of text: some StringProtocol, shape: RequestShape = RequestShape()) -> FeatureVector {
        let found = text.utf8.withContiguousStorageIfAvailable { features(of: UnsafeRawBufferPointer($0), shape: shape) }
        return found ?? Array(text.utf8).withUnsafeBytes { features(of: $0, shape: shape) }
    }

    package mutating func features(of text: UnsafeRawBufferPointer, shape: RequestShape) -> FeatureVector {
        reading(of: text, shape: shape).features
    }

    /// - Parameter text: any bytes; UTF-8 is expected and not checked. It has been scrubbed.
    package mutating func reading(of text: UnsafeRawBufferPointer, shape: RequestShape) -> TextReading {
        var signals = TextSignals()
        scores.update(repeating: 0, count: LanguageModel.most)
        if text.count <= Self.mostBytes {
            read(text, &signals)
        } else {
            let half = Self.mostBytes / 2
            read(UnsafeRawBufferPointer(rebasing: text[..<half]), &signals)
            read(UnsafeRawBufferPointer(rebasing: text[(text.count - half)...]), &signals)
        }
        var lanes = project()
        signals.write(to: &lanes, bytes: text.count, shape: shape, foreignness: languages.foreignness(scores))
        return TextReading(features: FeatureVector(lanes), mix: signals.mix, language: languages.guess(scores))
    }

    // MARK: - Reading

    private mutating func read(_ text: UnsafeRawBufferPointer, _ signals: inout TextSignals) {
        var word = Hash.start
        var previous = Hash.start
        var isInWord = false
        var gram: UInt32 = 0
        for (index, raw) in text.enumerated() {
            let byte = raw &- 0x41 < 26 ? raw | 0x20 : raw
            signals.count(raw)
            gram = gram << 8 | UInt32(byte)
            let before = UInt8(truncatingIfNeeded: gram >> 8)
            if before >= 0xC0 {
                signals.noteLetter(lead: before)
                languages.vote(lead: before, next: raw, scores)
            } else if raw == UInt8(ascii: ">"), Self.endsPlaceholder(text, at: index) {
                signals.notePlaceholder()
            }
            if index >= 3 { add(Hash.mixed(UInt64(gram) ^ Hash.gramSalt), Weight.gram) }
            if TextSignals.isWordByte(byte) {
                word = Hash.extended(word, byte)
                isInWord = true
            } else if isInWord {
                end(word, &previous, &signals)
                (word, isInWord) = (Hash.start, false)
            }
        }
        if isInWord { end(word, &previous, &signals) }
    }

    /// Whether `<EMAIL_1>` or the like ends there.
    private static func endsPlaceholder(_ text: UnsafeRawBufferPointer, at end: Int) -> Bool {
        var index = end - 1
        while index >= 0, text[index] &- 0x30 < 10 { index -= 1 }
        guard index < end - 1, index > 0, text[index] == UInt8(ascii: "_") else { return false }
        let underscore = index
        while index >= 0, text[index] &- 0x41 < 26 || text[index] == UInt8(ascii: "_"), end - index < 64 { index -= 1 }
        return index >= 0 && index < underscore - 1 && text[index] == UInt8(ascii: "<")
    }

    private mutating func end(_ word: UInt64, _ previous: inout UInt64, _ signals: inout TextSignals) {
        signals.noteWord(word)
        languages.vote(word: word, scores)
        add(Hash.mixed(word), Weight.word)
        if previous != Hash.start { add(Hash.mixed(previous &* Hash.pairFactor ^ word), Weight.word) }
        previous = word
    }

    private mutating func add(_ hash: UInt64, _ weight: Int32) {
        counts[Int(hash >> 54)] &+= weight
    }

    // MARK: - Projecting

    /// The projected lanes: each the signed sum of all buckets' damped counts. The counts are 0 again afterwards.
    private mutating func project() -> SIMD32<Float> {
        var sums = (SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero)
        var squares: Float = 0
        for bucket in 0..<Self.buckets where counts[bucket] != 0 {
            let count = Float(counts[bucket]) / 2
            counts[bucket] = 0
            squares += count
            // A sign per lane: bit `lane` of the bucket's word.
            let word = Int(Hash.mixed(UInt64(bucket) ^ Hash.signSalt) >> 32)
            let damped = count.squareRoot()
            sums.0 += signs[word >> 12 & 15] * damped
            sums.1 += signs[word >> 16 & 15] * damped
            sums.2 += signs[word >> 20 & 15] * damped
            sums.3 += signs[word >> 24 & 15] * damped
            sums.4 += signs[word >> 28 & 15] * damped
        }
        let scale = squares > 0 ? 1 / squares.squareRoot() : 0
        var lanes = SIMD32<Float>(repeating: 0)
        // Of twenty sums as many as there are lanes for.
        withUnsafeBytes(of: sums) { bytes in
            let values = bytes.bindMemory(to: Float.self)
            for lane in FeatureVector.firstProjected..<FeatureVector.dimension {
                lanes[lane] = values[lane - FeatureVector.firstProjected] * scale
            }
        }
        return lanes
    }
}

/// What is read from a request's text.
package struct TextReading: Sendable {
    package var features: FeatureVector
    package var mix: ByteMix
    /// An index of the model's languages; `nil`: not known.
    package var language: Int?
}

/// FNV-1a for words (G. Fowler, L. Noll, P. Vo), finished as in SplitMix64 (S. Vigna). Fixed: features that were learned from stay what they are.
enum Hash {
    static let start: UInt64 = 0xCBF2_9CE4_8422_2325
    static let pairFactor: UInt64 = 0x9E37_79B9_7F4A_7C15
    static let gramSalt: UInt64 = 0x4752_414D_0000_0000
    static let signSalt: UInt64 = 0x5349_474E_0000_0000

    static func extended(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

    static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    static func of(_ word: StaticString) -> UInt64 {
        word.withUTF8Buffer { $0.reduce(start, extended) }
    }
}
