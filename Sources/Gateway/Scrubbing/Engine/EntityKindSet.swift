/// A set of kinds, a bit for each, so that asking costs no hashing.
public struct EntityKindSet: Hashable, Sendable, ExpressibleByArrayLiteral {
    private var bits = Bits256()

    public init() {}

    public init(arrayLiteral kinds: EntityKind...) {
        for kind in kinds { insert(kind) }
    }

    public init(_ kinds: some Sequence<EntityKind>) {
        for kind in kinds { insert(kind) }
    }

    @inline(__always)
    public func contains(_ kind: EntityKind) -> Bool {
        bits[kind.rawValue]
    }

    public mutating func insert(_ kind: EntityKind) {
        bits[kind.rawValue] = true
    }

    public mutating func remove(_ kind: EntityKind) {
        bits[kind.rawValue] = false
    }

    public var isEmpty: Bool { bits.isEmpty }
}
