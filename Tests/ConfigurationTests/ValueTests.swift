import Testing

@testable import GatewayConfiguration

@Suite("Values")
struct ValueTests {
    @Test(
        "durations are read, and written in the largest unit that fits",
        arguments: [("250ms", 250), ("20s", 20_000), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000), ("0ms", 0)])
    func durations(text: String, milliseconds: Int) throws {
        #expect(try DurationText.parse(text) == .milliseconds(milliseconds))
        #expect(DurationText.text(.milliseconds(milliseconds)) == text)
    }

    @Test(
        "what is no duration is refused",
        arguments: ["", "s", "20", "-1s", "1.5s", "20 s", "20S", "20sec", "99999999999999999999s", "9223372036854775807d", "٣s"])
    func noDurations(text: String) {
        #expect(throws: ValueProblem.self) { try DurationText.parse(text) }
    }

    @Test(
        "what is no network is refused",
        arguments: [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0/8", "10.0.0.256", "::/129", "[::1]", "1::2::3",
            "fe80::1%eth0",
            "10.0.0.1/31", "2001:db8::1/32", "10.0.0.0/ 8",
        ])
    func noNetworks(text: String) {
        #expect(throws: ValueProblem.self) { try NetworkText.parse(text) }
    }

    @Test(
        "sizes are read, and written in the largest unit that fits",
        arguments: [("1B", 1), ("64KiB", 65_536), ("4MiB", 4_194_304), ("2GiB", 2_147_483_648), ("1025B", 1025)])
    func sizes(text: String, bytes: Int) throws {
        #expect(try SizeText.parse(text) == bytes)
        #expect(SizeText.text(bytes) == text)
        #expect(try SizeText.parse("\(bytes)") == bytes)
    }

    @Test(
        "what is no size is refused",
        arguments: ["", "KiB", "64KB", "64kib", "-1", "1.5MiB", "64 KiB", "9223372036854775807GiB", "99999999999999999999"])
    func noSizes(text: String) {
        #expect(throws: ValueProblem.self) { try SizeText.parse(text) }
    }

    @Test(
        "prices are exact",
        arguments: [
            ("0", 0), ("0.15", 150_000_000), ("10", 10_000_000_000), ("0.000000001", 1), ("999999.999999999", 999_999_999_999_999),
            ("1.50", 1_500_000_000),
        ] as [(String, UInt64)])
    func prices(text: String, nanoUSD: UInt64) throws {
        #expect(try PriceText.parse(text) == nanoUSD)
    }

    @Test("what is no price is refused", arguments: ["", ".", ".5", "1.", "-1", "1e3", "$1", "1,5", "1000000", "0.0000000001", "1.2.3"])
    func noPrices(text: String) {
        #expect(throws: ValueProblem.self) { try PriceText.parse(text) }
    }

    @Test(
        "instants are read",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2027-01-31T12:34:56Z", 1_801_398_896), ("2028-02-29T00:00:00Z", 1_835_395_200),
            ("2027-01-01T02:00:00+02:00", 1_798_761_600), ("2026-12-31T19:00:00-05:00", 1_798_761_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] as [(String, Int64)])
    func instants(text: String, seconds: Int64) throws {
        #expect(try TimestampText.parse(text) == seconds)
    }

    @Test(
        "what is no instant is refused",
        arguments: [
            "", "2027-01-31", "2027-13-01T00:00:00Z", "2027-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2027-01-01T24:00:00Z",
            "2027-01-01 00:00:00Z",
            "2027-01-01T00:00:00", "2027-01-01T00:00:00z", "2027-01-01T00:00:00+0200!", "2027-01-01T00:00:00+25:00", "1969-12-31T23:59:59Z",
            "2027-01-0éT00:00:0Z",
        ])
    func noInstants(text: String) {
        #expect(throws: ValueProblem.self) { try TimestampText.parse(text) }
    }

    @Test(
        "addresses know whether other machines can reach them",
        arguments: [
            ("127.0.0.1:8443", true), ("127.9.9.9:1", true), ("localhost:0", true), ("[::1]:65535", true), ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("10.0.0.1:80", false), ("[fe80::1]:80", false),
        ])
    func addresses(text: String, isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "::1:80", "[::1]", "[127.0.0.1]:80",
            "example.com:80", "127.1:80", "127.0.0.1.evil.com:80",
        ])
    func noAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test("URLs are taken apart")
    func urls() throws {
        #expect(
            try ProviderURL(parsing: "https://api.example.com/v1/")
                == ProviderURL(usesTLS: true, host: "api.example.com", port: 443, path: "/v1"))
        #expect(try ProviderURL(parsing: "http://127.0.0.1:8000") == ProviderURL(usesTLS: false, host: "127.0.0.1", port: 8000, path: ""))
        #expect(try ProviderURL(parsing: "https://[::1]:8000/a/b") == ProviderURL(usesTLS: true, host: "::1", port: 8000, path: "/a/b"))
        for text in ["https://api.example.com:443/v1", "http://127.0.0.1:8000", "https://[::1]:8000/a/b"] {
            #expect(try ProviderURL(parsing: text).text == text)
        }
        #expect(try ProviderURL(parsing: "http://[::1]/").isLoopback)
        #expect(try !ProviderURL(parsing: "http://10.0.0.1/").isLoopback)
    }

    @Test(
        "what is no base URL is refused",
        arguments: [
            "", "api.example.com", "https://", "https://:80", "https://a:0", "https://a:99999", "https://a:b", "https://a b", "https://u@a",
            "https://a?x", "https://a#x",
            "https://-a", "https://a..b", "https://[::1", "https://[1.2.3.4]", "https://é.example", "HTTPS://a",
        ])
    func noURLs(text: String) {
        #expect(throws: ValueProblem.self) { try ProviderURL(parsing: text) }
    }

    @Test("suggestions are near what was written, or there are none")
    func suggestions() {
        let keys = ["max_bytes", "max_entry_bytes", "default_ttl", "scope", "log"]
        #expect(Suggestion.closest(to: "max_byte", among: keys) == "max_bytes")
        #expect(Suggestion.closest(to: "defualt_ttl", among: keys) == "default_ttl")
        #expect(Suggestion.closest(to: "LOG", among: keys) == "log")
        #expect(Suggestion.closest(to: "colour", among: keys) == nil)
        #expect(Suggestion.closest(to: String(repeating: "a", count: 100_000), among: keys) == nil)
        #expect(Suggestion.closest(to: "x", among: []) == nil)
    }
}
