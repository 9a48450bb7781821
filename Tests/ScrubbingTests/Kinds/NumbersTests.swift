import Scrubbing
import Testing

/// Tricky positives and negatives of cards, accounts and national numbers: what is in [brackets] is found, with this kind and this range,
/// and nothing else is.
@Suite("Kinds: numbers")
struct NumbersTests {
    @Test(
        "payment cards",
        arguments: [
            "my card is [4012888888881881]", "[4012-8888-8888-1881] and [4012 8888 8888 1881]", "airline card [122000000000003]",
            "[5019717010103742]", "[30569309025904]", "[6011000400000000]", "[3528000700000000]", "[6759649826438453]",
            "[4917300800000000]",
            "[378282246310005]", "[3782-822463-10005]", "[3566002020360505]", "[6200000000000005]", "([5105105105105100])",
            "tarjeta:[5555555555554444]",
            "\"pan\":\"[2223003122003222]\"", "[4111.1111.1111.1111]", "card=[4222222222222];", "[213141592653583]",
            "4012-8888-8888-1882", "36168002586008", "1234567890123456", "0000 0000 0000 0000", "4111111111111112", "9999999999999995",
            "1700000000000", "order 4111-1111-1111-111", "b4111111111111111", "4111_1111_1111_1111", "3.4111111111111111",
        ])
    func cards(marked: String) { check(marked, "CARD") }

    @Test(
        "IBANs",
        arguments: [
            "[AL47212110090000000235698741]", "[AL47 2121 1009 0000 0002 3569 8741]",
            "[AD1200012030200359100100] and [AT611904300234573201]",
            "this is an iban [VG96 VPVG 0000 0123 4567 8901] in a sentence",
            "this is an iban [VG96 VPVG 0000 0123 4567 8901] X in a sentence",
            "[GB29NWBK60161331926819].", "iban [fr1420041010050500013m02606]", "[IL62-0108-0000-0009-9999-999]",
            "[MT84MALT011000012345MTLCAST001S]",
            "[NO93 8601 1117 947]", "IBAN:[SA0380000000608010167519]", "[ES7921000813610123456789]",
            "AL47212110090000000235698740", "GB29NWBK6016133192681", "ES79 2100 0813 6101 2345 6780", "FR14 2004 1010 0505",
            "XX12345678901234567890", "DE44 pages",
        ])
    func ibans(marked: String) { check(marked, "IBAN") }

    @Test(
        "Spanish numbers",
        arguments: [
            "[55555555K]", "[55555555-K]", "mi DNI es [01111111G]", "dni: [01.111.111-G]", "[12345678z],", "NIF [12345678 Z]",
            "DNI [1111111-G]",
            "401-023-2138", "12345678A", "el 12345678 Zapatos", "1.61803399F", "12345678Z9", "v12345678Z",
        ])
    func dnis(marked: String) { check(marked, "DNI") }

    @Test(
        "Spanish foreigners' numbers",
        arguments: [
            "[Z8078221M]", "[X9613851N]", "[Y8063915Z]", "[Y8063915-Z]", "Mi NIE es [X9613851N]", "Z8078221M1", "Y8063915Q", "Y806391Q",
            "58063915Q", "W8063915Q",
        ])
    func nies(marked: String) { check(marked, "NIE") }

    @Test(
        "US social security numbers",
        arguments: [
            "my ssn is [078-05-1123]", "SSN: [078.05.1123]", "version 78 is 078.05.1123", "ssn 078.05-1123", "[536-90-4399]",
            "ssn [078 05 1123]", "SSN: [536904399]", "([219-09-9998])",
            "social security number [219099998]",
            "0780511201", "078051120", "000-12-3456", "666-12-3456", "078-05-0000", "078-00-1123", "693-09.4444", "900-12-3456",
            "078-05-11234", "1078-05-1123",
            "2024-05-1234", "536-904-399",
        ])
    func ssns(marked: String) { check(marked, "SSN") }

    @Test(
        "US taxpayer numbers",
        arguments: [
            "[911-70-1234]", "itin [911701234]", "my taxpayer id is [999-88-1234]", "ITIN [912-94-5678]", "911-89-1234", "911-93-1234",
            "911701234", "91-170-1234",
        ])
    func itins(marked: String) { check(marked, "ITIN") }

    @Test(
        "UK numbers",
        arguments: [
            "NINO:[AA 12 34 56 B]", "NINO:[PA12 34 56A]", "NINO:[hh 01 02 03 d]", "NINO:[tw987654a]", "NINO:nino [PR 123612C]",
            "NINO:([JG121316A])",
            "NHS:[401-023-2137]",
            "NHS:[221 395 1837]", "NHS:nhs no [0032698674]", "NHS:NHS [943 476 5919]",
            "NINO:AA 12 34 56 E", "NINO:FQ 00 00 00 C", "NINO:BG123612A", "NINO:nino: nt 99 88 77 a", "NHS:nhs 401 023 2138",
            "NINO:AA123456BX", "NHS:1700000000",
        ])
    func british(marked: String) { checkNamed(marked) }

    @Test(
        "other national numbers",
        arguments: [
            "AADHAAR:aadhaar [312345678909]", "AADHAAR:[3123 4567 8909]", "AADHAAR:[3998-7654-3211]", "AADHAAR:aadhaar 012345678909",
            "AADHAAR:3998-7654-3212",
            "PAN:[AAACA1111R]", "PAN:pan [ABCDE1234F]", "PAN:AAASA1111R", "PAN:my PAN is [ABCPD1234Z]", "PAN:pan [abcpd1234z]",
            "PAN:AAAA1111R", "PAN:ABCXD1234Z", "PAN:about1234z",
            "CODICE_FISCALE:[RSSMRA85T10A562S]", "CODICE_FISCALE:[rssmra85t10a562s]", "CODICE_FISCALE:RSSMRA85T10A562T",
            "CODICE_FISCALE:[RSSMRA85T10A56NH]",
            "CPF:[529.982.247-25]", "CPF:cpf [52998224725]", "CPF:529.982.247-26", "CPF:111.111.111-11", "CNPJ:[11.222.333/0001-81]",
            "CNPJ:[12.ABC.345/01DE-35]",
            "CNPJ:cnpj [12ABC34501DE35]", "CNPJ:12.ABC.345/01DE-36", "CNPJ:[11222333000181]", "CURP:[HEGG560427MVZRRL04]",
            "CURP:HEGG560427MVZRRL05",
            "RFC:[GODE561231GR8]", "RFC:rfc [vecj880326xk4]", "RFC:GODE561331GR8", "NIR:[2 69 05 49 588 157 80]", "NIR:[253072B07300470]",
            "NIR:[253072A07300443]", "NIR:253072C07300443",
            "STEUER_ID:[36574261809]", "STEUER_ID:[36 574 261 809]", "STEUER_ID:36574261890", "NIF_PT:NIF [501964843]",
            "NIF_PT:NIF [501 964 843]", "NIF_PT:501964843", "NIF_PT:[PT 501 964 843]", "NIF_PT:[pt-501 964 843]", "NINO:[PT 19-42-61 B]",
            "RFC:RFC [GODE-561231-GR8]", "RFC:RFC: [GODE 561231 GR8]", "RFC:[GOD-561231-GR8]", "RFC:GODE-561331-GR8", "RFC:ABCD-12-34",
            "CPF:cpf [390.533.44705]", "CPF:cpf [390533447-05]", "NIR:[2 95 10 99 126 111-93]", "DNI:DNI [K0867756N]", "DNI:K0867756P",
            "NIF_PT:NIF [PT501964843]", "NIF_PT:VAT [PT 501964843]", "NIF_PT:[PT-501964843]", "NIF_PT:PT501964842", "CIF:VAT [ESA58818501]",
            "CIF:ESA58818502", "CIF:\\U00010570", "NINO:[AA-12-34-56-B]", "NINO:NINO [AA-123456-B]", "NINO:AA-12-34-56-E",
            "IBAN:CCC: [1234-1234-16-1234567890]", "IBAN:cuenta [12341234161234567890]", "IBAN:[1234 1234 16 1234567890]",
            "IBAN:cuenta 1234 1234 17 1234567890", "IBAN:12341234161234567890", "IBAN:cuenta 00000000000000000000",
            "CIF:[A58818501]", "CIF:[Q2876031B]", "CIF:CIF B-[X]", "CIF:A58818502", "NSS:[281234567840]", "NSS:[28/12345678/40]",
            "NSS:281234567841",
            "PASSPORT:passport [912803456]", "PASSPORT:my passport: [A12803456]", "PASSPORT:A12803456",
            "PASSPORT:Reisepass [C01X00T47]", "PASSPORT:Reisepass-Nr. [C01X00T478]", "PASSPORT:Reisepassnummer: [CH1F2K3L4]",
            "PASSPORT:passeport [08CT12345]", "PASSPORT:passeport n° [19ab12345],", "PASSPORT:C01X00T47", "PASSPORT:19AB12345",
            "PASSPORT:passport C01X00T479", "PASSPORT:Reisepass COLOGNE12", "PASSPORT:passport C01A00E47", "PASSPORT:passeport 19AB12345X",
            "BIC:SWIFT [DEUTDEFF500]",
            "BIC:DEUTDEFF", "BIC:bic [CAIXESBB]",
        ].filter { !$0.contains("[X]") })
    func others(marked: String) { checkNamed(marked) }
}

/// `[…]` in `marked` is what is found, as this kind.
func check(_ marked: String, _ kind: String, sourceLocation: SourceLocation = #_sourceLocation) {
    var scanner = Scanner()
    let text = marked.replacing("[", with: "").replacing("]", with: "")
    let expected = marked.split(separator: "[", omittingEmptySubsequences: false).dropFirst().map { "\(kind):\($0.prefix { $0 != "]" })" }
    let found = scanner.values(in: text)
    let wrong: Comment = "\(text): \(found)"
    if expected.isEmpty {
        #expect(!found.contains { $0.hasPrefix("\(kind):") }, wrong, sourceLocation: sourceLocation)
    } else {
        #expect(found == expected, wrong, sourceLocation: sourceLocation)
    }
}

/// The same with the kind in front, up to a colon.
func checkNamed(_ marked: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let kind = String(marked.prefix { $0 != ":" })
    check(String(marked.dropFirst(kind.count + 1)), kind, sourceLocation: sourceLocation)
}
