/// Entries by a byte of theirs, in their order.
///
/// The memory is written once and never freed, so looking entries up counts no references; hence `@unchecked`. Entries hold none themselves.
struct ByteTable<Entry>: @unchecked Sendable {
    private let entries: UnsafePointer<Entry>
    /// Where each byte's entries start; one more than there are bytes.
    private let starts: UnsafePointer<UInt16>

    init(_ all: [Entry], by key: (Entry) -> UInt8) {
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: all.count)
        let starts = UnsafeMutablePointer<UInt16>.allocate(capacity: 257)
        var count = 0
        for byte in 0...255 as ClosedRange<UInt8> {
            (starts + Int(byte)).initialize(to: UInt16(truncatingIfNeeded: count))
            for entry in all where key(entry) == byte {
                (entries + count).initialize(to: entry)
                count += 1
            }
        }
        (starts + 256).initialize(to: UInt16(truncatingIfNeeded: count))
        self.entries = UnsafePointer(entries)
        self.starts = UnsafePointer(starts)
    }

    @inline(__always)
    subscript(byte: UInt8) -> UnsafeBufferPointer<Entry> {
        let start = Int(starts[Int(byte)])
        return UnsafeBufferPointer(start: entries + start, count: Int(starts[Int(byte) &+ 1]) &- start)
    }
}

/// A small number for each byte: its place in an alphabet, or another one.
///
/// `@unchecked`: as ``ByteTable``.
struct ByteMap: @unchecked Sendable {
    private let values: UnsafePointer<UInt8>

    init(_ other: UInt8, _ alphabet: StaticString) {
        let values = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        values.initialize(repeating: other, count: 256)
        for place in 0..<alphabet.utf8CodeUnitCount { values[Int(alphabet.utf8Start[place])] = UInt8(truncatingIfNeeded: place) }
        self.values = UnsafePointer(values)
    }

    @inline(__always)
    subscript(byte: UInt8) -> UInt8 { values[Int(byte)] }
}

/// A word of a list, in the program's own memory.
struct ListedWord {
    private let bytes: UnsafePointer<UInt8>
    let count: Int

    /// The words of a list with commas between them.
    static func all(_ list: StaticString) -> [ListedWord] {
        list.withUTF8Buffer { bytes in
            bytes.split(separator: UInt8(ascii: ",")).map { ListedWord(bytes: list.utf8Start + $0.startIndex, count: $0.count) }
        }
    }

    @inline(__always)
    subscript(index: Int) -> UInt8 { bytes[index] }

    var last: UInt8 { bytes[count - 1] }
}
