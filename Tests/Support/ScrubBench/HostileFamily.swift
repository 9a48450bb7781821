/// Text that a recogniser has much work with and finds nothing in, or finds only where it cannot be avoided: a unit, over and over.
struct HostileFamily: Sendable {
    let name: String
    private let unit: [UInt8]

    private init(_ name: String, _ unit: String) {
        self.name = name
        self.unit = Array(unit.utf8)
    }

    /// `count` bytes.
    func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + unit.count)
        while bytes.count < count { bytes += unit }
        return Array(bytes.prefix(count))
    }

    /// At least one for each recogniser, and some that put one trigger on every byte.
    static let all: [HostileFamily] = [
        .init("email, chain of @", "a@"), .init("email, domains without end", "a@" + repeated("a-b.", 62)),
        .init("email, long local parts", repeated("a", 63) + "@"), .init("email, chain of addresses", "a@b.com@"),
        .init("email, quoted", "\"a\"@"), .init("email, open quotations", "\"aaaaaaa\\\"@"), .init("email, accents", "é@é."),
        .init("email, dots", ".@.@"), .init("email, Chinese domains", "a@例.例"), .init("email, no top level", "a@b.c1 "),
        .init("URL credentials, chain", "a://a:b"), .init("URL credentials, colons", "a://" + repeated("a:", 55) + "@ "),
        .init("password, chain", "password=password="), .init("password, open quotation", "password=\"a b c d e f g "),
        .init("password, split name", "p_a_s_s_w_o_r_d="), .init("password, long values", "token=" + repeated("aB1", 80) + ";"),
        .init("password, only signs", "pass=pass:"),
        .init("card, wrong digit", "4111 1111 1111 1112 "), .init("card, without separators", "4111111111111112 "),
        .init("card, groups without end", "4111 "), .init("numbers, single digits", "1 2 3 4 "), .init("numbers, pairs", "12 12 "),
        .init("numbers, digits only", "1"), .init("numbers, dots", "1.22.333."),
        .init("phone, one digit short", "+34 612 345 6 "), .init("phone, parentheses", "(555) 234-56 "), .init("phone, pluses", "+12+12"),
        .init("phone, extension", "555-234-567x1234567 "), .init("phone, weak without context", "612345678 "),
        .init("phone, near-context", "phon teléfo 612345678 "), .init("phone, words and numbers", "telx faxx celly 5552345678 "),
        .init("date of birth", "bor 12/05/1980 "), .init("DNI, wrong letter", "12345678A "), .init("NIE, wrong letter", "X1234567A "),
        .init("CIF, wrong control", "B21299723 "), .init("IBAN, chain", "ES91"), .init("IBAN, wrong check", "ES9121000418450200051333 "),
        .init("IBAN, spaces", "ES91 2100 0418 4502 0005 1333 "), .init("BIC, without context", "DEUTESMMXXX "),
        .init("passport, without context", "AAA123456 "), .init("SSN, impossible", "000-45-6789 "),
        .init("ITIN, impossible", "911-93-1234 "),
        .init("NHS, wrong check", "943 476 5918 "), .init("NINO, wrong suffix", "AB 12 34 56 E "),
        .init("NIR, wrong key", "185057800072816 "),
        .init("Steuer-ID, wrong check", "29 176 940 984 "), .init("codice fiscale, wrong check", "RSSMRA85T10A595E "),
        .init("CPF, wrong check", "331.887.708-56 "), .init("CNPJ, wrong check", "36.827.949/0001-08 "),
        .init("CURP, wrong check", "BOXW310820HNERXN08 "), .init("RFC, wrong date", "GODE569931GR8 "),
        .init("Aadhaar, wrong check", "7099 9855 0549 "), .init("PAN, wrong holder", "ABCZE1234F "),
        .init("NSS, wrong check", "28 83465339 78 "),
        .init("IPv4, too large", "256.256.256.256 "), .init("IPv4, chain", "1.1.1."), .init("IPv4, weak", "1.2.3.4 "),
        .init("IPv6, chain", "a:b:c:"), .init("IPv6, colons", ":"), .init("IPv6, one group wrong", "1:2:3:4:5:6:7:g "),
        .init("IPv6, compressed", "a::b::"), .init("MAC, one pair short", "00:1B:44:11:3A: "), .init("MAC, dashes", "00-1b-44-11-3a- "),
        .init("Bitcoin, wrong checksum", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb "),
        .init("Bech32, wrong checksum", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdr "),
        .init("Ethereum, wrong case", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD "), .init("Ethereum, chain", "0x0x"),
        .init("JWT, chain", "eyJ-"), .init("JWT, dots", "eyJhbGciOiJIUzI1NiJ9."),
        .init("JWT, long parts", "eyJ" + repeated("a", 3000) + ". "),
        .init("credential, prefixes", "sk-sk_live_"), .init("credential, long body", "sk-" + repeated("a", 4000) + "! "),
        .init("credential, without end", "ghp_"), .init("credential, SendGrid", "SG.aaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaa "),
        .init("credential, Telegram", "123456789:AAaaaaaaaaaaaaaaaaaaaaaaa "),
        .init("credential, Discord", "MTAaaaaaaaaaaaaaaaaaaaaa.aaaaaa."),
        .init("credential, Slack", "/services/T000/B000/aaaaaaaaaaaaaaaa"), .init("tokens", "aaaaaaaaaaaaaaaa."),
        .init("PEM, headers", "-----BEGIN PRIVATE KEY-----"), .init("PEM, no label", "-----BEGIN A"), .init("PEM, dashes", "-----A"),
        .init("PEM, other keys", "-----BEGIN PUBLIC KEY-----\nMIIB\n"), .init("placeholders, near-misses", "<EMAIL_0 email_1 XEMAIL_2 "),
        .init("placeholders, chain", "EMAIL_1_"), .init("placeholders, numbers", "_1"),
        .init("signs", "@:=-_+(\\"), .init("every start", "a1-b2_c3+d4@"), .init("invalid UTF-8", "\u{C3}A@\u{7FF}."),
        .init("addresses", "ana@example.com "), .init("passwords", "pwd=aB3$aB3$ "),
        .init("private keys", "-----BEGIN PRIVATE KEY-----\nMIIB-----END PRIVATE KEY-----"),
    ]

    private static func repeated(_ text: String, _ count: Int) -> String {
        String(repeating: text, count: count)
    }
}
