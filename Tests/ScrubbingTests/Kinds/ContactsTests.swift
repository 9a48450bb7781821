import Scrubbing
import Testing

/// Addresses of people and machines, telephone numbers, dates of birth and coins; brackets as in ``NumbersTests``, but `⟦…⟧`.
@Suite("Kinds: contacts")
struct ContactsTests {
    @Test(
        "e-mail addresses",
        arguments: [
            "my email is [info@presidio.site]", "[john.smith@gmail.com] or [john_smith@mail.co.uk],", "<[a+tag@b-c.io]>",
            "mailto:[x.y@sub.domain.museum]?subject=1",
            "(e-mail: [o'neil@example.ie])", "[jürgen@müller.de]", "[ana@例子.公司]", "\"Ana\" <[ana@example.org]>;",
            "[first-last@ex-ample.com].", "FOO=[a1@b.dev]&x",
            "[user@123.com]", "[x@y.photography]", "«[ana@correo.es]»", "email:[me@here.org]|", "[\"john.doe\"@example.com]",
            "\"john [doe\"@example.com]", "john doe\"@example.com",
            "[a!b#c$d@example.org]", "[a*b^c~d@example.org]", "[a`b{c@example.org]", "**[ana@b.dev]**", "`[ana@b.dev]`", "a|[ana@b.dev]|c",
            "https://x.org/#[ana@b.dev]", "x=[ana@b.dev]&y=1", "{[ana@b.dev]}",
            "info@presidio.", "user@localhost", "@property", "a@b", "icon@2x.png", "getty@tty1.service", "npm i @types/node@18.2.1",
            "foo@@bar.com",
            "git clone x@", "scoped @angular/core", "user@.com", "user@-x.com", "1@2.3", "p@ssw0rd",
        ])
    func emails(marked: String) { check(marked, "EMAIL") }

    @Test(
        "telephone numbers",
        arguments: [
            "My US phone number is [(415) 555-0132]", "office: [+1 (425) 882-9090]", "[1-312-515-2239]", "[+1-312-515-2239]",
            "[1 (312) 515-2239]",
            "[312-515-2239]", "[(312)515-2239]", "[312.515.2239]", "[+41 22 730 5989]", "[(+41) 22 730 5989]", "[+442345678900]",
            "[1.234.567.8900]",
            "[(123) 456-7890]", "[123-456-7890]", "[555-123-4567]", "[(523)222-8888 ext 527]", "[(523)222-8888x623]",
            "[(523)222-8888 x 623]", "[523-222-8888EXT623]",
            "[312-515-2239 ext. 12]", "tel. [912345678]", "[020 8366 1177]", "[+44 20 8366 1177]", "[+34 91 123 45 67]",
            "móvil [600 123 456]", "[600 12 34 56]",
            "[06 12 34 56 78]", "[+33 (0)6 12 34 56 78]", "[+49 (0)30 1234567]", "llámame al [600123456]", "call me at [4155550132]",
            "[+52 1 55 1234 5678]",
            "[(11) 98765-4321]", "phone:[5678900]", "WhatsApp: [+5491123456789]", "[+7 495 123-45-67]", "[0034 912 345 678]",
            "fax [030/1234567]", "mi número es el [612345678]", "my number is [2025550123]", "mon numéro est le [0612345678]",
            "Handynummer [015112345678]", "Mobil: [015112345678]", "meine Nummer ist [015112345678]", "il mio numero è [3331234567]",
            "o meu número é [912345678]", "fone: [1132345678]", "my order number is 2025550123", "GET /phone HTTP/1.1\" 200 74748 \"-\"",
            "número de pedido 612345678",
            "2024-05-06 10:11:12", "192.168.100.200", "1.2.3.4", "12/05/1980", "3.14159265", "2001-2003 call", "call 20240506", "v1.2.3",
            "id 1234567890", "0x12345678",
            "2 + 2345678", "page 123-456", "12:34:56.789012", "$1,234,567", "ISO 9001-2015",
            "[0.001 0.0 0.0 0.001] cell".filter { $0 != "[" && $0 != "]" }, "+1", "RFC 2119-8174",
        ])
    func phones(marked: String) { check(marked, "PHONE") }

    @Test(
        "addresses of machines",
        arguments: [
            "IPV4:microsoft.com [192.168.0.1]", "IPV4:[10.0.0.1]/24", "IPV4:http://[172.16.254.1]:8080/x", "IPV4:from [8.8.8.8]",
            "IPV4:[255.255.255.255],",
            "IPV4:[192.168.1.1]-[192.168.1.254]", "IPV4:\"[203.0.113.7]\"", "IPV4:192.168.0", "IPV4:256.1.1.1", "IPV4:1.2.3.4.5",
            "IPV4:version 10.2.30.40",
            "IPV4:1.7.10.1.txt", "IPV4:2.39.90.1-1", "IPV4:3.1.2.10+dfsg", "IPV4:27.7.3.3 Assign", "IPV4:01.02.03.04",
            "IPV4:host Chrome/126.0.0.0 Safari",
            "IPV6:my ip: [684D:1111:222:3333:4444:5555:6:77]", "IPV6:[2001:db8::1]", "IPV6:[fe80::1%eth0]", "IPV6:ip [::1]",
            "IPV6:[::ffff:192.0.2.1]", "IPV6:[2001:0db8:85a3::8a2e:370:7334]/64",
            "IPV6:[1:2:3:4:5:6:7:8]", "IPV6:[2001:db8::]/32", "IPV6:684D:1111:222:3333:4444:5555:77", "IPV6:std::string", "IPV6:a::b",
            "IPV6:10:11:12", "IPV6:2001:db8:::1", "IPV6:12345::1",
            "IPV6:[64:ff9b::192.0.2.33]", "MAC:[00:1A:2B:3C:4D:5E]", "MAC:[00-1a-2b-3c-4d-5e]", "MAC:[001a.2b3c.4d5e]",
            "MAC:00:1A:2B:3C:4D", "MAC:00:1A:2B:3C:4D:5E:6F", "MAC:00:1A-2B:3C-4D:5E",
            "MAC:g0:1A:2B:3C:4D:5E", "MAC:face.feed.dead",
        ])
    func machines(marked: String) { checkNamed(marked) }

    @Test(
        "dates of birth",
        arguments: [
            "born [12/08/1986]", "DOB: [1986-08-12]", "My DoB: [12/8/1986]", "date of birth: [12.08.1986]", "born on [May 12, 1985]",
            "born [May 12,1985]",
            "birthday [12 May 1985]",
            "nacido el [12 de mayo de 1985]", "fecha de nacimiento: [3 enero 1990]", "born on the [22nd May 1994]",
            "Birth date: [Sept. 3, 1971]", "born [12-Jan-1980]", "nací el [1 de Diciembre del 2001],",
            "geboren am [12.08.1986]", "\"birth_date\":\"[1990-01-31]\"", "né le [12 mai 1985]", "née le [1er janvier 1990] à Paris",
            "Date de naissance : [3 août 1975]", "née le [25 DÉCEMBRE 2001]", "geboren am [12. Mai 1985] in Berlin",
            "Geburtsdatum: [3. März 1975]",
            "geb. [1. Jänner 1990]", "nascido em [12 de maio de 1985]", "data de nascimento: [1 de março de 1990]",
            "data di nascita: [1º gennaio 1990]",
            "nato il [3 luglio 1978]", "born [12 May 85]", "DOB [12-Jan-80]", "nacida el [12 ene 85]", "dob [1/2/86]",
            "nacida el [12 ene. 85]", "born [3 Sept. 85], in Leeds", "geboren am [12. Okt. 85]", "born on [May 12th, 1985]",
            "nacido el [3 de mayo, 1985]",
            "born in bldg. 85", "born at 12 no. 85", "geb. 12 St. 85", "born on room 12 1985",
            "date of birth [3.4.75]",
            "née le [3 février 85] à Paris", "nacido el [12 de mayo de 85].", "nacida el [3 septiembre 85]", "born on [3 July 85]",
            "geboren [3. Juli 85]",
            "geboren am [12 Oktober 85],", "born in room 3 Building 85", "born 3 May 85%",
            "born [25/Sep/2026:10:15:00 +0000]".filter { !"[]".contains($0) },
            "le 3 mai 85", "born 3 items of 85",
            "birthday: [19850512]", "DOB: [12051985]", "birthdate=[1985-05-12]T00:00:00Z",
            "il 12 maggio 1985", "born 12 Jan 10:30", "born with 12 men 85", "geboren 12 Personen 1985", "12-Jan-80", "19850512",
            "born 19859912",
            "born 12-Jan-80-4", "born 1.2.3", "birth 1985-05-12T10:11:12Z",
            "12/08/1986", "on May 12, 1985", "born in 1985", "born 99/99/9999", "el 12 de mayo de 1985", "born May the 4th",
            "born 1985-13-45",
        ])
    func births(marked: String) { check(marked, "DATE_OF_BIRTH") }

    @Test(
        "coins",
        arguments: [
            "BTC:[16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ]",
            "BTC:[3HuBPqhXXFbSk3AEcHoJzNZ6JvTCqAvvYh]".replacing(
                "3HuBPqhXXFbSk3AEcHoJzNZ6JvTCqAvvYh", with: "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
            "BTC:[bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4]", "BTC:[BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4]",
            "BTC:[bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0]",
            "BTC:16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1Boy2", "BTC:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "BTC:Bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "ETH:[0x52908400098527886E0F7030069857D2E4169EE7]", "ETH:[0xde709f2102306220921060314715629080e2fb77]",
            "ETH:[0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359]",
            "ETH:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d35A", "ETH:0xde709f2102306220921060314715629080e2fb7",
            "ETH:0x0000000000000000000000000000000000000000",
        ])
    func coins(marked: String) { checkNamed(marked) }
}
