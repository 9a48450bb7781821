internal import CPrefilter

/// The words of all lists by their first two bytes.
///
/// `@unchecked`: the memory is written here, before anybody else has it, and never freed.
struct ContextIndex: @unchecked Sendable {
    private struct Entry {
        let offset: UInt16
        let length: UInt8
        let lists: UInt64
        /// The first eight bytes, the first one lowest; zeros where the text may have another byte than these in lower case.
        let head: UInt64
        /// Ones where ``head`` counts.
        let mask: UInt64

        init(_ word: [UInt8], offset: Int, lists: UInt64) {
            self.offset = UInt16(truncatingIfNeeded: offset)
            length = UInt8(truncatingIfNeeded: word.count)
            self.lists = lists
            var (head, mask): (UInt64, UInt64) = (0, 0)
            for (place, byte) in word.prefix(8).enumerated() where byte > 0x20 && byte < 0x80 {
                head |= UInt64(byte) << UInt64(8 * place)
                mask |= 0xFF << UInt64(8 * place)
            }
            (self.head, self.mask) = (head, mask)
        }
    }

    static let shared = ContextIndex()

    /// The words, one behind the other.
    private let bytes: UnsafePointer<UInt8>
    /// By bucket.
    private let entries: UnsafePointer<Entry>
    /// Where each bucket starts in `entries`; one more than there are buckets.
    private let starts: UnsafePointer<UInt16>
    /// By the lower five bits of a word's first two bytes, a bit for those of its third one: they are the same in capitals and small letters.
    let beginnings: UnsafePointer<UInt32>
    /// Of the words that stand before telephone numbers alone: most numbers are asked for those, and most have none.
    let phoneBeginnings: UnsafePointer<UInt32>
    private static let buckets = 512

    private init() {
        var lists: [[UInt8]: UInt64] = [:]
        for list in ContextWords.allCases {
            for word in list.list.split(separator: ",") { lists[Array(word.utf8), default: 0] |= 1 << UInt64(list.rawValue) }
        }
        let words = lists.keys.filter { $0.count >= 2 }.sorted {
            (Self.bucket($0[0], $0[1]), $0.count) < (Self.bucket($1[0], $1[1]), $1.count)
        }
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: words.reduce(0) { $0 + $1.count })
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: words.count)
        let starts = UnsafeMutablePointer<UInt16>.allocate(capacity: Self.buckets + 1)
        starts.initialize(repeating: 0, count: Self.buckets + 1)
        var offset = 0
        for (index, word) in words.enumerated() {
            (bytes + offset).initialize(from: word, count: word.count)
            (entries + index).initialize(to: Entry(word, offset: offset, lists: lists[word] ?? 0))
            offset += word.count
            starts[Self.bucket(word[0], word[1]) + 1] += 1
        }
        for bucket in 0..<Self.buckets { starts[bucket + 1] += starts[bucket] }
        self.bytes = UnsafePointer(bytes)
        self.entries = UnsafePointer(entries)
        self.starts = UnsafePointer(starts)
        beginnings = Self.beginnings(of: words)
        phoneBeginnings = Self.beginnings(of: words.filter { (lists[$0] ?? 0) >> UInt64(ContextWords.phone.rawValue) & 1 != 0 })
    }

    private static func beginnings(of words: [[UInt8]]) -> UnsafePointer<UInt32> {
        let beginnings = UnsafeMutablePointer<UInt32>.allocate(capacity: Int(AGENTSHIELD_BEGINNINGS))
        beginnings.initialize(repeating: 0, count: Int(AGENTSHIELD_BEGINNINGS))
        for word in words {
            // A space in the list stands for other signs too.
            beginnings[beginning(word[0], word[1])] |= word.count > 2 && word[2] > 0x20 ? 1 << UInt32(word[2] & 31) : .max
        }
        agentshield_group_beginnings(beginnings)
        return UnsafePointer(beginnings)
    }

    private static func bucket(_ first: UInt8, _ second: UInt8) -> Int {
        (Int(first & 31) << 4 ^ Int(second) ^ Int(first >> 5) << 2) & (buckets - 1)
    }

    private static func beginning(_ first: UInt8, _ second: UInt8) -> Int {
        Int(first & 31) << 5 | Int(second & 31)
    }

    /// Calls `found` with the end and the lists of each word that starts at `start`, and whether what follows does not make it another one.
    @inline(__always)
    func words(at start: Int, in text: Text, _ found: (_ end: Int, _ lists: UInt64, _ isWhole: Bool) -> Void) {
        guard start + 1 < text.count else { return }
        let first = text.base[start].lowercased
        let second = Self.folded(text.base[start + 1], behind: text.base[start])
        let bucket = Self.bucket(first, second)
        var index = Int(starts[bucket])
        let last = Int(starts[bucket + 1])
        guard index < last else { return }
        // Every byte of a head has this bit, capitals in the text have not.
        let lowered = text.eightBytes(start) | 0x2020_2020_2020_2020
        while index < last {
            let entry = entries[index]
            index &+= 1
            // Most words end here.
            guard (lowered ^ entry.head) & entry.mask == 0, matches(entry, at: start, in: text) else { continue }
            let end = start + Int(entry.length)
            // `phoneNumber` and `phone_number` hold the word `phone`, `phonetic` does not.
            let next = end < text.count ? text.base[end] : 0
            found(end, entry.lists, !(next &- 0x61 < 26) && next < 0xC3)
        }
    }

    private func matches(_ entry: Entry, at start: Int, in text: Text) -> Bool {
        guard start + Int(entry.length) <= text.count else { return false }
        let word = bytes + Int(entry.offset)
        var previous: UInt8 = 0
        for offset in 0..<Int(entry.length) {
            let byte = text.base[start + offset]
            let expected = word[offset]
            var folded = Self.folded(byte, behind: previous)
            if expected == UInt8(ascii: " "), byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") { folded = expected }
            guard folded == expected else { return false }
            previous = byte
        }
        return true
    }

    /// Lower case; of U+00C0–U+00DE too, whose second byte this is.
    @inline(__always)
    private static func folded(_ byte: UInt8, behind previous: UInt8) -> UInt8 {
        previous == 0xC3 && byte &- 0x80 < 0x1F ? byte | 0x20 : byte.lowercased
    }
}
