import GatewayCrypto
import SeededRandomness
import Testing

@testable import PostgresStore

@Suite("What a server's texts mean")
struct ServerTextTests {
    @Test(
        "error codes decide what to try again",
        arguments: [
            ("40001", RetryDecision.atOnce), ("40P01", .atOnce), ("40003", .ifRepeatable), ("08007", .ifRepeatable), ("08006", .later),
            ("53300", .later), ("53100", .later), ("57P03", .later), ("57014", .later), ("25006", .later), ("55P03", .later),
            ("23505", .never), ("22P02", .never), ("42601", .never), ("42501", .never), ("28P01", .never), ("XX000", .never),
        ])
    func retries(_ code: String, _ decision: RetryDecision) throws {
        #expect(try #require(SQLState(code)).retry == decision)
    }

    @Test("only five digits and capital letters are an error code")
    func codes() {
        for text in ["", "4000", "400011", "4000a", "40 01", "4000é", "-0001"] { #expect(SQLState(text) == nil) }
    }

    @Test("only values' own errors count against rows")
    func blame() throws {
        for (code, blames) in [("22003", true), ("23514", true), ("54000", true), ("42P01", false), ("53100", false), ("25006", false)] {
            #expect(try #require(SQLState(code)).blamesValues == blames)
        }
    }

    @Test("a refusal to connect is known by its code, whatever the server's language; other failures wait for better times")
    func connectFailures() {
        let refusal = ConnectFailureText.error(
            """
            connection to server at "::1", port 5432 failed: Connection refused
            connection to server at "db" (10.0.0.1), port 5432 failed: SCHWERWIEGEND:  28P01: Passwort-Authentifizierung fehlgeschlagen
            LOCATION:  auth_failed, auth.c:326

            """)
        #expect(refusal.kind == .refused(.invalidPassword))
        #expect(refusal.retry == .never)
        #expect(!refusal.detail.contains("auth.c"))
        let starting = ConnectFailureText.error("connection to server failed: FATAL:  57P03: the database system is starting up\n")
        #expect(starting.sqlState == SQLState("57P03"))
        #expect(starting.retry == .later)
        let gone = ConnectFailureText.error("connection to server at \"::1\", port 54321 failed: Connection refused\n")
        #expect(gone.kind == .unreachable)
        #expect(gone.retry == .later)
        #expect(ConnectFailureText.error("").kind == .unreachable)
        #expect(ConnectFailureText.error(String(repeating: "x", count: 10_000)).detail.count == 500)
    }

    @Test("arrays are read back from what is written, and any other text is refused or read without a trap", arguments: 0..<300)
    func arrays(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let elements = (0..<Int.random(in: 0...6, using: &random)).map { _ in anyText(using: &random) ?? "" }
        let text = try #require(SQLValue.array(elements).text)
        #expect(ArrayText.elements(of: text) == elements)
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            if Bool.random(using: &random), bytes.count > 1 {
                bytes.remove(at: index)
            } else {
                bytes[index] = UInt8.random(in: 32...126, using: &random)
            }
        }
        _ = ArrayText.elements(of: String(decoding: bytes, as: UTF8.self))
        for text in ["", "{", "}", "{a", "a}", "{,}", "{a,}", "{NULL}", "{\"a}", "{\"a\"b}"] {
            #expect(ArrayText.elements(of: text) == nil)
        }
    }

    @Test("a location that leaves the machine is looked up by name; sockets and addresses are not")
    func names() throws {
        func names(_ text: String) throws -> Set<String> { try PostgresLocation(.init(text)).names }
        #expect(try names("postgresql://u@db.example,db2.example:6000/d") == ["db.example", "db2.example"])
        #expect(try names("postgresql://u@10.0.0.1,[2001:db8::1]:6000/d") == [])
        #expect(try names("host=/run/postgresql dbname=d") == [])
        #expect(try names("host=db.example hostaddr=10.0.0.1") == [])
        #expect(try names("dbname=d") == [])
    }
}
