/// How many findings of each kind there were; takes no memory until there is one.
public struct EntityCounts: Sendable, Equatable, Sequence {
    private var entries: [Entry] = []

    fileprivate struct Entry: Sendable, Equatable {
        var kind: EntityKind
        var count: Int
    }

    /// No findings.
    public init() {}

    /// How many findings of `kind` there were.
    public subscript(kind: EntityKind) -> Int {
        entries.first { $0.kind == kind }?.count ?? 0
    }

    /// Whether there were none of any kind.
    public var isEmpty: Bool { entries.isEmpty }

    /// Findings of all kinds together.
    public var total: Int { entries.reduce(0) { $0 + $1.count } }

    /// Adds a finding of `kind`.
    public mutating func add(_ kind: EntityKind) {
        if let index = entries.firstIndex(where: { $0.kind >= kind }) {
            if entries[index].kind == kind {
                entries[index].count += 1
            } else {
                entries.insert(Entry(kind: kind, count: 1), at: index)
            }
        } else {
            entries.append(Entry(kind: kind, count: 1))
        }
    }

    /// Adds all of `other`.
    public mutating func add(_ other: EntityCounts) {
        for entry in other.entries {
            for _ in 0..<entry.count { add(entry.kind) }
        }
    }

    /// By kind, in the kinds' order.
    public func makeIterator() -> Iterator { Iterator(entries: entries.makeIterator()) }

    /// Goes through the kinds of which there are findings.
    public struct Iterator: IteratorProtocol {
        fileprivate var entries: IndexingIterator<[Entry]>

        /// The next kind and how many findings of it there were; `nil` behind the last one.
        public mutating func next() -> (kind: EntityKind, count: Int)? {
            entries.next().map { ($0.kind, $0.count) }
        }
    }
}
