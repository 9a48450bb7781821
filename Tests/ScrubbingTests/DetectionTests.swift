import Scrubbing
import Testing

@Suite("Detection")
struct DetectionTests {
    @Test(
        "the first kinds are found where they are, with exact ranges",
        arguments: [
            ("write to ana@example.com.", ["EMAIL:ana@example.com"]), ("<ana+x@a-b.example.co.uk>", ["EMAIL:ana+x@a-b.example.co.uk"]),
            ("mailto:a@b.io?x", ["EMAIL:a@b.io"]), ("'o'brien@example.com'", ["EMAIL:o'brien@example.com"]),
            ("josé@ejemplo.es", ["EMAIL:josé@ejemplo.es"]), ("联系ana@example.com请", ["EMAIL:ana@example.com"]),
            ("user@xn--fsq.xn--p1ai", ["EMAIL:user@xn--fsq.xn--p1ai"]), ("\"a.b\"@example.com", ["EMAIL:\"a.b\"@example.com"]),
            ("a@b.com@c.com", ["EMAIL:a@b.com@c.com"]), ("email=a@b.com&x", ["EMAIL:a@b.com"]),
            ("card 4111 1111 1111 1111 exp 12/27", ["CARD:4111 1111 1111 1111"]), ("378282246310005", ["CARD:378282246310005"]),
            ("3782 822463 10005", ["CARD:3782 822463 10005"]), ("x,5555-5555-5555-4444,y", ["CARD:5555-5555-5555-4444"]),
            ("4111111111111111", ["CARD:4111111111111111"]), ("4222222222222", ["CARD:4222222222222"]),
            ("IBAN: ES91 2100 0418 4502 0005 1332.", ["IBAN:ES91 2100 0418 4502 0005 1332"]),
            ("de89370400440532013000", ["IBAN:de89370400440532013000"]),
            ("NO9386011117947", ["IBAN:NO9386011117947"]), ("DNI 12345678Z", ["DNI:12345678Z"]), ("12.345.678-z", ["DNI:12.345.678-z"]),
            ("12345678 Z", ["DNI:12345678 Z"]), ("X1234567L", ["NIE:X1234567L"]), ("y-2345678-z", ["NIE:y-2345678-z"]),
            ("ping 192.168.1.20:8080", ["IPV4:192.168.1.20"]), ("10.0.0.255/8", ["IPV4:10.0.0.255"]),
            ("key sk-abcDEF0123456789abcDEF0123456789.", ["SECRET:sk-abcDEF0123456789abcDEF0123456789"]),
        ])
    func finds(text: String, expected: [String]) {
        var scanner = Scanner()
        #expect(scanner.values(in: text) == expected)
    }

    @Test(
        "near-misses are left alone",
        arguments: [
            "a@b", "icon@2x.png", "foo@1.2.3", "@ana", "4111 1111 1111 1112", "1234567812345678", "0.4111111111111111", "a4111111111111111",
            "41111111111111110000000000", "ES91 2100 0418 4502 0005 1333", "ES912100041845020005133", "12345678A", "12345678Za",
            "X1234567A",
            "1.2.3.4.5", "256.1.1.1", "1.2.3", "01.2.3.4", "version 1.2.3.4", "v10.20.30.40", "sk-learn-contrib-and-more-words",
            "sk-short1",
            "550e8400-e29b-41d4-a716-446655440000", "2024-05-06T10:11:12.123456Z", "1715000000000",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
        ])
    func leavesAlone(text: String) {
        var scanner = Scanner()
        #expect(scanner.values(in: text).isEmpty)
    }

    @Test("a number is found behind any number of others that it goes on from")
    func findsBehindManyNumbers() {
        var scanner = Scanner()
        for count in 0...140 {
            let row = String(repeating: "77/", count: count)
            #expect(scanner.values(in: row + "4111 1111 1111 1111, 77") == ["CARD:4111 1111 1111 1111"])
        }
    }

    @Test("any bytes at all are scanned, scrubbed, streamed and restored without harm")
    func survivesAnything() {
        var generator = TextGenerator(seed: 30)
        var scanner = Scanner(minimumScore: 0)
        for round in 0..<800 {
            let bytes = generator.noise(count: round % 200)
            let findings = scanner.findings(in: bytes)
            var end = 0
            for finding in findings {
                #expect(finding.range.lowerBound >= end && !finding.range.isEmpty && finding.range.upperBound <= bytes.count)
                end = finding.range.upperBound
            }
        }
    }

    @Test("a scanner is told which kinds and scores to report")
    func filters() {
        var cards = Scanner(kinds: [.card])
        #expect(cards.values(in: "a@x.com 4111111111111111") == ["CARD:4111111111111111"])
        var everything = Scanner(minimumScore: 0)
        #expect(everything.values(in: "1.2.3.4") == ["IPV4:1.2.3.4"])
    }

    @Test("kinds have names, and names give kinds")
    func names() {
        for kind in EntityKind.builtIn { #expect(EntityKind(name: kind.name) == kind) }
        #expect(EntityKind(name: "TEXT") == nil)
        #expect(EntityKind(name: "email") == nil)
    }
}
