import GatewayCrypto
import Testing

@testable import RedisStore

@Suite("URLs of Redis")
struct OptionsTests {
    @Test("host, port, database, user and password are read")
    func whole() throws {
        let options = try RedisOptions(url: "redis://gate%40way:p%3Aa%2Fs@cache.internal:7000/3")
        #expect(options.address == RedisAddress(host: "cache.internal", port: 7_000))
        #expect(options.database == 3)
        #expect(options.username == "gate@way")
        let password = options.password?.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(password == "p:a/s")
        #expect(options.tls == nil)
    }

    @Test("what is left out has its usual value; an address of IPv6 stands in brackets")
    func defaults() throws {
        let options = try RedisOptions(url: "redis://[::1]")
        #expect(options.address == RedisAddress(host: "::1", port: 6_379))
        #expect(options.database == 0 && options.username == nil && options.password == nil)
        #expect(try RedisOptions(url: "redis://:secret@h/").password != nil)
        #expect(try RedisOptions(url: "rediss://h").tls != nil)
    }

    @Test(
        "a URL that cannot be used is refused without being repeated",
        arguments: [
            "http://secret", "redis://", "redis://secret:", "redis://h:0", "redis://h:secret", "redis://h/secret", "redis://h/-1",
            "redis://u@h",
            "redis://u:%zz@h", "redis://u:secret%4@h", "redis://[::1]secret", "redis://a b:1",
        ])
    func refused(url: String) {
        let error = #expect(throws: RedisURLError.self) { try RedisOptions(url: url) }
        #expect(error?.description.contains("secret") == false)
    }

    @Test("a CA file without a certificate is refused")
    func trustRoots() {
        #expect(throws: RedisURLError.self) { try RedisOptions(url: "rediss://h", trustRoots: []) }
    }

    @Test("a secret password is not printed")
    func redacted() throws {
        #expect(!String(reflecting: try RedisOptions(url: "redis://:hunter2@h")).contains("hunter2"))
    }
}
