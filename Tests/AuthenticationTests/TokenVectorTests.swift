import GatewayCrypto
import Testing

@testable import GatewayAuthentication

/// Tokens of RFC 7515, appendix A, whose first is RFC 7519's own example too.
enum Vectors {
    static let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    static let expiry: Int64 = 1_300_819_380

    static let hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let hs256Key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

    static let rs256 =
        "eyJhbGciOiJSUzI1NiJ9." + payload
        + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    static let rs256Modulus =
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"

    static let es256 =
        "eyJhbGciOiJFUzI1NiJ9." + payload + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    static let es256X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    static let es256Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}

@Suite("The RFCs' own tokens")
struct TokenVectorTests {
    static let keys: [(token: String, key: @Sendable () throws -> VerificationKey)] = [
        (Vectors.hs256, { try VerificationKey(shared: Secret(try #require(Base64URL.decode(Vectors.hs256Key)))) }),
        (Vectors.rs256, { try VerificationKey(modulus: try #require(Base64URL.decode(Vectors.rs256Modulus)), exponent: [1, 0, 1]) }),
        (
            Vectors.es256,
            {
                try VerificationKey(
                    x: try #require(Base64URL.decode(Vectors.es256X)), y: try #require(Base64URL.decode(Vectors.es256Y)))
            }
        ),
    ]

    @Test("the signatures of RFC 7515's tokens verify, and not with any bit of token or signature changed", arguments: 0..<3)
    func signatures(number: Int) throws {
        let (token, makeKey) = Self.keys[number]
        let key = try makeKey()
        let parts = token.split(separator: ".")
        let message = Array("\(parts[0]).\(parts[1])".utf8)
        let signature = try #require(Base64URL.decode(String(parts[2])))
        #expect(key.verify(signature, of: message))
        for position in stride(from: 0, to: signature.count * 8, by: 7) {
            var changed = signature
            changed[position / 8] ^= 1 << (position % 8)
            #expect(!key.verify(changed, of: message))
        }
        var changed = message
        changed[message.count / 2] ^= 1
        #expect(!key.verify(signature, of: changed))
        for length in [0, 1, signature.count - 1] { #expect(!key.verify(Array(signature[..<length]), of: message)) }
        #expect(!key.verify(signature + [0], of: message))
        #expect(!key.verify([0] + signature, of: message))
    }

    @Test("verified whole, they lack only an audience", arguments: 0..<3)
    func whole(number: Int) throws {
        let (token, makeKey) = Self.keys[number]
        let key = try makeKey()
        let rules = TokenRules(
            issuer: "joe", audiences: ["here"], algorithm: key.algorithm, clockSkewSeconds: 0, keys: .fixed(KeySet(single: key)))
        #expect(throws: TokenRefusal.badClaim("aud")) { try Tokens.verify(token, rules, now: Vectors.expiry - 1) }
    }

    @Test("RFC 7517's key sets give the keys of the algorithm, and skip the others")
    func keySets() throws {
        // Appendix A.1, whose RSA key is another one than RFC 7515's.
        let document = """
            {"keys":[
             {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
             {"kty":"EC","crv":"P-256","x":"\(Vectors.es256X)","y":"\(Vectors.es256Y)","use":"sig","kid":"2"},
             {"kty":"RSA","n":"\(Vectors.rs256Modulus)","e":"AQAB","alg":"RS256","kid":"2011-04-29"},
             {"kty":"oct","k":"\(Vectors.hs256Key)","kid":"3"},
             {"kty":"from the future","kid":"4"}, 5, null, {}]}
            """
        let elliptic = try KeySetDocument.keys(in: Array(document.utf8), for: .es256)
        #expect(elliptic.entries.map(\.id) == ["2"])
        let modular = try KeySetDocument.keys(in: Array(document.utf8), for: .rs256)
        #expect(modular.entries.map(\.id) == ["2011-04-29"])
        #expect(throws: KeySetProblem.noUsableKey) { try KeySetDocument.keys(in: Array(document.utf8), for: .hs256) }
    }

    @Test("base64 of URLs is taken in its one form only")
    func base64() {
        #expect(Base64URL.decode("") == [])
        #expect(Base64URL.decode("AA") == [0])
        #expect(Base64URL.decode("_-8") == [0xFF, 0xEF])
        #expect(Base64URL.decode("AAEC") == [0, 1, 2])
        for text in ["A", "AB", "AAB", "AA=", "AA==", "A A", "AA\n", "+/8", "AAAAA", "ä", "AA."] {
            #expect(Base64URL.decode(text) == nil, "\(text)")
        }
    }
}
