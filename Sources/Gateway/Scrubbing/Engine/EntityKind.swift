/// A kind of thing that the engine finds. An open set: the built-in kinds have values below 128, a policy's custom patterns those above.
///
/// The value is not stable between releases and is never stored; the name is.
public struct EntityKind: Hashable, Sendable, Comparable {
    /// Index into the tables that are kept per kind.
    public let rawValue: UInt8

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let email = EntityKind(rawValue: 0)
    public static let card = EntityKind(rawValue: 1)
    public static let iban = EntityKind(rawValue: 2)
    public static let dni = EntityKind(rawValue: 3)
    public static let nie = EntityKind(rawValue: 4)
    public static let ipv4 = EntityKind(rawValue: 5)
    /// API keys and other credentials: irreversible.
    public static let secret = EntityKind(rawValue: 6)
    /// Text that the user typed and that looks like one of our placeholders. No personal data: it is replaced so that restoring gives
    /// back what was typed. Never counted, never reported.
    static let literal = EntityKind(rawValue: 7)

    /// Upper-case name as it stands in placeholders, policies and reports: `EMAIL`, `CARD`. Custom kinds have theirs in the policy.
    public var name: String {
        Int(rawValue) < Self.names.count ? Self.names[Int(rawValue)] : "CUSTOM"
    }

    /// The built-in kind of this name.
    public init?(name: String) {
        guard let index = Self.names.firstIndex(of: name), index != Int(Self.literal.rawValue) else { return nil }
        self.init(rawValue: UInt8(index))
    }

    /// Every built-in kind that can be found.
    public static var builtIn: [EntityKind] {
        names.indices.map { EntityKind(rawValue: UInt8($0)) }.filter { $0 != .literal }
    }

    /// Secrets are never numbered and never restored: a placeholder, a mask or a hash of them is refused by ``ScrubPolicy``.
    public var isSecret: Bool {
        self == .secret
    }

    public static func < (left: EntityKind, right: EntityKind) -> Bool {
        left.rawValue < right.rawValue
    }

    /// How many values a table indexed by kind needs.
    static let tableSize = 256

    private static let names = ["EMAIL", "CARD", "IBAN", "DNI", "NIE", "IPV4", "SECRET", "TEXT"]
}

extension EntityKind: CustomStringConvertible {
    public var description: String { name }
}
