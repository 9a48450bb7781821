/// A set of kinds in four words, so that asking costs no hashing.
public struct EntityKindSet: Hashable, Sendable, ExpressibleByArrayLiteral {
    private var words = SIMD4<UInt64>()

    public init() {}

    public init(arrayLiteral kinds: EntityKind...) {
        for kind in kinds { insert(kind) }
    }

    public init(_ kinds: some Sequence<EntityKind>) {
        for kind in kinds { insert(kind) }
    }

    @inline(__always)
    public func contains(_ kind: EntityKind) -> Bool {
        words[Int(kind.rawValue >> 6)] & (1 << UInt64(kind.rawValue & 63)) != 0
    }

    public mutating func insert(_ kind: EntityKind) {
        words[Int(kind.rawValue >> 6)] |= 1 << UInt64(kind.rawValue & 63)
    }

    public mutating func remove(_ kind: EntityKind) {
        words[Int(kind.rawValue >> 6)] &= ~(1 << UInt64(kind.rawValue & 63))
    }

    public var isEmpty: Bool { words == SIMD4() }
}
