/// Values by stream number: what a dictionary is for, with changes in place that allocate nothing.
///
/// Open addressing with linear probing. Numbers are chosen by the peer, who could make all collide; the bound on open streams
/// bounds what that costs.
package struct StreamTable<Value> {
    private struct Entry {
        var id: StreamID
        var value: Value

        @inline(__always)
        mutating func update<Answer, Failure: Error>(_ body: (inout Value) throws(Failure) -> Answer) throws(Failure) -> Answer {
            try body(&value)
        }
    }

    private var entries: ContiguousArray<Entry?> = []
    package private(set) var count = 0

    package init() {}

    /// Slots beyond this are given back when the last stream is gone.
    private static var keptCapacity: Int { 64 }

    package var isEmpty: Bool { count == 0 }

    /// The streams in ascending order.
    package var ids: [StreamID] {
        entries.compactMap { $0?.id }.sorted()
    }

    /// The streams for whose values `condition` holds, in ascending order.
    func ids(where condition: (Value) -> Bool) -> [StreamID] {
        entries.compactMap { entry in entry.flatMap { condition($0.value) ? $0.id : nil } }.sorted()
    }

    /// The values in no particular order.
    var values: some Sequence<Value> {
        entries.lazy.compactMap { $0?.value }
    }

    package subscript(id: StreamID) -> Value? {
        slot(of: id).flatMap { entries[$0]?.value }
    }

    func contains(_ id: StreamID) -> Bool {
        slot(of: id) != nil
    }

    /// Changes a value in place.
    ///
    /// - Returns: what `body` returns; `nil` if there is no such stream.
    @inline(__always)
    @discardableResult
    package mutating func update<Answer, Failure: Error>(
        _ id: StreamID, _ body: (inout Value) throws(Failure) -> Answer
    ) throws(Failure) -> Answer? {
        guard let slot = slot(of: id) else { return nil }
        return try entries[slot]?.update(body)
    }

    /// Changes all values in place.
    mutating func updateAll<Failure: Error>(_ body: (inout Value) throws(Failure) -> Void) throws(Failure) {
        for slot in entries.indices { try entries[slot]?.update(body) }
    }

    /// Adds a stream that is not there.
    package mutating func insert(_ value: Value, for id: StreamID) {
        if (count + 1) * 4 > entries.count * 3 { grow() }
        place(Entry(id: id, value: value))
        count += 1
    }

    @discardableResult
    package mutating func remove(_ id: StreamID) -> Value? {
        guard let slot = slot(of: id) else { return nil }
        let value = entries[slot]?.value
        entries[slot] = nil
        count -= 1
        if count == 0, entries.count > Self.keptCapacity {
            entries = []
        } else {
            closeGap(at: slot)
        }
        return value
    }

    package mutating func removeAll() {
        entries = []
        count = 0
    }

    // MARK: - Slots

    /// Where the search for a stream begins. The capacity is a power of two.
    private func home(of id: StreamID) -> Int {
        // Fibonacci hashing: consecutive numbers are spread, so that no long runs of full slots come together.
        Int(truncatingIfNeeded: ((id.rawValue >> 1) &* 0x9E37_79B1) >> 12) & (entries.count - 1)
    }

    private func next(after slot: Int) -> Int {
        (slot + 1) & (entries.count - 1)
    }

    private func slot(of id: StreamID) -> Int? {
        guard count > 0 else { return nil }
        var slot = home(of: id)
        while let found = entries[slot]?.id {
            if found == id { return slot }
            slot = next(after: slot)
        }
        return nil
    }

    private mutating func place(_ entry: Entry) {
        var slot = home(of: entry.id)
        while entries[slot] != nil { slot = next(after: slot) }
        entries[slot] = entry
    }

    private mutating func grow() {
        let former = entries
        entries = ContiguousArray(repeating: nil, count: max(8, former.count * 2))
        for case let entry? in former { place(entry) }
    }

    /// Moves entries that the removed one had pushed aside back towards their homes.
    private mutating func closeGap(at removed: Int) {
        let mask = entries.count - 1
        var gap = removed
        var slot = next(after: gap)
        while let id = entries[slot]?.id {
            if (slot - home(of: id)) & mask >= (slot - gap) & mask {
                entries.swapAt(gap, slot)
                gap = slot
            }
            slot = next(after: slot)
        }
    }
}
