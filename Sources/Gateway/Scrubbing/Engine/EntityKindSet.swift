/// A set of kinds, a bit for each, so that asking costs no hashing.
public struct EntityKindSet: Hashable, Sendable, ExpressibleByArrayLiteral {
    private var bits = Bits256()

    /// No kind.
    public init() {}

    /// The kinds of a literal.
    public init(arrayLiteral kinds: EntityKind...) {
        for kind in kinds { insert(kind) }
    }

    /// The kinds of a sequence; one that comes twice counts once.
    public init(_ kinds: some Sequence<EntityKind>) {
        for kind in kinds { insert(kind) }
    }

    /// Whether the kind is in the set.
    @inline(__always)
    public func contains(_ kind: EntityKind) -> Bool {
        bits[kind.rawValue]
    }

    /// Puts a kind in.
    public mutating func insert(_ kind: EntityKind) {
        bits[kind.rawValue] = true
    }

    /// Takes a kind out, if it is in.
    public mutating func remove(_ kind: EntityKind) {
        bits[kind.rawValue] = false
    }

    /// Whether there is no kind in it.
    public var isEmpty: Bool { bits.isEmpty }
}
