import NIOCore

/// Which node of a cluster has which slot. Pure; learnt from redirections and from `CLUSTER SLOTS`.
struct RedisSlotMap {
    private let maxNodes: Int
    private(set) var nodes: [RedisAddress] = []
    /// Index in `nodes`, plus one, for each slot; 0: unknown. Empty before the first redirection: a single server costs nothing.
    private var owners: [UInt16] = []

    init(maxNodes: Int) {
        self.maxNodes = min(maxNodes, Int(UInt16.max) - 1)
    }

    func owner(of slot: UInt16) -> RedisAddress? {
        guard Int(slot) < owners.count, owners[Int(slot)] > 0 else { return nil }
        return nodes[Int(owners[Int(slot)]) - 1]
    }

    /// - Returns: whether there is room for the node.
    @discardableResult
    mutating func assign(_ slots: ClosedRange<UInt16>, to address: RedisAddress) -> Bool {
        guard slots.upperBound < RedisSlot.count else { return false }
        if owners.isEmpty {
            owners = Array(repeating: 0, count: Int(RedisSlot.count))
        }
        let index: Int
        if let known = nodes.firstIndex(of: address) {
            index = known
        } else {
            guard nodes.count < maxNodes else { return false }
            index = nodes.count
            nodes.append(address)
        }
        for slot in slots { owners[Int(slot)] = UInt16(index + 1) }
        return true
    }

    /// What a reply to `CLUSTER SLOTS` says; `nil` if it is none: the map that we have is better then.
    ///
    /// - Parameter asked: the node that answered. It leaves its own host out when it does not know it.
    static func read(_ value: RedisValue, asked: RedisAddress, maxNodes: Int) -> RedisSlotMap? {
        guard let ranges = value.elements, ranges.left > 0 else { return nil }
        var map = RedisSlotMap(maxNodes: maxNodes)
        for range in ranges {
            guard var fields = range.elements,
                let first = fields.next()?.integer.flatMap({ UInt16(exactly: $0) }),
                let last = fields.next()?.integer.flatMap({ UInt16(exactly: $0) }), first <= last,
                var primary = fields.next()?.elements, let host = primary.next(),
                let port = primary.next()?.integer.flatMap({ UInt16(exactly: $0) }), port > 0
            else { return nil }
            let name = host.string.flatMap { $0.isEmpty || $0 == "?" ? nil : $0 } ?? asked.host
            guard map.assign(first...last, to: RedisAddress(host: name, port: Int(port))) else { return nil }
        }
        return map
    }
}
