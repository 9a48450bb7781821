/// A country whose own kinds a policy looks for. Kinds that belong to no country are always looked for.
public enum ScrubLocale: String, CaseIterable, Sendable, Hashable {
    case es, us, uk, fr, de, it, pt, br, mx, `in`

    /// The names of the kinds that only this country has.
    var kindNames: [String] {
        switch self {
        case .es: ["DNI", "NIE", "CIF", "NSS"]
        case .us: ["SSN", "ITIN"]
        case .uk: ["NINO", "NHS"]
        case .fr: ["NIR"]
        case .de: ["STEUER_ID"]
        case .it: ["CODICE_FISCALE"]
        case .pt: ["NIF_PT"]
        case .br: ["CPF", "CNPJ"]
        case .mx: ["CURP", "RFC"]
        case .in: ["AADHAAR", "PAN"]
        }
    }

    var kinds: [EntityKind] { kindNames.compactMap { EntityKind(name: $0) } }
}
