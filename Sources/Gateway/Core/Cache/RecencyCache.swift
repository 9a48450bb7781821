/// A map with a cap on the sum of its entries' costs that forgets what was not used for the longest time. Pure: `now` is a parameter.
package struct RecencyCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Slot {
        var key: Key
        var value: Value
        var cost: Int
        var expiresAt: Int64
        var newer: Int?
        var older: Int?
    }

    package let maxCost: Int
    package private(set) var cost = 0
    private var slots: [Slot?] = []
    private var free: [Int] = []
    private var index: [Key: Int] = [:]
    private var newest: Int?
    private var oldest: Int?

    package init(maxCost: Int) {
        self.maxCost = maxCost
    }

    package var count: Int { index.count }

    /// The entry, unless it has expired; it is the newest from now on.
    package mutating func value(for key: Key, now: Int64) -> Value? {
        guard let position = index[key], let slot = slots[position] else { return nil }
        guard slot.expiresAt > now else {
            remove(at: position)
            return nil
        }
        unlink(position)
        linkAsNewest(position)
        return slot.value
    }

    /// Stores an entry and forgets the oldest ones until it fits. One that is larger than the whole cache is not stored.
    package mutating func insert(_ value: Value, for key: Key, cost newCost: Int, expiresAt: Int64) {
        if let position = index[key] { remove(at: position) }
        guard newCost <= maxCost else { return }
        while cost > maxCost - newCost, let position = oldest { remove(at: position) }
        let slot = Slot(key: key, value: value, cost: newCost, expiresAt: expiresAt)
        let position: Int
        if let reused = free.popLast() {
            position = reused
            slots[position] = slot
        } else {
            position = slots.count
            slots.append(slot)
        }
        index[key] = position
        cost += newCost
        linkAsNewest(position)
    }

    package mutating func removeAll() {
        self = RecencyCache(maxCost: maxCost)
    }

    /// Forgets the entries whose values are so; looks at every one.
    package mutating func removeAll(where isGone: (Value) -> Bool) {
        for position in slots.indices {
            if let slot = slots[position], isGone(slot.value) { remove(at: position) }
        }
    }

    private mutating func remove(at position: Int) {
        guard let slot = slots[position] else { return }
        unlink(position)
        index[slot.key] = nil
        slots[position] = nil
        free.append(position)
        cost -= slot.cost
    }

    private mutating func unlink(_ position: Int) {
        let newer = slots[position]?.newer
        let older = slots[position]?.older
        if let newer { slots[newer]?.older = older } else { newest = older }
        if let older { slots[older]?.newer = newer } else { oldest = newer }
        slots[position]?.newer = nil
        slots[position]?.older = nil
    }

    private mutating func linkAsNewest(_ position: Int) {
        slots[position]?.older = newest
        if let newest { slots[newest]?.newer = position }
        newest = position
        if oldest == nil { oldest = position }
    }
}
