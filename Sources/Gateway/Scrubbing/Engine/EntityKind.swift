/// A kind of thing that the engine finds. An open set: the built-in kinds have values below 128, a policy's custom patterns those above.
///
/// The value is not stable between releases and is never stored; the name is.
public struct EntityKind: Hashable, Sendable, Comparable {
    /// Index into the tables that are kept per kind.
    public let rawValue: UInt8

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// E-mail addresses.
    public static let email = EntityKind(rawValue: 0)
    /// Payment card numbers.
    public static let card = EntityKind(rawValue: 1)
    /// International bank account numbers, and Spanish ones in the form before them.
    public static let iban = EntityKind(rawValue: 2)
    /// Bank identifier codes, beside an IBAN or their own name.
    public static let bic = EntityKind(rawValue: 3)
    /// Spanish identity numbers.
    public static let dni = EntityKind(rawValue: 4)
    /// Spanish foreigners' numbers.
    public static let nie = EntityKind(rawValue: 5)
    /// Spanish company numbers.
    public static let cif = EntityKind(rawValue: 6)
    /// Spanish social security numbers.
    public static let nss = EntityKind(rawValue: 7)
    /// Passport numbers, with context.
    public static let passport = EntityKind(rawValue: 8)
    /// US social security numbers.
    public static let ssn = EntityKind(rawValue: 9)
    /// US taxpayer numbers.
    public static let itin = EntityKind(rawValue: 10)
    /// UK national insurance numbers.
    public static let nino = EntityKind(rawValue: 11)
    /// UK health service numbers.
    public static let nhs = EntityKind(rawValue: 12)
    /// French social security numbers.
    public static let nir = EntityKind(rawValue: 13)
    /// German tax numbers.
    public static let steuerID = EntityKind(rawValue: 14)
    /// Italian tax codes.
    public static let codiceFiscale = EntityKind(rawValue: 15)
    /// Portuguese tax numbers, with context.
    public static let nifPT = EntityKind(rawValue: 16)
    /// Brazilian personal tax numbers.
    public static let cpf = EntityKind(rawValue: 17)
    /// Brazilian company numbers.
    public static let cnpj = EntityKind(rawValue: 18)
    /// Mexican population codes.
    public static let curp = EntityKind(rawValue: 19)
    /// Mexican tax codes.
    public static let rfc = EntityKind(rawValue: 20)
    /// Indian identity numbers.
    public static let aadhaar = EntityKind(rawValue: 21)
    /// Indian tax numbers.
    public static let pan = EntityKind(rawValue: 22)
    /// Telephone numbers.
    public static let phone = EntityKind(rawValue: 23)
    /// IPv4 addresses.
    public static let ipv4 = EntityKind(rawValue: 24)
    /// IPv6 addresses.
    public static let ipv6 = EntityKind(rawValue: 25)
    /// Hardware addresses.
    public static let mac = EntityKind(rawValue: 26)
    /// Dates of birth, with context.
    public static let dateOfBirth = EntityKind(rawValue: 27)
    /// Bitcoin addresses.
    public static let bitcoin = EntityKind(rawValue: 28)
    /// Ethereum addresses.
    public static let ethereum = EntityKind(rawValue: 29)
    /// `user:password` in URLs and connection strings. A secret.
    public static let urlCredentials = EntityKind(rawValue: 30)
    /// JSON web tokens. A secret.
    public static let jwt = EntityKind(rawValue: 31)
    /// Armoured private keys. A secret.
    public static let privateKey = EntityKind(rawValue: 32)
    /// Values assigned to names of credentials. A secret.
    public static let password = EntityKind(rawValue: 33)
    /// API keys and other credentials with a known form. A secret.
    public static let secret = EntityKind(rawValue: 34)
    /// Text that the user typed and that looks like one of our placeholders. No personal data: it is replaced so that restoring gives
    /// back what was typed. Never counted, never reported.
    static let literal = EntityKind(rawValue: 35)

    /// Names of people behind words that announce one. Opt-in: a rule, not a model.
    public static let person = EntityKind(rawValue: 36)
    /// Street addresses. Opt-in: a rule, not a model.
    public static let address = EntityKind(rawValue: 37)

    /// The kind of a policy's custom pattern, by its place in the policy: 0 to 63.
    static func custom(_ index: Int) -> EntityKind {
        EntityKind(rawValue: UInt8(truncatingIfNeeded: 128 + index))
    }

    /// Which of its policy's custom patterns this kind is.
    var customIndex: Int? {
        rawValue >= 128 ? Int(rawValue) - 128 : nil
    }

    /// Upper-case name as it stands in placeholders, policies and reports: `EMAIL`, `CARD`. The name of a custom kind is known to its
    /// policy: ``ScrubPolicy/name(of:)``.
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

    /// Not looked for unless somebody asks: what is found depends on how a text is put.
    public var isOptIn: Bool {
        self == .person || self == .address
    }

    /// Every built-in kind but for the opt-in ones.
    public static var standard: [EntityKind] {
        builtIn.filter { !$0.isOptIn }
    }

    /// Secrets are never numbered and never restored: a placeholder, a mask or a hash of them is refused by ``ScrubPolicy``.
    public var isSecret: Bool {
        rawValue >= Self.urlCredentials.rawValue && rawValue <= Self.secret.rawValue
    }

    /// The order in which reports list kinds, and which decides between findings that are equal otherwise.
    public static func < (left: EntityKind, right: EntityKind) -> Bool {
        left.rawValue < right.rawValue
    }

    /// How many values a table indexed by kind needs.
    static let tableSize = 256

    private static let names = [
        "EMAIL", "CARD", "IBAN", "BIC", "DNI", "NIE", "CIF", "NSS", "PASSPORT", "SSN", "ITIN", "NINO", "NHS", "NIR", "STEUER_ID",
        "CODICE_FISCALE", "NIF_PT", "CPF", "CNPJ", "CURP", "RFC", "AADHAAR", "PAN", "PHONE", "IPV4", "IPV6", "MAC", "DATE_OF_BIRTH",
        "BTC", "ETH", "URL_CREDENTIALS", "JWT", "PRIVATE_KEY", "PASSWORD", "SECRET", "TEXT",
        "PERSON", "ADDRESS",
    ]
}

extension EntityKind: CustomStringConvertible {
    /// The ``name``.
    public var description: String { name }
}
