import SeededRandomness

/// Texts that are hard on the engine: entities, near-misses, placeholders that a user typed, Markdown, other scripts and plain noise,
/// glued together with and without separators.
struct TextGenerator {
    var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    static let entities = [
        "ana.lopez@example.com", "josé+tag@sub.ejemplo.es", "\"quoted.part\"@mail.org", "user@例え.jp", "o'brien@example.co.uk",
        "4111111111111111", "4111 1111 1111 1111", "3782-822463-10005", "5555.5555.5555.4444", "6011111111111117",
        "ES9121000418450200051332", "es91 2100 0418 4502 0005 1332", "GB82 WEST 1234 5698 7654 32", "MT84MALT011000012345MTLCAST001S",
        "12345678Z", "12.345.678-Z", "x1234567l", "Y-2345678-Z", "192.168.10.254", "8.8.44.4", "255.255.255.255",
        "sk-abcDEF0123456789abcDEF0123456789", "sk-proj-4fJ_k3L-0aZ9bY8cX7dW6eV5fU4gT3hS2",
        "B83574988", "AB 12 34 56 C", "RSSMRA85T10A562S", "2001:db8::8a2e:370:7334", "00:1B:44:11:3A:B7",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "+34 612 345 678", "(555) 234-5678", "01 23 45 67 89", "tel: 612345678", "DNI nº 12345678Z", "born on 12/05/1980", "529.982.247-25",
        "postgres://user:s3cr3t@db.example.com/x", "password = \"hunter2!\"", "api_key: a8Fk20xPq17Zm4Lw",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\nabc\n-----END RSA PRIVATE KEY-----", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        longKey, "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "123-45-6789", "943 476 5919",
        "born on May 12, 1985", "born on May 12 1985 42398348", "born May 12,1985", "nacido el 12 de mayo de 1985", "DOB: 12-Jan-1980",
        "12.ABC.345/01DE-35",
        "2 53 07 2B 073 004 70",
        "253072A07300443",
        "001a.2b3c.4d5e", "fe80::1%eth0", "(+41) 22 730 5989", "1 (312) 515-2239 ext. 12", "+1 (425) 882-9090",
        "my password is Tr0ub4dor&3",
        "la contraseña es Secreta99", "Authorization: Bearer a8Fk20xPq17Zm4Lw9K", "--token a8Fk20xPq17Zm4LwB9xK01Qz",
        "<secret>a8Fk20xPq17Zm4Lw</secret>",
        "abc8Q~a8Fk20xPq17Zm4LwB9xK01Qza8Fk20xPq1", "https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEFG/a8Fk20xPq17Zm4LwB9xK01Qz",
        "SG.a8Fk20xPq17Zm4LwB9xK01.a8Fk20xPq17Zm4LwB9xK01Qza8Fk20xPq17Zm4LwB9x", "1111111-G", "cnpj 12ABC34501DE35",
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", "login: snoopy pass: brown", "var authToken: String = \"a8Fk20xPq17Zm4Lw\"",
        "https://contoso.webhook.office.com/webhookb2/0a1b2c3d-aaaa-bbbb-cccc-0123456789ab"
            + "@0a1b2c3d-dddd-eeee-ffff-0123456789ab/IncomingWebhook/a8Fk20xPq17Zm4Lw",
        "123456789012345|a8Fk20xPq17Zm4LwB9xK01Qza8F", "- name: DB_PASSWORD\n  value: \"s3cr3t-9\"",
        "{\"password\":{\"value\":\"s3cr3t9\"}}",
        "define('db_password', 'hunter2!x')", "1//0a8Fk20xPq17Zm4LwB9xK01Qz-a8Fk20xPq17Zm4LwB9",
        "AQ.Ab8RN6a8Fk20xPq17Zm4LwB9xK01Qza8Fk20xPq17",
        "session_id=a8Fk20xPq17Zm4LwB9xK01", "ssn 078.05.1123", "define('DB_PASSWORD', 'hunter2!x')", "requirepass abretesesamo",
        "machine x.org login ana password abrete", "--password=abretesesamo x", "API_TOKEN=${API_TOKEN:-a8Fk20xPq17Zm4Lw}",
        "curl -u ana:s3creta9 x", "docker login -u ana -p s3creta9 x", "mysql -uroot -ps3creta9",
        "root:$6$52450745$k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX/:1",
        "$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "AKIAZZZZZZZZZZZZZZZZ,q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0",
        "CREATE USER ana IDENTIFIED BY 'tiger9'", "create user scott identified by tiger; ", "masterauth abretesesamo\n",
        "\ndb.example.com:5432:app:ana:hunter2x\n", "ALTER ROLE app WITH PASSWORD 'letmein' VALID",
        "define('AUTH_KEY',         'e8TqFa-1|l?jL2#cN*w~0R9b+Qz}kX$5oGm^hP%S&vD4')",
        "define('NONCE_SALT', 'Xk-9 vQ|h2T+rZ{8yB!w&0mNc^5uLs*J~e@1aG')",
        "né le 12 mai 1985", "geboren am 3. März 1975", "data di nascita: 1º gennaio 1990", "DOB 1/2/86", "born 12-Jan-80",
        "birthday: 19850512",
        "birth=1985-05-12T00:00:00Z", "RFC GODE-561231-GR8", "NINO AA-12-34-56-B", "cuenta 1234-1234-16-1234567890", "VAT PT 501964843",
        "NIF ESA58818501", "DNI K0867756N", "a!b#c@example.org", "root@[192.0.2.1]",
        "<key>apiToken</key>\n<string>a8Fk20xPq17Zm4Lw</string>",
        "api_token: |-\n    a8Fk20xPq17Zm4LwB9", "variable \"db_password\" {\n  default = \"S3cr3t!9\"",
        "ana:{SHA}5en6G6MezRroT3XKqkdPOmYBfQ12=",
        "htpasswd -b file ana s3cret9 x", "smbclient -U ana%s3cret9x //h", "jdbc:oracle:thin:scott/tiger@//h:1521/x", "amqp://ana:p@ss@h/x",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
        "snyk_uat.0a1b2c3d.a8Fk20xPq17Zm4LwB9xK01QzKJHG",
        "1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef",
        "password        = \"s3cr3t9\"", "the password is \"centipede\"", "enable password 7 094F471A1A0A",
    ]

    /// What the opt-in kinds find.
    static let people = [
        "me llamo Ana García López", "My name is O'Brien-Smith", "Sra. de la Fuente", "I am John Smith", "Dear Ana,",
        "C/ Mayor, 12, 3º B, 28001 Madrid",
        "Calle de Alcalá 45", "101 Main St., Springfield, IL 62704", "3 elm boulevard", "Avda. Ángel nº 7",
    ]

    /// Longer than all that a stream keeps behind it.
    static let longKey =
        "-----BEGIN PRIVATE KEY-----\n" + String(repeating: "MIIEow+/0123456789abcdefghijklmnopqrstuvw\n", count: 12)
        + "-----END PRIVATE KEY-----"

    static let nearMisses = [
        "a@b", "@", "icon@2x.png", "4111 1111 1111 1112", "1.2.3", "1.2.3.4.5", "256.1.1.1", "ES91 2100 0418", "12345678A", "sk-",
        "sk-learn", "00000000-0000-0000-0000-000000000000", "+34", "(", "1 2 3 4 5 6 7", "ES", "GB82 WEST 1234 5698 7654 33", "X123456",
        "2024-05-06T10:11:12.123Z", "foo@bar.", "foo@@bar.com", "....@x.com", "\"@x.com", "1111-1111-1111", "-----", "eyJ", "x@y.z",
        "-----BEGIN", "-----BEGIN PRIVATE KEY-----", "eyJ-eyJ-", "password:", "password=", "::", "a:b:c:d", "10:11:12", "://", "ABCDEF12",
        "AB12", "0x", "born on May", "nacido el 12 de", "12 de mayo de 1985", "my password is", "--token", "Bearer", "<password>", "C/",
        "101 Main", "me llamo",
        "2001-2003", "1 (", "+1", "Q~", "curl -u", "mysql -p", "$2a$12$", "$1$", "$5$6$",
    ]

    static let typedPlaceholders = [
        "<EMAIL_1>", "EMAIL_1", "[EMAIL_2]", "<email_1>", "[email_1]", "EMAIL\\_1", "\\<EMAIL_1\\>", "&lt;CARD_1&gt;", "< CARD_1 >",
        "<EMAIL_",
        "<TEXT_1>", "TEXT_1", "<IBAN_01>", "card_1", "<EMAIL_12345678>", "<<EMAIL_1>>", "EMAIL_1>", "<EMAIL_1", "MYEMAIL_1", "EMAIL_1x",
        "<DNI_1",
    ]

    static let prose = [
        "the", "quick", "brown fox", "El ñandú", "contraseña", "año", "请联系", "您好。", "🙂", "tel", "IBAN", "my card is", "d'Artagnan", "e.g.",
        "let x = y[0];", "if a <b and c> d", "\u{200B}", "１２３", "cliente", "n/a", "2 + 2 = 4", "…",
    ]

    static let markup = [
        "`", "```", "\n```\n", "\n~~~\n", "https://example.com/?q=", "www.x.org/", "](", ")", "[link](", "<img src=\"", "\">", "<b>",
        "</b>",
        "\n[ref]: ", "**", "_", "\\", "<", ">", "mailto:", "{\"a\":\"", "\"}", "&lt;", "//", "|",
    ]

    static let separators = ["", "", " ", " ", " ", "\n", ", ", ": ", ".", "-", "/", "\t", "=", "\n\n"]

    /// Up to `pieces` pieces; with links and code only if `markup`.
    /// Without `glue`, white space or `=` stands between two pieces.
    mutating func text(pieces: Int = 30, markup: Bool = true, glue: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...pieces, using: &random) {
            bytes += piece(markup: markup)
            let separator = Self.separators.randomElement(using: &random) ?? ""
            bytes += glue || separator.contains(where: { $0.isWhitespace || $0 == "=" }) ? Array(separator.utf8) : [UInt8(ascii: " ")]
        }
        return bytes
    }

    /// `count` bytes: any, or with a weight on those that patterns are made of.
    mutating func noise(count: Int) -> [UInt8] {
        let signs = Array("@.:-_+()<>[]\\/&;= '\"`#0123456789abcdefXYZES\u{E9}".utf8)
        return (0..<count).map { _ in
            Bool.random(using: &random) ? signs[Int.random(in: 0..<signs.count, using: &random)] : UInt8.random(in: 0...255, using: &random)
        }
    }

    /// Cuts `bytes` into chunks of 1 to `longest` bytes.
    mutating func chunks(_ bytes: [UInt8], longest: Int) -> [ArraySlice<UInt8>] {
        var chunks: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...longest, using: &random))
            chunks.append(bytes[start..<end])
            start = end
        }
        return chunks
    }

    private mutating func piece(markup: Bool) -> [UInt8] {
        let lists = [Self.entities, Self.entities, Self.nearMisses, Self.typedPlaceholders, Self.people, Self.prose, Self.prose]
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return noise(count: Int.random(in: 0...12, using: &random))
        case 1, 2: if markup { return Array((Self.markup.randomElement(using: &random) ?? "").utf8) }
        case 3:
            // A cut entity, so that pieces meet in the middle.
            let whole = Array((Self.entities.randomElement(using: &random) ?? "").utf8)
            return Array(whole.prefix(Int.random(in: 0...whole.count, using: &random)))
        default: break
        }
        let list = lists.randomElement(using: &random) ?? []
        return Array((list.randomElement(using: &random) ?? "").utf8)
    }
}
