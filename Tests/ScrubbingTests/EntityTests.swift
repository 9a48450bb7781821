import Scrubbing
import Testing

/// Tricky positives and negatives per kind. Check digits come from python-stdnum, phone formats from Faker, where they are not published
/// examples.
@Suite("Entities")
struct EntityTests {
    @Test(
        "identity, tax and health numbers are found",
        arguments: [
            ("CIF B21299722", ["CIF:B21299722"]), ("q3505646d", ["CIF:q3505646d"]), ("A-58818501", ["CIF:A-58818501"]),
            ("NSS 28 83465339 77", ["NSS:28 83465339 77"]), ("282181682409", ["NSS:282181682409"]),
            ("28/21816824/09", ["NSS:28/21816824/09"]),
            ("SSN: 123-45-6789", ["SSN:123-45-6789"]), ("my social is 123456789", ["SSN:123456789"]), ("912-70-1234", ["ITIN:912-70-1234"]),
            ("NI number AB123456C", ["NINO:AB123456C"]), ("AB 12 34 56 C", ["NINO:AB 12 34 56 C"]), ("nhs 6270287790", ["NHS:6270287790"]),
            ("943 476 5919", ["NHS:943 476 5919"]), ("185057800072815", ["NIR:185057800072815"]),
            ("1 85 05 78 000 728 15", ["NIR:1 85 05 78 000 728 15"]),
            ("29176940983", ["STEUER_ID:29176940983"]), ("29 176 940 983", ["STEUER_ID:29 176 940 983"]),
            ("RSSMRA85T10A595D", ["CODICE_FISCALE:RSSMRA85T10A595D"]),
            ("rssmra85t10a568g", ["CODICE_FISCALE:rssmra85t10a568g"]), ("contribuinte 219495823", ["NIF_PT:219495823"]),
            ("331.887.708-55", ["CPF:331.887.708-55"]),
            ("CPF 33188770855", ["CPF:33188770855"]), ("36.827.949/0001-07", ["CNPJ:36.827.949/0001-07"]),
            ("86247771000101", ["CNPJ:86247771000101"]),
            ("BOXW310820HNERXN09", ["CURP:BOXW310820HNERXN09"]), ("GODE561231GR8", ["RFC:GODE561231GR8"]),
            ("7099 9855 0548", ["AADHAAR:7099 9855 0548"]),
            ("aadhaar: 709998550548", ["AADHAAR:709998550548"]), ("ABCPE1234F", ["PAN:ABCPE1234F"]),
            ("pasaporte AAA123456", ["PASSPORT:AAA123456"]),
            ("IBAN ES9121000418450200051332 BIC CAIXESBBXXX", ["IBAN:ES9121000418450200051332", "BIC:CAIXESBBXXX"]),
            ("VAT ES12345678Z", ["DNI:ES12345678Z"]),
        ])
    func findsNumbers(text: String, expected: [String]) {
        var scanner = Scanner()
        #expect(scanner.values(in: text) == expected)
    }

    @Test(
        "telephone numbers are found",
        arguments: [
            ("+34 612 345 678", ["PHONE:+34 612 345 678"]), ("+442079460958", ["PHONE:+442079460958"]),
            ("+44(0)131 4960979", ["PHONE:+44(0)131 4960979"]),
            ("(555) 234-5678", ["PHONE:(555) 234-5678"]), ("555-234-5678", ["PHONE:555-234-5678"]),
            ("1-800-555-2345", ["PHONE:1-800-555-2345"]),
            ("883-237-8876x232", ["PHONE:883-237-8876x232"]), ("612 34 56 78", ["PHONE:612 34 56 78"]),
            ("91 234 56 78", ["PHONE:91 234 56 78"]),
            ("llámame al 612345678", ["PHONE:612345678"]), ("MÓVIL: 612345678", ["PHONE:612345678"]),
            ("phoneNumber=5552345678", ["PHONE:5552345678"]),
            ("01 23 45 67 89", ["PHONE:01 23 45 67 89"]), ("020 7946 0958", ["PHONE:020 7946 0958"]),
            ("07911 123456", ["PHONE:07911 123456"]),
            ("(02328) 60129", ["PHONE:(02328) 60129"]), ("Telefon 030 12345678", ["PHONE:030 12345678"]),
            ("+39 096282597", ["PHONE:+39 096282597"]),
            ("86 6232-8601", ["PHONE:86 6232-8601"]), ("(11) 91234-5678", ["PHONE:(11) 91234-5678"]),
            ("0034 612 345 678", ["PHONE:0034 612 345 678"]),
        ])
    func findsPhones(text: String, expected: [String]) {
        var scanner = Scanner()
        #expect(scanner.values(in: text) == expected)
    }

    @Test(
        "addresses of machines and of coins, and dates of birth, are found",
        arguments: [
            ("2001:db8::8a2e:370:7334", ["IPV6:2001:db8::8a2e:370:7334"]),
            ("[fe80::1ff:fe23:4567:890a]:80", ["IPV6:fe80::1ff:fe23:4567:890a"]),
            ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", ["IPV6:2001:0db8:85a3:0000:0000:8a2e:0370:7334"]),
            ("::ffff:192.0.2.128", ["IPV6:::ffff:192.0.2.128"]),
            ("00:1B:44:11:3A:B7", ["MAC:00:1B:44:11:3A:B7"]), ("00-1b-44-11-3a-b7", ["MAC:00-1b-44-11-3a-b7"]),
            ("born 12/05/1980", ["DATE_OF_BIRTH:12/05/1980"]),
            ("Fecha de nacimiento: 1980-05-12.", ["DATE_OF_BIRTH:1980-05-12"]),
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ["BTC:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]),
            ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", ["BTC:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"]),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ["ETH:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]),
            ("server ip 1.2.3.4", ["IPV4:1.2.3.4"]),
        ])
    func findsAddresses(text: String, expected: [String]) {
        var scanner = Scanner()
        #expect(scanner.values(in: text) == expected)
    }

    @Test(
        "near-misses of every kind are left alone",
        arguments: [
            "B21299723", "288346533978", "000-45-6789", "666-45-6789", "123-00-6789", "911-93-1234", "BG123456C", "AB123456E",
            "185057800072816", "29176940984", "RSSMRA85T10A595E", "219495823", "331.887.708-56", "11111111111", "36.827.949/0001-08",
            "BOXW310820HNERXN08", "7099 9855 0549", "709998550548", "ABCZE1234F", "AAA123456", "DEUTSCHE", "612345678", "5552345678",
            "2024-05-06",
            "12/05/1980", "10:11:12", "a::b", "std::vector", "::1", "00:00:00:00:00:00", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdr", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "population 4.567.890",
            "1,234,567.89",
            "order 2024-000123", "ISBN 978-3-16-148410-0", "f(12, 3456789)", "phonetic 612345678", "2.0.0-beta.12", "page 12-345-678",
        ])
    func leavesAlone(text: String) {
        var scanner = Scanner()
        #expect(scanner.values(in: text).isEmpty)
    }

    @Test(
        "credentials are found",
        arguments: [
            ("sk-ant-api03-AbCdEf0123456789-AbCdEf0123456789_x", "SECRET"), ("AKIAIOSFODNN7EXAMPLE", "SECRET"),
            ("AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "SECRET"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "SECRET"), ("glpat-0123456789abcdefABCD", "SECRET"),
            ("123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "SECRET"),
            ("SG.abcdefghijklmnopqrstuv.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno12", "SECRET"),
            ("npm_0123456789abcdefghijABCDEFGHIJ012345", "SECRET"),
            ("https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx", "SECRET"),
            ("SK0123456789abcdef0123456789abcdef", "SECRET"),
            ("hf_abcdefghijklmnopqrstuvwxyz01234567", "SECRET"), ("xoxb-123456789012-abcdefABCDEF0123", "SECRET"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "JWT"),
            ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "PRIVATE_KEY"),
            ("-----BEGIN PRIVATE KEY-----\\nMIIE\\n", "PRIVATE_KEY"),
        ])
    func findsCredentials(value: String, kind: String) throws {
        var scanner = Scanner()
        let found = scanner.findings(in: Array("(\(value))".utf8))
        let first = try #require(found.first)
        #expect(found.count == 1)
        #expect(first.kind.name == kind)
        #expect(first.range.upperBound >= value.utf8.count - 1)
    }

    @Test(
        "values assigned to names of credentials are found",
        arguments: [
            ("password=hunter2!", "hunter2!"), ("PASSWORD: \"Correct-Horse\"", "Correct-Horse"),
            ("\"api_key\": \"a8Fk20xPq17Zm4Lw\"", "a8Fk20xPq17Zm4Lw"),
            ("contraseña: Secreta99", "Secreta99"),
            ("AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6==;", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6=="),
            ("Server=db;User Id=sa;Password=P4ssw0rd!;", "P4ssw0rd!"), ("client_secret => 'q8K2mZ71xv0Lt5'", "q8K2mZ71xv0Lt5"),
            ("postgres://user:s3cr3t@db.example.com/x", "user:s3cr3t"), ("https://u:p@host", "u:p"),
        ])
    func findsAssignments(text: String, value: String) {
        var scanner = Scanner()
        #expect(scanner.values(in: text).map { String($0.drop { $0 != ":" }.dropFirst()) } == [value])
    }

    @Test(
        "assignments that hold no secret are left alone",
        arguments: [
            "password: required", "password = getPassword()", "password=$PASSWORD", "password: \"<secret>\"", "Password: please enter it",
            "token: string",
            "api_key=os.environ", "passing: 12345678a", "secretary: Maria99", "https://example.com:8080/a@b", "http://${USER}:${PASS}@host",
            "password=****",
        ])
    func leavesAssignmentsAlone(text: String) {
        var scanner = Scanner()
        #expect(scanner.values(in: text).isEmpty)
    }

    @Test("a context word raises the score and is noted")
    func notesContext() throws {
        var scanner = Scanner()
        let finding = try #require(scanner.findings(in: Array("tel 612345678".utf8)).first)
        #expect(finding.raisedByContext)
        #expect(scanner.findings(in: Array("+34612345678".utf8)).first?.raisedByContext == false)
    }
}
