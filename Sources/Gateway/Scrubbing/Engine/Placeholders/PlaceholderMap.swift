/// The values behind one request's placeholders. Numbers count from 1 per kind, in the order of first occurrence; the same value has the
/// same number. Holds personal data: it lives as long as its request and is never logged.
public struct PlaceholderMap: Sendable {
    private struct Entry: Sendable {
        let kind: EntityKind
        let number: Int
        let value: Range<Int>
        let hash: Int
    }

    /// The placeholders of one kind.
    struct Series: Sendable {
        let kind: EntityKind
        /// The kind's name in upper case.
        let name: [UInt8]
        /// The entry of number `n` is at `n - 1`.
        fileprivate(set) var entries: [Int] = []
    }

    private var storage: [UInt8] = []
    private var entries: [Entry] = []
    private(set) var series: [Series] = []
    /// Open addressing, linear probing; entry index + 1, 0 where free. A power of two, at most half full.
    private var slots: [Int32] = []

    /// No values.
    public init() {}

    /// Nothing was replaced: restoring would change nothing and can be left out.
    public var isEmpty: Bool { entries.isEmpty }

    /// How many values there are.
    public var count: Int { entries.count }

    /// The number of `value`, which it gets now if it has none.
    mutating func number(for value: UnsafeRawBufferPointer, kind: EntityKind, name: String) -> Int {
        if entries.count * 2 >= slots.count { grow(to: max(16, slots.count * 2)) }
        let hash = Self.hash(value, kind)
        let slot = slot(of: value, kind, hash)
        if slots[slot] != 0 { return entries[Int(slots[slot]) - 1].number }
        let seriesIndex = indexOfSeries(kind, name)
        let number = series[seriesIndex].entries.count + 1
        series[seriesIndex].entries.append(entries.count)
        let start = storage.count
        storage.append(contentsOf: value)
        entries.append(Entry(kind: kind, number: number, value: start..<storage.count, hash: hash))
        slots[slot] = Int32(truncatingIfNeeded: entries.count)
        return number
    }

    /// Makes room for so many more values and bytes of them at once.
    mutating func reserve(values: Int, bytes: Int) {
        // What grows by less than it has grows by itself as often as is good for it.
        guard values > entries.count else { return }
        entries.reserveCapacity(entries.count + values)
        storage.reserveCapacity(storage.count + bytes)
        var size = max(16, slots.count)
        while size <= 2 * (entries.count + values) { size *= 2 }
        if size > slots.count { grow(to: size) }
    }

    /// As ``number(for:kind:name:)``; nil for a new value when there are `mostValues`, or 16 MiB of them.
    mutating func number(for value: UnsafeRawBufferPointer, kind: EntityKind, name: String, mostValues: Int) -> Int? {
        let isFull = entries.count >= mostValues || storage.count + value.count > Limits.numberedBytes
        return isFull ? known(value, kind) : number(for: value, kind: kind, name: name)
    }

    private func known(_ value: UnsafeRawBufferPointer, _ kind: EntityKind) -> Int? {
        guard !slots.isEmpty else { return nil }
        let slot = slot(of: value, kind, Self.hash(value, kind))
        return slots[slot] != 0 ? entries[Int(slots[slot]) - 1].number : nil
    }

    /// Where the value is, or the free slot where it would be.
    private func slot(of value: UnsafeRawBufferPointer, _ kind: EntityKind, _ hash: Int) -> Int {
        var slot = hash & (slots.count - 1)
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot]) - 1]
            if entry.hash == hash, entry.kind == kind, isEqual(entry.value, value) { break }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    /// The value of placeholder `number` of a kind, by index into ``series``; nil if it was not issued.
    func withValue<Result>(series index: Int, number: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard series.indices.contains(index), number >= 1, number <= series[index].entries.count else { return nil }
        let range = entries[series[index].entries[number - 1]].value
        return storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// The placeholder of `number` was issued.
    func isIssued(series index: Int, number: Int) -> Bool {
        series.indices.contains(index) && number >= 1 && number <= series[index].entries.count
    }

    private mutating func indexOfSeries(_ kind: EntityKind, _ name: String) -> Int {
        if let index = series.firstIndex(where: { $0.kind == kind }) { return index }
        series.append(Series(kind: kind, name: Array(name.utf8)))
        return series.count - 1
    }

    private func isEqual(_ range: Range<Int>, _ value: UnsafeRawBufferPointer) -> Bool {
        range.count == value.count && storage[range].elementsEqual(value)
    }

    /// `size` is a power of two.
    private mutating func grow(to size: Int) {
        slots = [Int32](repeating: 0, count: size)
        for (index, entry) in entries.enumerated() {
            var slot = entry.hash & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(truncatingIfNeeded: index + 1)
        }
    }

    /// Eight bytes at a time, each multiplied with a secret number: a finding is hashed in a few nanoseconds.
    private static func hash(_ value: UnsafeRawBufferPointer, _ kind: EntityKind) -> Int {
        let (first, second) = secrets
        var state = mix(UInt64(kind.rawValue) << 56 ^ UInt64(value.count), first)
        var index = 0
        while index + 8 <= value.count {
            state = mix(state ^ value.loadUnaligned(fromByteOffset: index, as: UInt64.self), second)
            index += 8
        }
        var rest: UInt64 = 0
        while index < value.count {
            rest = rest << 8 | UInt64(value[index])
            index += 1
        }
        return Int(truncatingIfNeeded: mix(state ^ rest, first)) & Int.max
    }

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// Of the standard library's hash function, which is seeded per process, so that values cannot be chosen to collide.
    private static let secrets = (secret(1), secret(2))

    private static func secret(_ number: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(number)
        return UInt64(bitPattern: Int64(hasher.finalize())) | 1
    }
}
